"""Storing, listing and removing routing policies."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from doyen_platform.audit.service import note
from doyen_platform.database.table import utc_now
from doyen_platform.keys.access import Principal
from doyen_platform.policies.live import DEFAULT_POLICY, PolicyNotFound
from doyen_platform.policies.models import PolicyRow
from doyen_platform.policies.schemas import PolicyBody
from doyen_platform.tenants.service import get_tenant
from doyen_router.errors import Forbidden, Invalid


def list_policies(session: Session, caller: Principal) -> list[PolicyRow]:
    return [row for row in session.scalars(select(PolicyRow).order_by(PolicyRow.name)) if caller.sees(row.tenant_id)]


def put_policy(session: Session, caller: Principal, name: str, body: PolicyBody, *, tenant: str | None) -> PolicyRow:
    tenant = caller.tenant or tenant
    if name == DEFAULT_POLICY and tenant is not None:
        raise Invalid("the default policy is for all tenants: only a platform admin may change it", param="name")
    if tenant is not None:
        get_tenant(session, tenant)
    row = session.get(PolicyRow, name)
    if row is None:
        row = PolicyRow(name=name, tenant_id=tenant, body={})
        session.add(row)
    elif not caller.owns(row.tenant_id):
        raise Forbidden(f"the policy name {name!r} is taken by another tenant or the platform")
    row.body, row.tenant_id, row.updated_at = body.model_dump(mode="json"), tenant, utc_now()
    session.flush()
    note(session, caller, "policy.put", name, tenant=tenant, details=row.body)
    return row


def remove_policy(session: Session, caller: Principal, name: str) -> None:
    row = session.get(PolicyRow, name)
    if row is None or not caller.owns(row.tenant_id):
        raise PolicyNotFound(name)
    session.delete(row)
    note(session, caller, "policy.remove", name, tenant=row.tenant_id)
