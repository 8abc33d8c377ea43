"""Whether a turn stands alone. It reads words only: no model, no gate, no language setting.

A turn depends on those before it when it has few words of its own and shows it: by having none at all, by how it
begins, by pointing back, or by answering what was asked. Anything else stands alone, whatever came before.
"""

from __future__ import annotations

from enum import StrEnum

from doyen_router.conversation import signs
from doyen_router.conversation.words import SCOPE, own_words, word_count, words


class Dependence(StrEnum):
    """Why a turn depends on others, or does not. The words of `Reading.reason`."""

    STANDS_ALONE = "stands_alone"
    NEW_TOPIC = "new_topic"  # it says so: "now something else: ..."
    SAYS_NOTHING = "says_nothing"  # "yes", "go on", "why is that?"
    GOES_ON = "goes_on"  # begins where another stopped: "and in Berlin?"
    POINTS_BACK = "points_back"  # "translate it", "the second hotel"
    ANSWERS = "answers"  # a few words, after the assistant asked
    FRAGMENT = "fragment"  # one word, or two

    @property
    def depends(self) -> bool:
        return self not in (Dependence.STANDS_ALONE, Dependence.NEW_TOPIC)


# Longer turns stand alone unread.
MOST_CHARS = 300
# Own words up to which the sign is believed. A long turn that begins with "and" is a question in full.
MOST_GOING_ON = 2
MOST_POINTING_BACK = 1
MOST_ANSWERING = 2
FRAGMENT_WORDS = 2
# Words in all up to which a weak sign is believed: "in 4 days, what date will it be" has room for a question in full.
MOST_WORDS = 8
MOST_WORDS_WEAKLY = 5


def without_new_topic(text: str) -> str | None:
    """What follows the words that announce a new topic, or None when nothing is announced."""
    found = signs.NEW_TOPIC.match(text)
    return text[found.end() :].strip() if found else None


def dependence(text: str, *, asked_before: bool = False) -> Dependence:
    """`asked_before`: the assistant's last words were a question."""
    if len(text) > MOST_CHARS:
        return Dependence.STANDS_ALONE
    announced = without_new_topic(text)
    why = _judged(announced or text, asked_before and not announced)
    # "Another question: is it safe?" announces one about the same thing.
    return Dependence.NEW_TOPIC if announced and not why.depends else why


def _judged(text: str, asked_before: bool) -> Dependence:
    if signs.EMPTY_IT.search(text) or signs.ABOUT_YOU.match(text):
        return Dependence.STANDS_ALONE
    said = words(text)
    own = own_words(said)
    if not own:
        return Dependence.SAYS_NOTHING
    topical = [word for word in own if word not in SCOPE]
    if len(topical) <= MOST_GOING_ON and _goes_on(said):
        return Dependence.GOES_ON
    if len(topical) <= MOST_POINTING_BACK and _points_back(said):
        return Dependence.POINTS_BACK
    brief = len(topical) <= MOST_ANSWERING and len(said) <= MOST_WORDS_WEAKLY
    if asked_before and brief and not _requests(text, said):
        return Dependence.ANSWERS
    if word_count(text) < FRAGMENT_WORDS or (not topical and len(said) <= FRAGMENT_WORDS):
        return Dependence.FRAGMENT
    return Dependence.STANDS_ALONE


def agrees(text: str) -> bool:
    """Whether the turn does no more than say yes to what was offered."""
    said = words(text)
    return not own_words(said) and signs.YES.search(" ".join(said)) is not None


def _requests(text: str, said: list[str]) -> bool:
    return "?" in text or _after_nods(said)[0] in signs.REQUESTING


def _goes_on(said: list[str]) -> bool:
    start = _after_nods(said)
    if start[0] in signs.SCOPING and len(start) <= MOST_WORDS_WEAKLY:
        return True
    return len(said) <= MOST_WORDS and any("+".join(start[:size]) in signs.GOING_ON for size in (1, 2, 3))


def _after_nods(said: list[str]) -> list[str]:
    place = 0
    while place < len(said) - 1 and said[place] in signs.NODS:
        place += 1
    return said[place:]


def _points_back(said: list[str]) -> bool:
    return (len(said) <= MOST_WORDS and not signs.POINTING.isdisjoint(said)) or (
        len(said) <= MOST_WORDS_WEAKLY and not signs.COUNTING.isdisjoint(said)
    )
