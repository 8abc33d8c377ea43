"""`/admin/experts/{name}/documents`: add as text or as files, list, remove."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, File, Query, Request, UploadFile, status

from doyen_experts.registry import kind as find_kind
from doyen_experts.store.parsing import Limits, parse
from doyen_platform.composition import Platform
from doyen_platform.experts.routes import WaitSeconds, wait_for
from doyen_platform.experts.schemas import ExpertName
from doyen_platform.experts.service import get_expert
from doyen_platform.keys.access import Admin, Principal
from doyen_platform.stores import service
from doyen_platform.stores.models import DocumentRow
from doyen_platform.stores.schemas import (
    MOST_CHARACTERS,
    DocumentIn,
    DocumentList,
    DocumentsAdded,
    DocumentsIn,
    DocumentView,
)
from doyen_platform.stores.states import DocumentState
from doyen_platform.web.reference import problems
from doyen_router.errors import Invalid

router = APIRouter(prefix="/admin/experts/{name}/documents", tags=["admin: documents"])


class KeepsNoDocuments(Invalid):
    def __init__(self, name: str, kind: str) -> None:
        super().__init__(f"expert {name!r} is of kind {kind!r}, which keeps no documents")


@router.post("", operation_id="addDocuments", status_code=status.HTTP_201_CREATED, responses=problems(404))
def add_documents(
    request: Request, caller: Admin, name: ExpertName, body: DocumentsIn, wait_seconds: WaitSeconds = 10
) -> DocumentsAdded:
    """Documents as text (Markdown). All or none are taken; each tells its own state."""
    return _add(request.app.state.platform, caller, name, body.documents, wait_seconds)


@router.post("/files", operation_id="uploadDocuments", status_code=status.HTTP_201_CREATED, responses=problems(404))
def upload_documents(
    request: Request,
    caller: Admin,
    name: ExpertName,
    files: Annotated[list[UploadFile], File(description="text, Markdown, HTML or PDF", max_length=100)],
    wait_seconds: WaitSeconds = 10,
) -> DocumentsAdded:
    """Files. One that cannot be read refuses the whole upload and says why, so that nothing is half done."""
    platform: Platform = request.app.state.platform
    with platform.database.read() as session:
        get_expert(session, caller, name, to_change=True)
    documents = []
    for file in files:
        given = file.filename or "unnamed"
        parsed = parse(
            file.file.read(), name=given, media_type=file.content_type, limits=Limits(max_text_chars=MOST_CHARACTERS)
        )
        shown = given.replace("\\", "/").rsplit("/", 1)[-1] or "unnamed"
        documents.append(DocumentIn(title=_line(parsed.title or shown), text=parsed.text, source=_line(shown)))
    return _add(platform, caller, name, documents, wait_seconds)


@router.get("", operation_id="listDocuments", responses=problems(404))
def list_documents(
    request: Request,
    caller: Admin,
    name: ExpertName,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    after: uuid.UUID | None = None,
) -> DocumentList:
    platform: Platform = request.app.state.platform
    with platform.database.read() as session:
        expert = get_expert(session, caller, name)
        rows = service.list_documents(session, expert, limit=limit + 1, after=after)
        data = [_view(row, characters) for row, characters in rows[:limit]]
    return DocumentList(data=data, has_more=len(rows) > limit, last_id=data[-1].id if data else None)


@router.delete(
    "/{document_id}", operation_id="removeDocument", status_code=status.HTTP_204_NO_CONTENT, responses=problems(404)
)
def remove_document(request: Request, caller: Admin, name: ExpertName, document_id: uuid.UUID) -> None:
    """When this returns, no search and no citation shows the document any more."""
    platform: Platform = request.app.state.platform
    # Not while an index is being written that still has it, and would be put in service after this.
    with platform.activator.between(name), platform.database.write() as session:
        service.remove_document(session, caller, get_expert(session, caller, name, to_change=True), document_id)
    platform.activator.submit(name).result()


def _add(
    platform: Platform, caller: Principal, name: str, documents: list[DocumentIn], wait_seconds: float
) -> DocumentsAdded:
    with platform.database.write() as session:
        expert = get_expert(session, caller, name, to_change=True)
        kind = expert.current.kind
        if not find_kind(kind).uses_store:
            raise KeepsNoDocuments(name, kind)
        rows, known = service.add_documents(session, caller, expert, documents)
        ids = [row.id for row in rows]
    if ids:
        wait_for(platform, name, wait_seconds)
    with platform.database.read() as session:
        stored = [row for document_id in ids if (row := session.get(DocumentRow, document_id)) is not None]
        return DocumentsAdded(data=[_view(row, len(row.text)) for row in stored], known_already=known)


def _line(text: str) -> str:
    return " ".join(text.split())[:500] or "unnamed"


def _view(row: DocumentRow, characters: int) -> DocumentView:
    return DocumentView(
        id=row.id,
        title=row.title,
        source=row.source,
        media_type=row.media_type,
        state=DocumentState(row.state),
        reason=row.reason,
        attempts=row.attempts,
        chunks=row.chunk_count,
        characters=characters,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
