"""What of a conversation is embedded for routing.

The rule: the last user turn. When it is too short to stand alone ("yes", "and the second one?"), the user turns before
it are put in front, the latest first, until there are enough words. System and tool texts never route. Very long turns
keep their beginning and their end, where people put the question.
"""

from __future__ import annotations

from collections.abc import Sequence

from doyen_experts.contract import Message

STANDS_ALONE_WORDS = 5
KEPT_CHARS = 2_000  # the encoder reads at most a few hundred tokens


def routing_text(messages: Sequence[Message]) -> str:
    """Empty when no user turn has any text."""
    turns = [text for message in messages if message.role == "user" and (text := message.content.strip())]
    if not turns:
        return ""
    text = turns.pop()
    while turns and len(text.split()) < STANDS_ALONE_WORDS:
        text = f"{turns.pop()}\n{text}"
    if len(text) > KEPT_CHARS:
        half = KEPT_CHARS // 2
        text = f"{text[:half]}\n{text[-half:]}"
    return text
