"""`/admin/keys`."""

from __future__ import annotations

import uuid

from fastapi import APIRouter, Request, status

from doyen_platform.composition import Platform
from doyen_platform.keys import service
from doyen_platform.keys.access import Admin
from doyen_platform.keys.models import Key
from doyen_platform.keys.schemas import KeyCreate, KeyCreated, KeyList, KeyView
from doyen_platform.keys.scopes import Scope
from doyen_platform.web.reference import problems

router = APIRouter(prefix="/admin/keys", tags=["admin: keys"])


@router.post("", operation_id="createKey", status_code=status.HTTP_201_CREATED, responses=problems(404))
def create_key(request: Request, caller: Admin, body: KeyCreate) -> KeyCreated:
    platform: Platform = request.app.state.platform
    with platform.database.write() as session:
        row, key = service.create_key(
            session,
            caller,
            name=body.name,
            tenant=body.tenant if "tenant" in body.model_fields_set else caller.home,
            scopes=list(dict.fromkeys(body.scopes)),
            expires_at=body.expires_at,
        )
    platform.refresh_keys()
    return KeyCreated(**_view(row).model_dump(), key=key)


@router.get("", operation_id="listKeys", responses=problems())
def list_keys(request: Request, caller: Admin) -> KeyList:
    platform: Platform = request.app.state.platform
    with platform.database.read() as session:
        return KeyList(data=[_view(row) for row in service.list_keys(session, caller)])


@router.delete("/{key_id}", operation_id="revokeKey", responses=problems(404))
def revoke_key(request: Request, caller: Admin, key_id: uuid.UUID) -> KeyView:
    """At once: the next request with that key is refused."""
    platform: Platform = request.app.state.platform
    with platform.database.write() as session:
        row = service.revoke_key(session, caller, key_id)
    platform.refresh_keys()
    return _view(row)


def _view(row: Key) -> KeyView:
    return KeyView(
        id=row.id,
        name=row.name,
        tenant=row.tenant_id,
        scopes=[Scope(scope) for scope in row.scopes],
        hint=row.hint,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
