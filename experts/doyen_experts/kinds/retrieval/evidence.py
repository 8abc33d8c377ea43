"""How well a passage fits a question: one number in [0, 1] from its cosine and its words."""

from __future__ import annotations

from doyen_experts.store.documents import Passage

_LEXICAL_SHARE = 0.3


def evidence(passage: Passage) -> float:
    score = (1 - _LEXICAL_SHARE) * passage.dense + _LEXICAL_SHARE * passage.lexical
    return min(1.0, max(0.0, score))
