"""What the API shows of decisions, and takes as feedback."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from doyen_platform.decisions.models import DecisionRow, ExecutionRow
from doyen_platform.experts.schemas import ExpertName
from doyen_platform.routing.schemas import AdjustmentView, ChosenView, Grounds


class ExecutionView(BaseModel):
    expert: str
    weight: float
    state: str
    error: str | None
    duration_ms: float
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float


class TimingView(BaseModel):
    encode_ms: float
    decide_ms: float
    expert_ms: float
    total_ms: float


class DecisionView(BaseModel):
    id: uuid.UUID
    created_at: dt.datetime
    tenant: str
    key_id: uuid.UUID
    route: str
    requested_model: str
    expert: str | None
    chosen: list[ChosenView]
    probabilities: dict[str, float]
    confidence: float
    inside: float
    inside_floor: float
    abstained: bool
    reason: str
    outcome: str
    error: str | None
    gate_version: str | None
    context_id: str | None = Field(description="content address of the policy and registry snapshot")
    seed: int
    conditions: dict[str, Any] = Field(
        description="what held for this request: context, loads, data class ..."
    )  # Any: JSON
    adjustments: list[AdjustmentView]
    propensity: float = Field(description="exact probability that the policy chose just these experts")
    session: str | None = Field(description="`given:<id>` or `derived:<hash>`")
    prompt: str | None = Field(description="as the tenant stores prompts: nothing, a hash, redacted, or full")
    streamed: bool
    timing: TimingView
    executions: list[ExecutionView]


class ExplainedDecision(DecisionView):
    """With what follows from the record, by deciding again. `unexplained` says what of that is missing, and why."""

    runner_up: str | None = None
    masked: dict[str, str] = Field(default_factory=dict)
    grounds: Grounds = Field(default_factory=Grounds)
    unexplained: list[str] = Field(default_factory=list)


class DecisionList(BaseModel):
    object: Literal["list"] = "list"
    data: list[DecisionView]
    first_id: uuid.UUID | None
    last_id: uuid.UUID | None
    has_more: bool


class FeedbackRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    decision_id: uuid.UUID
    verdict: Literal["right", "wrong"]
    expert: ExpertName | None = Field(
        default=None, description="who should have answered; with 'right', the one that did"
    )
    score: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    comment: Annotated[str, Field(max_length=2_000, pattern=r"^[^\x00]*$")] | None = None


class FeedbackView(BaseModel):
    id: uuid.UUID
    decision_id: uuid.UUID
    verdict: str
    expert: str | None
    score: float | None
    comment: str | None
    became_example: bool = Field(
        description="a labelled example was made of it; needs a tenant that stores full prompts"
    )
    created_at: dt.datetime


class ReplayView(BaseModel):
    decision_id: uuid.UUID
    identical: bool | None = Field(description="null: it cannot be replayed, `differences` says why")
    recorded: list[str]
    replayed: list[str] | None
    differences: list[str]


def decision_view(row: DecisionRow, executions: list[ExecutionRow]) -> DecisionView:
    return DecisionView(
        id=row.id,
        created_at=row.created_at,
        tenant=row.tenant_id,
        key_id=row.key_id,
        route=row.route,
        requested_model=row.requested_model,
        expert=row.expert,
        chosen=[ChosenView(expert=name, weight=weight, propensity=share) for name, weight, share in row.chosen],
        probabilities=row.probabilities,
        confidence=row.confidence,
        inside=row.inside,
        inside_floor=row.inside_floor,
        abstained=row.abstained,
        reason=row.reason,
        outcome=row.outcome,
        error=row.error,
        gate_version=row.gate_version,
        context_id=row.context_id,
        seed=row.seed,
        conditions=row.conditions or {},
        adjustments=[
            AdjustmentView(name=name, expert=expert, size=size) for name, expert, size in row.adjustments or []
        ],
        propensity=row.propensity,
        session=row.session,
        prompt=row.prompt,
        streamed=row.streamed,
        timing=TimingView(
            encode_ms=row.encode_ms, decide_ms=row.decide_ms, expert_ms=row.expert_ms, total_ms=row.total_ms
        ),
        executions=[
            ExecutionView(
                expert=one.expert,
                weight=one.weight,
                state=one.state,
                error=one.error,
                duration_ms=one.duration_ms,
                prompt_tokens=one.prompt_tokens,
                completion_tokens=one.completion_tokens,
                cost_usd=one.cost_usd,
            )
            for one in executions
        ],
    )
