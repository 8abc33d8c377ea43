"""The labelled texts that gates learn from."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from doyen_platform.database.table import new_id
from doyen_platform.experts.models import ExpertRow
from doyen_platform.gates.models import ExampleRow
from doyen_router.gate.examples import Example


class ExampleOrigin(StrEnum):
    OWNER = "owner"  # given by the domain's owner
    DOCUMENTS = "documents"  # made of the documents' titles, headings and names
    FEEDBACK = "feedback"  # an application said who should have answered


@dataclass(frozen=True, slots=True)
class NewExample:
    """`fine_label` is a finer one under the expert; `context` are named features of the request."""

    text: str
    fine_label: str | None = None
    context: Mapping[str, str] | None = None


def add_examples(
    session: Session,
    expert: ExpertRow,
    examples: Sequence[NewExample],
    origin: ExampleOrigin,
    *,
    document_id: uuid.UUID | None = None,
) -> int:
    """Returns how many were new. A text that the expert has already is skipped, whatever its label and context."""
    rows = {}
    for example in examples:
        sha256 = hashlib.sha256(example.text.encode()).hexdigest()
        rows[sha256] = ExampleRow(
            id=new_id(),
            expert_id=expert.id,
            document_id=document_id,
            text=example.text,
            sha256=sha256,
            fine_label=example.fine_label,
            context=dict(example.context) if example.context else None,
            origin=origin,
        )
    wanted = list(rows)
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        known = select(ExampleRow.sha256).where(ExampleRow.expert_id == expert.id, ExampleRow.sha256.in_(part))
        for sha256 in session.scalars(known):
            del rows[sha256]
    session.add_all(rows.values())
    session.flush()
    return len(rows)


def list_examples(
    session: Session, expert: ExpertRow, *, limit: int, after: uuid.UUID | None, with_feedback: bool
) -> list[ExampleRow]:
    query = select(ExampleRow).where(ExampleRow.expert_id == expert.id).order_by(ExampleRow.id).limit(limit)
    if after is not None:
        query = query.where(ExampleRow.id > after)
    if not with_feedback:
        query = query.where(ExampleRow.origin != ExampleOrigin.FEEDBACK)
    return list(session.scalars(query))


def count_examples(session: Session, expert: ExpertRow) -> int:
    return session.scalar(select(func.count()).where(ExampleRow.expert_id == expert.id)) or 0


def training_examples(session: Session) -> list[Example]:
    """Of all experts, in a fixed order.

    Questions made of one document are alike: they are one group, since measuring must hold them out together.
    """
    query = (
        select(ExampleRow.text, ExpertRow.name, ExampleRow.fine_label, ExampleRow.document_id, ExampleRow.context)
        .join(ExpertRow, ExpertRow.id == ExampleRow.expert_id)
        .order_by(ExpertRow.name, ExampleRow.sha256)
    )
    return [
        Example(
            text, name, fine, None if document_id is None else document_id.hex, tuple(sorted((context or {}).items()))
        )
        for text, name, fine, document_id, context in session.execute(query)
    ]
