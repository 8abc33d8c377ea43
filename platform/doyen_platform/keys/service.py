"""Making, listing and revoking keys."""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from doyen_platform.audit.service import note
from doyen_platform.database.table import utc_now
from doyen_platform.keys.access import Principal, digest
from doyen_platform.keys.models import Key
from doyen_platform.keys.scopes import Scope
from doyen_platform.tenants.service import get_tenant
from doyen_router.errors import Invalid, NotFound

PREFIX = "dk-"


class KeyNotFound(NotFound):
    def __init__(self, key_id: uuid.UUID) -> None:
        super().__init__(f"no key has the id {key_id}")


def create_key(
    session: Session,
    caller: Principal | None,
    *,
    name: str,
    tenant: str | None,
    scopes: Sequence[Scope],
    expires_at: dt.datetime | None = None,
    secret: str | None = None,
) -> tuple[Key, str]:
    """Returns the row and the key itself, which can never be read again. `secret` is given for first-run keys only."""
    if caller is not None and caller.tenant is not None:
        if tenant not in (None, caller.tenant):
            raise Invalid(f"a key of tenant {caller.tenant!r} makes keys for its own tenant only", param="tenant")
        tenant = caller.tenant
    if tenant is None and list(scopes) != [Scope.ADMIN]:
        raise Invalid("a key with scopes beside 'admin' belongs to a tenant: name it", param="tenant")
    if tenant is not None:
        get_tenant(session, tenant)
    if expires_at is not None and expires_at <= utc_now():
        raise Invalid(f"the key would have expired already: {expires_at.isoformat()}", param="expires_at")
    key = secret or PREFIX + secrets.token_urlsafe(32)
    row = Key(
        name=name,
        tenant_id=tenant,
        scopes=[scope.value for scope in scopes],
        hint=key[:8] if key.startswith(PREFIX) else key[:2],
        digest=digest(key),
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    note(session, caller, "key.create", str(row.id), tenant=tenant, details={"name": name, "scopes": row.scopes})
    return row, key


def list_keys(session: Session, caller: Principal) -> list[Key]:
    query = select(Key).order_by(Key.id)
    if caller.tenant is not None:
        query = query.where(Key.tenant_id == caller.tenant)
    return list(session.scalars(query))


def revoke_key(session: Session, caller: Principal, key_id: uuid.UUID) -> Key:
    row = session.get(Key, key_id)
    if row is None or not caller.owns(row.tenant_id):
        raise KeyNotFound(key_id)
    if row.revoked_at is None:
        row.revoked_at = utc_now()
        note(session, caller, "key.revoke", str(row.id), tenant=row.tenant_id)
    return row


def valid_principals(session: Session) -> dict[str, Principal]:
    """By digest, for the key ring."""
    return {
        row.digest: Principal(row.id, row.tenant_id, frozenset(map(Scope, row.scopes)), row.expires_at)
        for row in session.scalars(select(Key).where(Key.revoked_at.is_(None)))
    }


def ensure_admin_key(session: Session, given: str | None) -> str | None:
    """Makes the first-run admin key, `given` or drawn. Returns a drawn one, to be shown once; None when nothing is new.

    A given key that was revoked stays revoked.
    """
    if given is not None:
        known = session.scalar(select(Key).where(Key.digest == digest(given)))
        if known is None:
            create_key(
                session, None, name="admin from DOYEN_ADMIN_KEY", tenant=None, scopes=[Scope.ADMIN], secret=given
            )
        return None
    admins = session.scalars(select(Key).where(Key.tenant_id.is_(None), Key.revoked_at.is_(None)))
    if any(Scope.ADMIN in row.scopes for row in admins):
        return None
    _, key = create_key(session, None, name="first-run admin", tenant=None, scopes=[Scope.ADMIN])
    return key
