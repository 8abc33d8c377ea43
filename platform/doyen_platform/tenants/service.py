"""Tenants, and what each of them lets the platform keep of its prompts."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from doyen_platform.audit.service import note
from doyen_platform.keys.access import Principal
from doyen_platform.tenants.models import DEFAULT_TENANT, Tenant
from doyen_platform.tenants.storage import PromptStorage
from doyen_router.errors import Conflict, Forbidden, Invalid, NotFound


class TenantNotFound(NotFound):
    def __init__(self, tenant: str) -> None:
        super().__init__(f"no tenant is called {tenant!r}")


class TenantExists(Conflict):
    def __init__(self, tenant: str) -> None:
        super().__init__(f"a tenant is already called {tenant!r}")


class NotThePlatformsAdmin(Forbidden):
    def __init__(self) -> None:
        super().__init__("only an admin key without a tenant may do that")


def get_tenant(session: Session, tenant: str) -> Tenant:
    row = session.get(Tenant, tenant)
    if row is None:
        raise TenantNotFound(tenant)
    return row


def list_tenants(session: Session, caller: Principal) -> list[Tenant]:
    query = select(Tenant).order_by(Tenant.id)
    if caller.tenant is not None:
        query = query.where(Tenant.id == caller.tenant)
    return list(session.scalars(query))


def create_tenant(
    session: Session, caller: Principal, *, tenant: str, title: str, prompt_storage: PromptStorage
) -> Tenant:
    if caller.tenant is not None:
        raise NotThePlatformsAdmin
    if tenant == "all":
        raise Invalid("the name 'all' is reserved", param="id")
    if session.get(Tenant, tenant) is not None:
        raise TenantExists(tenant)
    row = Tenant(id=tenant, title=title, prompt_storage=prompt_storage)
    session.add(row)
    session.flush()
    note(session, caller, "tenant.create", tenant, tenant=tenant, details={"prompt_storage": prompt_storage})
    return row


def change_tenant(
    session: Session, caller: Principal, tenant: str, *, title: str | None, prompt_storage: PromptStorage | None
) -> Tenant:
    row = get_tenant(session, tenant)
    if not caller.owns(tenant):
        raise TenantNotFound(tenant)
    row.title = title or row.title
    row.prompt_storage = prompt_storage or row.prompt_storage
    note(session, caller, "tenant.change", tenant, tenant=tenant, details={"prompt_storage": row.prompt_storage})
    return row


def ensure_default_tenant(session: Session) -> None:
    if session.get(Tenant, DEFAULT_TENANT) is None:
        session.add(Tenant(id=DEFAULT_TENANT, title="Default", prompt_storage=PromptStorage.HASH))
        session.flush()
