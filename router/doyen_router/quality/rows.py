"""Scored texts, as a quality model learns from them, and their JSON Lines files."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from doyen_router.errors import Invalid
from doyen_router.gate.card import DataFacts
from doyen_router.json_lines import read_objects


@dataclass(frozen=True, slots=True)
class ScoredText:
    """How well each expert answered a text, in [0, 1], and what it cost. Experts that did not answer are left out.

    Texts of one `group` (a document, a subject) are never split between what is learnt and what is measured.
    """

    text: str
    scores: Mapping[str, float]
    costs_usd: Mapping[str, float] = field(default_factory=dict)
    group: str | None = None


class RowsUnreadable(Invalid):
    def __init__(self, path: Path, reason: str, line: int | None = None) -> None:
        where = f"{path}:{line}" if line is not None else str(path)
        super().__init__(f"{where}: {reason}", param="rows")


def read_rows(path: Path, *, text_field: str = "text", group_field: str = "group") -> list[ScoredText]:
    """One object a line: text, `scores` {expert: number or true/false}, `costs_usd` {expert: USD}, perhaps a group.

    Blank lines are skipped. Raises `RowsUnreadable` with file, line and field.
    """
    lines = read_objects(path, RowsUnreadable)
    if not lines:
        raise RowsUnreadable(path, "has no rows")
    return [_row(path, number, row, text_field, group_field) for number, row in lines]


def data_facts(rows: Sequence[ScoredText]) -> DataFacts:
    """Count and SHA-256 of texts, scores and costs in their order."""
    digest = hashlib.sha256()
    for row in rows:
        fields = [row.text, sorted(row.scores.items()), sorted(row.costs_usd.items()), row.group]
        digest.update(json.dumps(fields).encode() + b"\n")
    return DataFacts(count=len(rows), sha256=digest.hexdigest())


def _row(path: Path, number: int, row: Mapping[str, object], text_field: str, group_field: str) -> ScoredText:
    text, group = row.get(text_field), row.get(group_field)
    if not isinstance(text, str) or not text.strip():
        raise RowsUnreadable(path, f"the field {text_field!r} must be a text that is not empty", line=number)
    scores = _numbers(path, number, row, "scores", most=1.0)
    if not scores:
        raise RowsUnreadable(path, "the field 'scores' names no expert", line=number)
    costs = _numbers(path, number, row, "costs_usd", most=math.inf)
    return ScoredText(text, scores, costs, None if group is None else str(group))


def _numbers(path: Path, line: int, row: Mapping[str, object], name: str, *, most: float) -> dict[str, float]:
    """A null value is an absent one."""
    values = row.get(name)
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise RowsUnreadable(path, f"the field {name!r} must be an object {{expert: number}}", line=line)
    present = {expert: value for expert, value in values.items() if value is not None}
    for expert, value in present.items():
        if not isinstance(value, int | float) or not math.isfinite(value) or not 0 <= value <= most:
            wanted = "a number in [0, 1]" if most == 1 else "a finite number, zero or more"
            raise RowsUnreadable(path, f"{name}[{expert!r}] must be {wanted}", line=line)
    return {expert: float(value) for expert, value in present.items()}
