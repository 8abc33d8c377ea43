"""`/admin/experts`: register, look, change, pause, resume, remove; and the examples of an expert."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response, status

from doyen_platform.composition import Platform
from doyen_platform.experts import service
from doyen_platform.experts.activation import Activated
from doyen_platform.experts.schemas import (
    ConfusionView,
    ExampleList,
    ExamplesAdded,
    ExamplesIn,
    ExampleView,
    ExpertCreate,
    ExpertList,
    ExpertName,
    ExpertPatch,
    ExpertRegistered,
    ExpertView,
)
from doyen_platform.experts.states import ExpertState
from doyen_platform.experts.views import expert_view
from doyen_platform.gates.examples import list_examples
from doyen_platform.keys.access import Admin
from doyen_platform.web.reference import problems
from doyen_router.errors import Invalid

router = APIRouter(prefix="/admin/experts", tags=["admin: experts"])

WaitSeconds = Annotated[float, Query(ge=0, le=60, description="how long to wait for the expert to be ready")]


def wait_for(platform: Platform, name: str, seconds: float) -> Activated | None:
    """None when it takes longer; it goes on in the background."""
    return platform.activator.wait(name, seconds)


@router.post("", operation_id="registerExpert", status_code=status.HTTP_201_CREATED, responses=problems(404, 409))
def register_expert(
    request: Request, response: Response, caller: Admin, body: ExpertCreate, wait_seconds: WaitSeconds = 10
) -> ExpertRegistered:
    """Adds an expert while everything runs: it is routed to as soon as its `state` is `active`.

    With few documents that is so when this returns; with many, `state` is `loading` and GET tells how far it is.
    """
    platform: Platform = request.app.state.platform
    with platform.database.write() as session:
        service.create_expert(session, caller, body)
    platform.activator.show()
    activated = wait_for(platform, body.name, wait_seconds)
    with platform.database.read() as session:
        view = expert_view(session, service.get_expert(session, caller, body.name))
        visible = {row.name for row in service.list_experts(session, caller)}
    response.headers["Location"] = f"/admin/experts/{body.name}"
    response.headers["ETag"] = _etag(view.version)
    confusion = activated.confusion if activated else []
    return ExpertRegistered(
        **view.model_dump(),
        confusion=[
            ConfusionView(expert=one.expert, theirs_lost=one.theirs_lost, ours_lost=one.ours_lost)
            for one in confusion
            if one.expert in visible
        ],
    )


@router.get("", operation_id="listExperts", responses=problems())
def list_experts(request: Request, caller: Admin) -> ExpertList:
    platform: Platform = request.app.state.platform
    with platform.database.read() as session:
        return ExpertList(data=[expert_view(session, row) for row in service.list_experts(session, caller)])


@router.get("/{name}", operation_id="getExpert", responses=problems(404))
def get_expert(request: Request, response: Response, caller: Admin, name: ExpertName) -> ExpertView:
    platform: Platform = request.app.state.platform
    with platform.database.read() as session:
        view = expert_view(session, service.get_expert(session, caller, name))
    response.headers["ETag"] = _etag(view.version)
    return view


@router.patch("/{name}", operation_id="changeExpert", responses=problems(404, 409))
def change_expert(
    request: Request,
    response: Response,
    caller: Admin,
    name: ExpertName,
    body: ExpertPatch,
    if_match: Annotated[
        str | None, Header(description="the ETag that was read: refuses to overwrite a newer version")
    ] = None,
    wait_seconds: WaitSeconds = 10,
) -> ExpertView:
    """Makes a new version. The one before serves until the new one is open."""
    platform: Platform = request.app.state.platform
    with platform.database.write() as session:
        service.change_expert(session, caller, name, body, expected_version=_version(if_match))
    platform.activator.show()  # what it may see binds at once, also while the new version still opens
    wait_for(platform, name, wait_seconds)
    return get_expert(request, response, caller, name)


@router.post("/{name}/pause", operation_id="pauseExpert", responses=problems(404))
def pause_expert(request: Request, response: Response, caller: Admin, name: ExpertName) -> ExpertView:
    """No new request goes to it; what runs is finished."""
    platform: Platform = request.app.state.platform
    with platform.database.write() as session:
        row = service.get_expert(session, caller, name, to_change=True)
        service.set_state(session, caller, row, ExpertState.PAUSED, "paused by an admin")
    platform.activator.show()
    return get_expert(request, response, caller, name)


@router.post("/{name}/resume", operation_id="resumeExpert", responses=problems(404))
def resume_expert(
    request: Request, response: Response, caller: Admin, name: ExpertName, wait_seconds: WaitSeconds = 10
) -> ExpertView:
    """Also tries again what had failed."""
    platform: Platform = request.app.state.platform
    with platform.database.write() as session:
        row = service.get_expert(session, caller, name, to_change=True)
        if row.state != ExpertState.ACTIVE:
            service.set_state(session, caller, row, ExpertState.LOADING, None)
    wait_for(platform, name, wait_seconds)
    return get_expert(request, response, caller, name)


@router.delete("/{name}", operation_id="removeExpert", status_code=status.HTTP_204_NO_CONTENT, responses=problems(404))
def remove_expert(request: Request, caller: Admin, name: ExpertName) -> None:
    """With its documents, examples and its row in the gate. Its decisions stay."""
    platform: Platform = request.app.state.platform
    with platform.database.write() as session:
        expert_id = service.remove_expert(session, caller, name)
    platform.activator.take_down(name, expert_id)


@router.post(
    "/{name}/examples", operation_id="addExamples", status_code=status.HTTP_201_CREATED, responses=problems(404)
)
def add_expert_examples(
    request: Request, caller: Admin, name: ExpertName, body: ExamplesIn, wait_seconds: WaitSeconds = 10
) -> ExamplesAdded:
    """Example questions for the gate. An expert that was not trained yet is imprinted anew with them at once."""
    platform: Platform = request.app.state.platform
    with platform.database.write() as session:
        row = service.get_expert(session, caller, name, to_change=True)
        added = service.add_own_examples(session, caller, row, body.examples)
    if added:
        wait_for(platform, name, wait_seconds)
    return ExamplesAdded(added=added, known_already=len(body.examples) - added)


@router.get("/{name}/examples", operation_id="listExamples", responses=problems(404))
def list_expert_examples(
    request: Request,
    caller: Admin,
    name: ExpertName,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    after: uuid.UUID | None = None,
) -> ExampleList:
    platform: Platform = request.app.state.platform
    with platform.database.read() as session:
        row = service.get_expert(session, caller, name)
        # What became an example by feedback is some tenant's prompt: of a shared expert, only the platform reads it.
        rows = list_examples(session, row, limit=limit + 1, after=after, with_feedback=caller.owns(row.tenant_id))
        data = [
            ExampleView(
                id=one.id,
                text=one.text,
                fine_label=one.fine_label,
                context=one.context if caller.owns(row.tenant_id) else None,  # it names tenants
                origin=one.origin,
                created_at=one.created_at,
            )
            for one in rows[:limit]
        ]
    return ExampleList(data=data, has_more=len(rows) > limit, last_id=data[-1].id if data else None)


def _etag(version: int) -> str:
    return f'"{version}"'


def _version(if_match: str | None) -> int | None:
    if if_match is None or if_match == "*":
        return None
    try:
        return int(if_match.removeprefix("W/").strip('"'))
    except ValueError:
        raise Invalid(f"the header If-Match is not an ETag of an expert: {if_match[:40]!r}", param="If-Match") from None
