"""The form of a text: named numbers that say how hard it may be, beside what it is about. From the text alone.

An encoder sees the first tokens and forgets digits and layout; these see the whole text, but nothing of its meaning.
"""

from __future__ import annotations

import math
import re

import numpy as np

from doyen_router.encoder.contract import Vector

# Longer texts differ little in form, and reading all of one would cost more than the encoder.
MOST_CHARACTERS = 8_000
LONG_WORD_CHARACTERS = 9

OPTION = re.compile(r"^\s*\(?[A-Ja-j][.)]\s+(.*)$", re.MULTILINE)
WORD = re.compile(r"[^\W\d_]+")
NUMBER = re.compile(r"\d+")
YEAR = re.compile(r"\b(?:1[5-9]|20)\d\d\b")
NEGATION = re.compile(r"\b(?:not|except|least|never|false|incorrect)\b", re.IGNORECASE)
CLAIMS = re.compile(r"\bII\b|\bstatement [12]\b", re.IGNORECASE)
QUANTITY = re.compile(r"\bhow (?:many|much|long|far|often)\b", re.IGNORECASE)

NAMES = (
    "characters", "question_characters", "options", "option_characters", "option_spread", "numeric_options",
    "lines", "digits", "digit_share", "longest_number", "year", "formula_marks", "tex", "code_marks", "percent",
    "negation", "claims", "blank", "asks", "continues", "which", "what", "how", "why", "quantity",
    "word_characters", "long_words", "distinct_words", "capitals", "punctuation", "quotes", "brackets", "beyond_ascii",
)  # fmt: skip


def form(text: str) -> Vector:
    """One number for each of `NAMES`: logarithms of counts, shares, or 0 and 1. Always finite."""
    text = text[:MOST_CHARACTERS]
    options = [option.strip() for option in OPTION.findall(text)]
    first = OPTION.search(text)
    # A text that opens with "A. Smith ..." has no options.
    question = text[: first.start()] if first and len(options) > 1 and first.start() else text
    if question is text:
        options = []
    words = WORD.findall(text)
    lower = [word.lower() for word in words]
    asked = set(lower)
    lengths = [len(option) for option in options] or [0]
    numbers = NUMBER.findall(text)
    digits = sum(map(len, numbers))
    size, many = max(1, len(text)), max(1, len(words))
    ending = question.rstrip()[-1:]
    values = (
        math.log1p(len(text)),
        math.log1p(len(question)),
        len(options),
        math.log1p(sum(lengths) / len(lengths)),
        math.log1p(max(lengths) - min(lengths)),
        sum(any(map(str.isdigit, option)) for option in options) / max(1, len(options)),
        math.log1p(question.count("\n")),
        math.log1p(digits),
        digits / size,
        min(20, max(map(len, numbers), default=0)),
        bool(YEAR.search(text)),
        math.log1p(sum(map(text.count, "=+*/^<>"))),
        math.log1p(text.count("\\") + text.count("$")),
        math.log1p(sum(map(text.count, "{};")) + text.count("()") + text.count("def ")),
        "%" in text,
        bool(NEGATION.search(question)),
        bool(CLAIMS.search(text)),
        "__" in question,
        ending == "?",
        ending in {":", ","},
        "which" in asked,
        "what" in asked,
        "how" in asked,
        "why" in asked,
        bool(QUANTITY.search(text)),
        sum(map(len, words)) / many,
        sum(len(word) >= LONG_WORD_CHARACTERS for word in words) / many,
        len(asked) / many,
        sum(map(str.isupper, text)) / size,
        sum(map(text.count, ",;:")) / size,
        bool({'"', "“", "«"} & set(text)),
        "(" in question,
        not text.isascii(),
    )
    return np.array(values, dtype=np.float32)
