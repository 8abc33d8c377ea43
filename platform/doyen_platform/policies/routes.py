"""`/admin/policies`: what `auto:<name>` means."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, status

from doyen_platform.composition import Platform
from doyen_platform.experts.schemas import ExpertName
from doyen_platform.keys.access import Admin
from doyen_platform.policies import service
from doyen_platform.policies.models import PolicyRow
from doyen_platform.policies.schemas import PolicyBody, PolicyList, PolicyView
from doyen_platform.tenants.schemas import TenantName
from doyen_platform.web.reference import problems

router = APIRouter(prefix="/admin/policies", tags=["admin: policies"])


@router.get("", operation_id="listPolicies", responses=problems())
def list_policies(request: Request, caller: Admin) -> PolicyList:
    platform: Platform = request.app.state.platform
    with platform.database.read() as session:
        return PolicyList(data=[_view(row) for row in service.list_policies(session, caller)])


@router.put("/{name}", operation_id="putPolicy", responses=problems(404))
def put_policy(
    request: Request,
    caller: Admin,
    name: ExpertName,
    body: PolicyBody,
    tenant: Annotated[TenantName | None, Query(description="the only tenant that may use it")] = None,
) -> PolicyView:
    """Live with the next request. The policy `default` is what plain `auto` means."""
    platform: Platform = request.app.state.platform
    with platform.database.write() as session:
        row = service.put_policy(session, caller, name, body, tenant=tenant)
    platform.policies.refresh()
    return _view(row)


@router.delete("/{name}", operation_id="removePolicy", status_code=status.HTTP_204_NO_CONTENT, responses=problems(404))
def remove_policy(request: Request, caller: Admin, name: ExpertName) -> None:
    platform: Platform = request.app.state.platform
    with platform.database.write() as session:
        service.remove_policy(session, caller, name)
    platform.policies.refresh()


def _view(row: PolicyRow) -> PolicyView:
    return PolicyView(**row.body, name=row.name, tenant=row.tenant_id, updated_at=row.updated_at)
