"""Probes and metrics, open to all. They tell experts' names and numbers, no tenant's prompts: keep the port inside."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from doyen_platform.composition import Platform
from doyen_platform.keys.access import open_to_all
from doyen_platform.web.reference import problems

router = APIRouter(tags=["health"], dependencies=[Depends(open_to_all)])


class Alive(BaseModel):
    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    status: Literal["ready"] = "ready"
    experts: dict[str, int]
    gate_version: str
    journal: int


@router.get("/livez", operation_id="live")
async def live() -> Alive:
    """The process answers. Looks at nothing else."""
    return Alive()


@router.get("/readyz", operation_id="ready", responses={503: problems()[503]})
def ready(request: Request) -> Ready:
    """Requests are answered: the database, the encoder and the gate are there."""
    platform: Platform = request.app.state.platform
    platform.database.ping()
    states: dict[str, int] = {}
    for state in platform.experts.states():
        states[state] = states.get(state, 0) + 1
    return Ready(experts=states, gate_version=platform.keeper.current.version, journal=platform.recorder.backlog())


@router.get("/metrics", operation_id="metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Prometheus text format."""
    platform: Platform = request.app.state.platform
    return Response(generate_latest(platform.metrics.registry), media_type=CONTENT_TYPE_LATEST)
