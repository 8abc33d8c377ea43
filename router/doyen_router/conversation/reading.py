"""What of a conversation is encoded for routing: one text, and how it came to be.

The rule, in full in docs/conversations.md: the last thing a person said, without what programs put round it. Only when
it cannot stand alone, the nearest earlier turn that can is put behind it. It knows neither the gate nor the experts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from doyen_router.conversation.dependence import Dependence, agrees, dependence, without_new_topic
from doyen_router.conversation.harness import human_text
from doyen_router.conversation.system import domain_text
from doyen_router.conversation.words import own_words, word_count, words

Source = Literal["user", "assistant", "system"]

# The default encoder reads 256 tokens, about four characters each in English: of more it would not reach the end.
KEPT_CHARS = 1_000
# Of a turn that only lends its context: enough to say what it was about.
CONTEXT_CHARS = 400
# Earlier turns that depend as well ("and in Berlin?", "and for two?") add their own words, the latest of them.
MOST_BETWEEN = 2
# An assistant's question with fewer words of its own asks about nothing: "Shall I go on?"
FEWEST_OFFERED = 2
# Turns looked at. Older ones would cost time and lend nothing.
MOST_TURNS = 40

_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|\n+")


@dataclass(frozen=True, slots=True)
class Turn:
    """`role` as in OpenAI's API. Texts of tools and of unknown roles never route."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Part:
    """`turn` is the place in the conversation, from 0."""

    turn: int
    source: Source
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """`asked` is what the user asks, with its context, whole; `text` is as much of it as is encoded.

    Both are empty when no user turn has any text. `parts` come in the order of the text: the last turn first, unless
    it says nothing of its own. `dependent`: other turns are among them, which a talk's first "yes" does not
    have. `cut_chars` is how many characters of `asked` are not in `text`.
    """

    text: str
    asked: str
    parts: tuple[Part, ...]
    reason: Dependence
    dependent: bool = False
    cut_chars: int = 0


def read(turns: Sequence[Turn]) -> Reading:
    """Deterministic, linear in the texts, without a model."""
    said = _said(turns)
    if not said:
        return Reading("", "", (), Dependence.STANDS_ALONE)
    last = said[-1]
    reason = _reason(turns, last)
    if reason is Dependence.NEW_TOPIC:
        return _reading(Part(last.turn, "user", without_new_topic(last.text) or last.text), reason=reason)
    if not reason.depends:
        return _reading(last, reason=reason)
    parts = _with_context(turns, said, reason)
    return _reading(*parts, reason=reason, dependent=any(part.turn != last.turn for part in parts))


def shortened(text: str, most_chars: int = KEPT_CHARS) -> str:
    """The beginning and the end, where people put the question, at most `most_chars` and one line break."""
    if len(text) <= most_chars:
        return text
    half = most_chars // 2
    return f"{text[:half]}\n{text[-half:]}"


def _reading(*parts: Part, reason: Dependence, dependent: bool = False) -> Reading:
    asked = "\n".join(part.text for part in parts)
    return Reading(shortened(asked), asked, parts, reason, dependent, max(0, len(asked) - KEPT_CHARS))


def _said(turns: Sequence[Turn]) -> list[Part]:
    """What people said, in order. Where every user turn is a program's, the last one has to do."""
    places = [place for place, turn in enumerate(turns) if turn.role == "user" and turn.text.strip()][-MOST_TURNS:]
    said = [Part(place, "user", text) for place in places if (text := human_text(turns[place].text))]
    if not said and places:
        return [Part(places[-1], "user", turns[places[-1]].text.strip())]
    return said


def _reason(turns: Sequence[Turn], part: Part) -> Dependence:
    return dependence(part.text, asked_before=bool(_question_before(turns, part.turn)))


def _with_context(turns: Sequence[Turn], said: list[Part], reason: Dependence) -> tuple[Part, ...]:
    last = said[-1]
    own = () if reason is Dependence.SAYS_NOTHING else (last,)
    question = _question_before(turns, last.turn)
    if question and agrees(last.text) and len(own_words(words(question))) >= FEWEST_OFFERED:
        return (Part(last.turn - 1, "assistant", shortened(question, CONTEXT_CHARS)),)
    between: list[Part] = []
    for part in reversed(said[:-1]):
        why = _reason(turns, part)
        if not why.depends:
            text = without_new_topic(part.text) or part.text
            return (*own, *between, Part(part.turn, "user", shortened(text, CONTEXT_CHARS)))
        if why is not Dependence.SAYS_NOTHING and len(between) < MOST_BETWEEN:
            between.append(part)
    # Nobody said what it is about: the application may.
    for place, turn in enumerate(turns):
        if turn.role in ("system", "developer") and (text := domain_text(turn.text)):
            return (*own, *between, Part(place, "system", text))
    # Nor the application: the turn with the most to say has to do, the latest of equals.
    fullest = max(reversed(said), key=lambda part: word_count(part.text))
    return (last,) if fullest == last else (*own, fullest)


def _question_before(turns: Sequence[Turn], place: int) -> str:
    """The question that the assistant's turn right before ends with, or nothing."""
    if place == 0 or turns[place - 1].role != "assistant":
        return ""
    text = turns[place - 1].text.rstrip()
    if not text.endswith(("?", "？")):
        return ""
    return _SENTENCE_END.split(text[-4 * CONTEXT_CHARS :])[-1]
