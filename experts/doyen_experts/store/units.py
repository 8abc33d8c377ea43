"""The sentences, list items, headings and code blocks of a text, by their offsets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

_PARAGRAPH = re.compile(r"(?:[^\S\n]*\S[^\n]*(?:\n|\Z))+")
_FENCED = re.compile(r"^[ ]{0,3}(`{3,}|~{3,})[^\n]*\n.*?(?:^[ ]{0,3}\1[^\n]*$|\Z)", re.MULTILINE | re.DOTALL)
_SENTENCE_END = re.compile(
    r"(?<!\be\.g)(?<!\bi\.e)(?<!\bcf)(?<!\bvs)(?<!\betc)[.!?][\"')\]`*]*\s+(?=[\"'(\[`*_]?[^\Wa-z_])"
)
_ITEM = re.compile(r"\n(?=\s*(?:[-*+•]|\d+[.)])\s)")
_RULE = re.compile(r"[\s=\-~^\"'#*+_]+")


@dataclass(frozen=True, slots=True)
class Unit:
    """A sentence, list item, heading or code block of a text, at text[start:end]."""

    start: int
    end: int
    form: Literal["prose", "code", "heading"]


def units(text: str) -> list[Unit]:
    """The units in order, none overlapping; white space and rules between them belong to none."""
    found: list[Unit] = []
    position = 0
    for fence in _FENCED.finditer(text):
        found.extend(_paragraph_units(text, position, fence.start()))
        found.append(Unit(fence.start(), fence.end(), "code"))
        position = fence.end()
    found.extend(_paragraph_units(text, position, len(text)))
    return found


def _paragraph_units(text: str, start: int, end: int) -> Iterator[Unit]:
    for match in _PARAGRAPH.finditer(text, start, end):
        paragraph = match.group()
        if _RULE.fullmatch(paragraph):
            continue
        if paragraph.lstrip().startswith((">>>", "$ ")) or paragraph.startswith(("    ", "\t")):
            yield _trimmed(text, match.start(), match.end(), "code")
        elif re.match(r" {0,3}#{1,6}\s", paragraph):
            line_end = match.start() + (paragraph.find("\n") if "\n" in paragraph else len(paragraph))
            yield _trimmed(text, match.start(), line_end, "heading")
            yield from _paragraph_units(text, line_end, match.end())
        else:
            yield from _sentences(text, match.start(), match.end())


def _sentences(text: str, start: int, end: int) -> Iterator[Unit]:
    cuts = {match.end() for pattern in (_SENTENCE_END, _ITEM) for match in pattern.finditer(text, start, end)}
    edges = [start, *sorted(cuts), end]
    for left, right in pairwise(edges):
        if text[left:right].strip():
            yield _trimmed(text, left, right, "prose")


def _trimmed(text: str, start: int, end: int, form: Literal["prose", "code", "heading"]) -> Unit:
    piece = text[start:end]
    # The indentation of code's first line stays: its other lines are indented against it.
    left = 0 if form == "code" else len(piece) - len(piece.lstrip())
    return Unit(start + left, start + len(piece.rstrip()), form)
