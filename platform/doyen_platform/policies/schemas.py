"""What the admin API takes and shows of routing policies."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from doyen_platform.experts.schemas import DataClass, ExpertName, Region
from doyen_router.gate.decision import ExplorationKind, OnAbstain, Selection

Probability = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0.0, le=1.0, allow_inf_nan=False)]
# In natural logarithms of probability: 3 lets an expert win that is a twentieth as likely.
LogBound = Annotated[float, Field(ge=0.0, le=10.0, allow_inf_nan=False)]
Worth = Annotated[float, Field(gt=0.0, le=1_000_000.0, allow_inf_nan=False)]
Combination = Literal["best", "all"]


class ExplorationBody(BaseModel):
    """Now and then another choice than the best, drawn by the decision's seed; its propensity is recorded."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: ExplorationKind
    rate: Probability = Field(default=0.05, description="epsilon: how often anyone of those admitted is taken")
    scale: LogBound = Field(default=0.5, description="gumbel, thompson: of the noise, in logits")
    least_share: Probability = Field(
        default=0.05, description="who has less of the likeliest's probability is not tried"
    )


class PolicyBody(BaseModel):
    """How `auto:<name>` chooses, and how the answers of several experts become one."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"regions": ["eu"], "fit_tolerance": 0.2, "cost_worth_usd": 0.02}]},
    )

    selection: Selection = Field(
        default="top_k",
        description="top_k, mass (the smallest set that reaches it), switch (one), dense (all), soft (all near the "
        "likeliest), conformal (the right one is in it, but for an error), hierarchical (by groups); "
        "without the gate: fixed, random, hash",
    )
    top_k: Annotated[int, Field(ge=1, le=16)] = 1
    mass: Probability = 0.9
    soft_share: Share = Field(default=0.2, description="soft: of the likeliest one's probability")
    conformal_error: Probability = Field(
        default=0.1, description="conformal: how often the right expert may be missing"
    )
    fixed: ExpertName | None = Field(default=None, description="fixed: who answers")
    floor: Probability = Field(default=0.0, description="abstain when nobody reaches this probability")
    inside_floor: Probability | None = Field(default=None, description="null: the gate's own, set on validation data")
    on_abstain: OnAbstain = "generalist"
    allow: list[ExpertName] | None = None
    deny: list[ExpertName] = Field(default_factory=list, description="wins over `allow`")
    regions: Annotated[list[Region], Field(max_length=64)] | None = Field(
        default=None, description="only experts in these; an expert without a region is in none of them"
    )
    data_class: DataClass | None = Field(default=None, description="of every request; one that says its own has both")
    exploration: ExplorationBody | None = None
    balance_bound: LogBound = Field(default=0.0, description="how far an even load may move the choice; 0: not at all")
    fit_tolerance: Annotated[float, Field(ge=0.0, le=0.99, allow_inf_nan=False)] = Field(
        default=0.0, description="share of the likeliest expert's probability to give up for less waiting or cost"
    )
    wait_worth_ms: Worth = Field(default=1000.0, description="so much less waiting is worth the whole tolerance")
    cost_worth_usd: Worth = Field(default=0.01, description="so much less cost is worth the whole tolerance")
    stickiness: LogBound = Field(default=0.0, description="how strongly a session keeps its expert")
    stick_share: Probability = Field(default=0.25, description="while it has this share of the likeliest's probability")
    evidence: bool = Field(default=True, description="what the experts' stores hold counts")
    combination: Combination = "best"


class PolicyView(PolicyBody):
    name: str
    tenant: str | None
    updated_at: dt.datetime


class PolicyList(BaseModel):
    data: list[PolicyView]
