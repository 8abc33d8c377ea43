"""`/admin/tenants`."""

from __future__ import annotations

from fastapi import APIRouter, Request, status

from doyen_platform.composition import Platform
from doyen_platform.keys.access import Admin
from doyen_platform.tenants import service
from doyen_platform.tenants.models import Tenant
from doyen_platform.tenants.schemas import TenantCreate, TenantList, TenantName, TenantPatch, TenantView
from doyen_platform.tenants.storage import PromptStorage
from doyen_platform.web.reference import problems

router = APIRouter(prefix="/admin/tenants", tags=["admin: tenants"])


@router.post("", operation_id="createTenant", status_code=status.HTTP_201_CREATED, responses=problems(409))
def create_tenant(request: Request, caller: Admin, body: TenantCreate) -> TenantView:
    platform: Platform = request.app.state.platform
    with platform.database.write() as session:
        row = service.create_tenant(
            session, caller, tenant=body.id, title=body.title, prompt_storage=body.prompt_storage
        )
    platform.tenants.refresh()
    return _view(row)


@router.get("", operation_id="listTenants", responses=problems())
def list_tenants(request: Request, caller: Admin) -> TenantList:
    platform: Platform = request.app.state.platform
    with platform.database.read() as session:
        return TenantList(data=[_view(row) for row in service.list_tenants(session, caller)])


@router.patch("/{tenant}", operation_id="changeTenant", responses=problems(404))
def change_tenant(
    request: Request,
    caller: Admin,
    tenant: TenantName,
    body: TenantPatch,
) -> TenantView:
    platform: Platform = request.app.state.platform
    with platform.database.write() as session:
        row = service.change_tenant(session, caller, tenant, title=body.title, prompt_storage=body.prompt_storage)
    platform.tenants.refresh()
    return _view(row)


def _view(row: Tenant) -> TenantView:
    return TenantView(
        id=row.id, title=row.title, prompt_storage=PromptStorage(row.prompt_storage), created_at=row.created_at
    )
