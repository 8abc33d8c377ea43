"""The documents of an expert: adding, listing, removing. Indexing is in `indexing`."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session, defer

from doyen_platform.audit.service import note
from doyen_platform.database.table import new_id
from doyen_platform.experts.models import ExpertRow
from doyen_platform.gates.examples import ExampleOrigin, NewExample, add_examples
from doyen_platform.keys.access import Principal
from doyen_platform.stores.models import DocumentRow
from doyen_platform.stores.schemas import DocumentIn
from doyen_platform.stores.states import DocumentState
from doyen_router.errors import Invalid, NotFound


class DocumentNotFound(NotFound):
    def __init__(self, document_id: uuid.UUID, expert: str) -> None:
        super().__init__(f"the expert {expert!r} has no document {document_id}")


class EmptyDocument(Invalid):
    def __init__(self, title: str) -> None:
        super().__init__(f"the document {title!r} has no text", param="documents")


class NulInDocument(Invalid):
    def __init__(self, title: str) -> None:
        super().__init__(f"the document {title!r} holds a NUL character: it is not text", param="documents")


def add_documents(
    session: Session,
    caller: Principal | None,
    expert: ExpertRow,
    documents: Sequence[DocumentIn],
    *,
    media_type: str = "text/markdown",
) -> tuple[list[DocumentRow], int]:
    """All or none. Returns the new rows, and how many were known already (by title, source and text)."""
    rows: dict[str, tuple[DocumentRow, DocumentIn]] = {}
    for document in documents:
        if not document.text.strip():
            raise EmptyDocument(document.title)
        if "\x00" in document.text:
            raise NulInDocument(document.title)
        source = document.source or document.title
        sha256 = hashlib.sha256("\0".join((document.title, source, document.text)).encode()).hexdigest()
        row = DocumentRow(
            id=new_id(),
            expert_id=expert.id,
            title=document.title,
            source=source,
            media_type=media_type,
            text=document.text,
            sha256=sha256,
            details=document.metadata,
            state=DocumentState.QUEUED,
        )
        rows[sha256] = (row, document)
    known = _forget_failed(session, expert, rows)
    new = [(row, document) for sha256, (row, document) in rows.items() if sha256 not in known]
    session.add_all(row for row, _ in new)
    session.flush()
    for row, document in new:
        if document.questions:
            add_examples(
                session,
                expert,
                [NewExample(text) for text in document.questions],
                ExampleOrigin.DOCUMENTS,
                document_id=row.id,
            )
    if new:
        note(session, caller, "documents.add", expert.name, tenant=expert.tenant_id, details={"count": len(new)})
    return [row for row, _ in new], len(documents) - len(new)


def _forget_failed(session: Session, expert: ExpertRow, sha256s: Iterable[str]) -> set[str]:
    """The documents among these that the store has. One that failed is forgotten, so that adding it tries again."""
    known: set[str] = set()
    wanted = list(sha256s)
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        query = select(DocumentRow).where(DocumentRow.expert_id == expert.id, DocumentRow.sha256.in_(part))
        for row in session.scalars(query.options(defer(DocumentRow.text))):
            if row.state == DocumentState.FAILED:
                session.delete(row)
            else:
                known.add(row.sha256)
    session.flush()
    return known


def list_documents(
    session: Session, expert: ExpertRow, *, limit: int, after: uuid.UUID | None
) -> list[tuple[DocumentRow, int]]:
    """Pages by id; each with its number of characters, so that no text is read."""
    query = (
        select(DocumentRow, func.length(DocumentRow.text))
        .where(DocumentRow.expert_id == expert.id)
        .options(defer(DocumentRow.text))
        .order_by(DocumentRow.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(DocumentRow.id > after)
    return [(row, length) for row, length in session.execute(query)]


def remove_document(session: Session, caller: Principal, expert: ExpertRow, document_id: uuid.UUID) -> None:
    row = session.get(DocumentRow, document_id)
    if row is None or row.expert_id != expert.id:
        raise DocumentNotFound(document_id, expert.name)
    session.delete(row)
    # Until the index is built anew none may serve: after a kill, the old one would show the deleted text again.
    expert.store_generation = None
    note(
        session,
        caller,
        "documents.remove",
        expert.name,
        tenant=expert.tenant_id,
        details={"document": str(document_id)},
    )


def count_by_state(session: Session, expert: ExpertRow) -> dict[str, int]:
    query = (
        select(DocumentRow.state, func.count()).where(DocumentRow.expert_id == expert.id).group_by(DocumentRow.state)
    )
    return {state: count for state, count in session.execute(query)}


def experts_with_queued_documents(session: Session) -> set[uuid.UUID]:
    query = select(DocumentRow.expert_id).where(DocumentRow.state == DocumentState.QUEUED).distinct()
    return set(session.scalars(query))
