"""Which piece of a passage answers best: whole sentences or code blocks in a row, verbatim, never a paraphrase."""

from __future__ import annotations

from doyen_experts.store.units import units
from doyen_experts.store.words import words

_EARLINESS = 0.03  # of two sentences that fit alike, the earlier defines and the later elaborates


def best_quote(text: str, question: str, *, max_chars: int, max_units: int = 3) -> tuple[int, int]:
    """Start and end of the units in a row that say most about the question; code counts and is kept whole if it fits.

    At least one unit, cut at a line or word when it alone is longer than `max_chars`. (0, 0) for a text without any.
    """
    found = units(text)
    quotable = [index for index, unit in enumerate(found) if unit.form != "heading"]
    if not quotable:
        quotable = list(range(len(found)))
    if not quotable:
        return 0, 0
    asked = set(words(question))

    def fit(index: int) -> float:
        said = asked.intersection(words(text[found[index].start : found[index].end]))
        return len(said) / max(1, len(asked)) - _EARLINESS * index

    first = max(quotable, key=fit)
    start, end = found[first].start, found[first].end
    if end - start > max_chars:
        return start, _cut(text, start, start + max_chars)
    for unit in found[first + 1 : first + max_units]:
        if unit.form == "heading" or unit.end - start > max_chars:
            break
        end = unit.end
    return start, end


def _cut(text: str, start: int, limit: int) -> int:
    """The last end of a line, else of a word, up to the limit."""
    for mark in ("\n", " "):
        at = text.rfind(mark, start + (limit - start) // 2, limit)
        if at > start:
            return at
    return limit
