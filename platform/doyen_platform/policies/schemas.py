"""What the admin API takes and shows of routing policies."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from doyen_platform.experts.schemas import ExpertName
from doyen_router.gate.decision import OnAbstain, Selection

Probability = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Combination = Literal["best", "all"]


class PolicyBody(BaseModel):
    """How `auto:<name>` chooses, and how the answers of several experts become one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    selection: Selection = "top_k"
    top_k: Annotated[int, Field(ge=1, le=16)] = 1
    mass: Probability = 0.9
    floor: Probability = 0.0
    inside_floor: Probability | None = Field(default=None, description="null: the gate's own, set on validation data")
    on_abstain: OnAbstain = "generalist"
    allow: list[ExpertName] | None = None
    deny: list[ExpertName] = Field(default_factory=list)
    combination: Combination = "best"


class PolicyView(PolicyBody):
    name: str
    tenant: str | None
    updated_at: dt.datetime


class PolicyList(BaseModel):
    data: list[PolicyView]
