"""What the native routing API takes and shows."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from doyen_platform.chat.schemas import ChatMessage
from doyen_platform.routing.explaining import Spoke


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
    size: float = Field(description="on the expert's log probability")


class CandidateView(BaseModel):
    """How one expert fared in the gate. `evidence` and `context` are in `logit` already."""

    expert: str
    is_chosen: bool
    probability: float
    logit: float
    nearness: float = Field(description="best cosine to what the gate learned of it")
    evidence: float = Field(description="what its store adds")
    context: float = Field(description="what locale, feature, tenant and the expert before add")
    row: str | None = Field(description="fine label, or discovered sub-topic, that spoke loudest")
    best_passage: float | None = Field(description="best cosine among the passages of its store that the gate holds")


class LikenessView(BaseModel):
    """A text of the expert's that is near the question."""

    text: str
    expert: str
    cosine: float
    word_overlap: float


class Grounds(BaseModel):
    """What spoke for the choice: empty when no gate was asked. Texts are the caller's own, or the shared experts'."""

    candidates: list[CandidateView] = Field(default_factory=list, description="the chosen, the runner-up, the others")
    examples: list[LikenessView] = Field(default_factory=list, description="nearest examples of those two")
    passages: list[LikenessView] = Field(default_factory=list, description="nearest passages of their stores")


def grounds(spoke: Spoke) -> Grounds:
    return Grounds(
        candidates=[CandidateView(**asdict(one)) for one in spoke.candidates],
        examples=[LikenessView(**asdict(one)) for one in spoke.examples],
        passages=[LikenessView(**asdict(one)) for one in spoke.passages],
    )


class PartView(BaseModel):
    turn: int = Field(description="place in the conversation, from 0")
    source: str
    text: str


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
    parts: list[PartView] = Field(description="the turns that the text is made of")
    read_as: str = Field(description="why these turns")
    cut_chars: int = Field(description="characters of these turns that are too many for the gate, out of their middle")
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
    propensity: float = Field(description="exact probability that the policy chooses just these experts")
    conditions: dict[str, Any] = Field(
        description="what held for this request: context, loads, data class ..."
    )  # Any: JSON
    session: str | None = Field(description="`given:<id>` or `derived:<hash>`")
    grounds: Grounds
    policy: PolicyUsed
    gate_version: str | None
    encode_ms: float
    decide_ms: float
