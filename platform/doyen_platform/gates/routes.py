"""`/admin/gates`: train, list, promote, roll back."""

from __future__ import annotations

import contextlib
import uuid
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Annotated

from fastapi import APIRouter, Query, Request, status
from sqlalchemy import select

from doyen_platform.audit.service import note
from doyen_platform.composition import Platform
from doyen_platform.gates.models import GateVersion
from doyen_platform.gates.schemas import GateList, GateView, TrainRequest, Version
from doyen_platform.gates.states import GateState
from doyen_platform.keys.access import Admin, Principal
from doyen_platform.tenants.service import NotThePlatformsAdmin
from doyen_platform.web.reference import problems
from doyen_router.errors import NotFound

router = APIRouter(prefix="/admin/gates", tags=["admin: gates"])


@router.post("", operation_id="trainGate", status_code=status.HTTP_202_ACCEPTED, responses=problems(409))
def train_gate(
    request: Request,
    caller: Admin,
    body: TrainRequest,
    wait_seconds: Annotated[float, Query(ge=0, le=600)] = 0,
) -> GateView:
    """Trains a gate from all experts' examples, in the background. GET its id to see how it goes."""
    platform: Platform = request.app.state.platform
    _only_the_platforms_admin(caller)
    row_id, future = platform.training.start(caller, promote=body.promote)
    if wait_seconds:
        with contextlib.suppress(FutureTimeout):
            future.result(timeout=wait_seconds)
    return get_gate(request, caller, row_id)


@router.get("", operation_id="listGates", responses=problems())
def list_gates(
    request: Request,
    caller: Admin,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: uuid.UUID | None = None,
    state: GateState | None = None,
) -> GateList:
    """Newest first. A gate's card names the experts of every tenant, so it is for the platform's admins."""
    platform: Platform = request.app.state.platform
    _only_the_platforms_admin(caller)
    query = select(GateVersion).order_by(GateVersion.id.desc()).limit(limit + 1)
    if after is not None:
        query = query.where(GateVersion.id < after)
    if state is not None:
        query = query.where(GateVersion.state == state.value)
    with platform.database.read() as session:
        rows = list(session.scalars(query))
    data = [_view(row) for row in rows[:limit]]
    return GateList(data=data, has_more=len(rows) > limit, last_id=data[-1].id if data else None)


@router.get("/{gate_id}", operation_id="getGate", responses=problems(404))
def get_gate(request: Request, caller: Admin, gate_id: uuid.UUID) -> GateView:
    platform: Platform = request.app.state.platform
    _only_the_platforms_admin(caller)
    with platform.database.read() as session:
        row = session.get(GateVersion, gate_id)
    if row is None:
        raise NotFound(f"no gate version has the id {gate_id}")
    return _view(row)


@router.post("/{version}/promote", operation_id="promoteGate", responses=problems(404, 409))
def promote_gate(request: Request, caller: Admin, version: Version) -> GateView:
    """Lets this version decide. Experts that came since it was made are imprinted; those that went are dropped."""
    platform: Platform = request.app.state.platform
    _only_the_platforms_admin(caller)
    row = platform.keeper.promote(version)
    _note(platform, caller, "gate.promote", row)
    return _view(row)


@router.post("/rollback", operation_id="rollBackGate", responses=problems(409))
def roll_back_gate(request: Request, caller: Admin) -> GateView:
    """Back to the version that decided before the present one."""
    platform: Platform = request.app.state.platform
    _only_the_platforms_admin(caller)
    row = platform.keeper.roll_back()
    _note(platform, caller, "gate.roll_back", row)
    return _view(row)


def _only_the_platforms_admin(caller: Principal) -> None:
    if caller.tenant is not None:
        raise NotThePlatformsAdmin


def _note(platform: Platform, caller: Principal, action: str, row: GateVersion) -> None:
    with platform.database.write() as session:
        note(session, caller, action, row.version or str(row.id))


def _view(row: GateVersion) -> GateView:
    return GateView(
        id=row.id,
        version=row.version,
        parent=row.parent,
        origin=row.origin,
        state=GateState(row.state),
        reason=row.reason,
        card=row.card,
        created_at=row.created_at,
        promoted_at=row.promoted_at,
    )
