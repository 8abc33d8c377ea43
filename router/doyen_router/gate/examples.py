"""Labelled texts, as a gate learns from them, and their JSON Lines files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from doyen_router.errors import Invalid
from doyen_router.gate.card import DataFacts
from doyen_router.json_lines import read_objects


@dataclass(frozen=True, slots=True)
class Example:
    """`fine` is a label below the expert (an intent). Texts of one `group` (a document) are never split between
    training and held-out data, where they would make the figures flatter the gate. `context` are named features of the
    request, such as (("locale", "de"),)."""

    text: str
    expert: str
    fine: str | None = None
    group: str | None = None
    context: tuple[tuple[str, str], ...] = ()


class ExamplesUnreadable(Invalid):
    def __init__(self, path: Path, reason: str, line: int | None = None) -> None:
        where = f"{path}:{line}" if line is not None else str(path)
        super().__init__(f"{where}: {reason}", param="examples")


def read_examples(
    path: Path,
    *,
    text_field: str = "text",
    label_field: str = "expert",
    fine_field: str | None = None,
    group_field: str | None = None,
    context_fields: Sequence[str] = (),
    context_field: str | None = None,
) -> list[Example]:
    """One example a line; blank lines are skipped. Fine label, group and context may be missing or null in a line.

    `context_fields` are one feature each; `context_field` is an object of them, `{"locale": "de"}`.
    Raises `ExamplesUnreadable` with file, line and field; also when no line at all has a field that is asked for.
    """
    rows = _rows(path)
    for name in (fine_field, group_field, context_field, *context_fields):
        if name is not None and not any(name in row for _, row in rows):
            raise ExamplesUnreadable(path, f"no line has the field {name!r}")
    return [
        Example(
            _text_of(path, line, row, text_field),
            _label_of(path, line, row, label_field),
            _optional_text_of(path, line, row, fine_field),
            _optional_text_of(path, line, row, group_field),
            _context_of(path, line, row, context_fields, context_field),
        )
        for line, row in rows
    ]


def read_texts(path: Path, *, text_field: str = "text", may_be_empty: bool = False) -> list[str]:
    """Texts without labels: what lies outside every domain, or what a newcomer is asked."""
    return [_text_of(path, line, row, text_field) for line, row in _rows(path, may_be_empty=may_be_empty)]


def data_facts(examples: Sequence[Example] | Sequence[str]) -> DataFacts:
    """Count and SHA-256 of the texts and labels in their order."""
    digest = hashlib.sha256()
    for example in examples:
        fields = (
            [example] if isinstance(example, str) else [example.text, example.expert, example.fine, *example.context]
        )
        digest.update(json.dumps(fields).encode() + b"\n")
    return DataFacts(count=len(examples), sha256=digest.hexdigest())


def _rows(path: Path, *, may_be_empty: bool = False) -> list[tuple[int, dict[str, object]]]:
    rows = read_objects(path, ExamplesUnreadable)
    if not rows and not may_be_empty:
        raise ExamplesUnreadable(path, "has no examples")
    return rows


def _text_of(path: Path, line: int, row: dict[str, object], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        problem = "is missing" if name not in row else "must be a text in quotes that is not empty"
        raise ExamplesUnreadable(path, f"the field {name!r} {problem}", line=line)
    return value


def _label_of(path: Path, line: int, row: dict[str, object], name: str) -> str:
    """A name that files and databases take."""
    label = _text_of(path, line, row, name)
    if "\0" in label or any("\ud800" <= character <= "\udfff" for character in label):
        raise ExamplesUnreadable(path, f"the field {name!r} has characters that no name may have", line=line)
    return label


def _context_of(
    path: Path, line: int, row: dict[str, object], names: Sequence[str], whole: str | None
) -> tuple[tuple[str, str], ...]:
    found = {name: value for name in names if (value := _optional_text_of(path, line, row, name)) is not None}
    held = None if whole is None else row.get(whole)
    if held is None:
        return tuple(found.items())
    if not isinstance(held, dict):
        raise ExamplesUnreadable(path, f"the field {whole!r} must be an object of texts", line=line)
    return tuple(found.items()) + tuple((name, _text_of(path, line, held, name)) for name in held)


def _optional_text_of(path: Path, line: int, row: dict[str, object], name: str | None) -> str | None:
    return None if name is None or row.get(name) is None else _text_of(path, line, row, name)
