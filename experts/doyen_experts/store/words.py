"""How text becomes the words of lexical search. One rule for documents and for questions.

A dotted, hyphenated or snake_case name counts as a whole and by its parts: `back_populates` and "back populates" meet.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_NAME = re.compile(r"\w+(?:[.\-+#]\w+)*\+*#?")
_PART = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_MAX_WORD_CHARS = 64  # longer runs are encoded data, and every one would be a vocabulary entry of its own

STOPWORDS = frozenset(
    """
    a about an and any are as at be been being but by can could did do does doing for from had has have having how i if
    in into is it its may me might must my of on or our shall should so some such than that the their them then there
    these they this those to us was we were what when where which while who whom whose why will with would you your
    please tell explain describe show give
    """.split()  # noqa: SIM905 - ninety quoted words read worse
)


def humps(name: str) -> list[str]:
    """The parts of a CamelCase name; a plain word is its own only part."""
    return [part for part in _HUMP.split(name) if part]


def stem(word: str) -> str:
    """Harman's S-stemmer: plural and singular meet, nothing else is touched."""
    if len(word) <= 3 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-1]


def _variants(name: str) -> Iterator[str]:
    parts = [hump for part in _PART.findall(name) for hump in (part, *(humps(part) if len(humps(part)) > 1 else ()))]
    if name not in parts:
        yield name
    yield from parts


def words(text: str) -> list[str]:
    """The searchable words of a text, in order, with repetitions; stopwords are left out."""
    normal = unicodedata.normalize("NFKC", text)
    found = (stem(variant.casefold()) for name in _NAME.findall(normal) for variant in _variants(name))
    return [word for word in found if word not in STOPWORDS and len(word) <= _MAX_WORD_CHARS]
