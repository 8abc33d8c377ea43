"""`GET /v1/models`: `auto`, and each expert that the caller may name."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from doyen_platform.composition import Platform
from doyen_platform.experts.live import LiveExpert
from doyen_platform.experts.states import ExpertState
from doyen_platform.keys.access import App
from doyen_platform.routing.service import AUTO, ModelNotFound
from doyen_platform.web.reference import OPENAI_ERRORS

router = APIRouter(prefix="/v1", tags=["openai"])


class Model(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str
    title: str
    description: str
    kind: str


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[Model]


@router.get("/models", operation_id="listModels", responses=OPENAI_ERRORS)
async def list_models(request: Request, caller: App) -> ModelList:
    platform: Platform = request.app.state.platform
    experts = [expert for expert in platform.experts.visible(caller.home) if expert.state == ExpertState.ACTIVE]
    return ModelList(data=[_auto(platform), *map(_model, experts)])


@router.get("/models/{model}", operation_id="retrieveModel", responses=OPENAI_ERRORS)
async def retrieve_model(request: Request, caller: App, model: str) -> Model:
    platform: Platform = request.app.state.platform
    if model == AUTO or model.startswith(AUTO + ":"):
        platform.policies.get(model.partition(":")[2] or None, caller.home)
        return _auto(platform, model)
    expert = platform.experts.find(model, caller.home)
    if expert is None:
        raise ModelNotFound(model)
    return _model(expert)


def _auto(platform: Platform, model: str = AUTO) -> Model:
    return Model(
        id=model,
        created=int(platform.started_at.timestamp()),
        owned_by="doyen",
        title="Auto",
        description="The gate chooses the expert.",
        kind="gate",
    )


def _model(expert: LiveExpert) -> Model:
    return Model(
        id=expert.name,
        created=int(expert.created_at.timestamp()),
        owned_by=expert.tenant or "doyen",
        title=expert.title,
        description=expert.description,
        kind=expert.kind,
    )
