"""What the native routing API takes and shows."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from doyen_platform.chat.schemas import ChatMessage


class ExplainRequest(BaseModel):
    """Either `input`, or `messages` as a chat request has them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"input": "Which weakness is it when user input reaches a shell?"}]},
    )

    model: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")] = "auto"
    input: Annotated[str, Field(min_length=1, max_length=200_000)] | None = None
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=2_000)] | None = None


class ChosenView(BaseModel):
    expert: str
    weight: float
    propensity: float


class AdjustmentView(BaseModel):
    name: str
    expert: str
    size: float


class PolicyUsed(BaseModel):
    name: str
    selection: str
    top_k: int
    mass: float
    floor: float
    on_abstain: str
    combination: str


class Explanation(BaseModel):
    """Why the request would go where it would go. Nothing was asked of any expert, and nothing was recorded."""

    text: str = Field(description="what of the conversation the gate reads")
    chosen: list[ChosenView]
    probabilities: dict[str, float]
    confidence: float
    runner_up: str | None
    inside: float = Field(description="how much the text looks like what the experts know, in [0, 1]")
    inside_floor: float
    abstained: bool
    reason: str
    masked: dict[str, str]
    adjustments: list[AdjustmentView]
    policy: PolicyUsed
    gate_version: str | None
    encode_ms: float
    decide_ms: float
