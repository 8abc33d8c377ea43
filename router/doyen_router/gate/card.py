"""What a gate says of itself: where it comes from, how good it is, and the thresholds that go with its tensors."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat


class Facts(BaseModel):
    """Unknown fields are refused: a card of a newer format must not be half understood."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DataFacts(Facts):
    count: int
    sha256: str


class ExpertFacts(Facts):
    """`rows` are the labels of the expert's rows, in the order of the tensors; so are `references`, counted.

    `recall` and `precision` are measured on held-out examples, and absent for an expert that was imprinted.
    """

    origin: Literal["trained", "imprinted"]
    rows: tuple[str, ...]
    references: int
    examples: int
    recall: FiniteFloat | None = None
    precision: FiniteFloat | None = None


class InsideScale(Facts):
    """How energy and nearness become one in-domain score in [0, 1]; see `inside.py`.

    The `*_mean` and `*_deviation` are those of held-out in-domain texts; `score_at_half` maps to 0.5 and
    `score_at_high` to 0.95.
    """

    energy_weight: FiniteFloat = 0.0
    energy_mean: FiniteFloat = 0.0
    energy_deviation: FiniteFloat = 1.0
    nearness_weight: FiniteFloat = 1.0
    nearness_mean: FiniteFloat = 0.55
    nearness_deviation: FiniteFloat = 0.12
    score_at_half: FiniteFloat = -1.65
    score_at_high: FiniteFloat = 0.0
    floor: FiniteFloat = 0.5


class Admission(Facts):
    """How a hot-added expert's rows are scaled against the trained ones; see `admission.py`.

    A newcomer's logit is `slope` x cosine + a bias; the bias takes at most `wanted_loss` of the others' traffic. It is
    read off the reference sample, on which trained logits are `optimism` higher than on texts never seen.
    """

    slope: FiniteFloat = 16.0
    optimism: FiniteFloat = 0.0
    wanted_loss: FiniteFloat = 0.007


class ReliabilityBin(Facts):
    low: FiniteFloat
    high: FiniteFloat
    count: int
    confidence: FiniteFloat
    accuracy: FiniteFloat


class GateCard(Facts):
    format: Literal[1] = 1
    created: datetime
    parent: str | None = None
    encoder_identity: str
    encoder_dimensions: int
    seed: int = 0
    data: dict[str, DataFacts] = Field(default_factory=dict)
    experts: dict[str, ExpertFacts] = Field(default_factory=dict)
    temperature: FiniteFloat = 1.0
    inside: InsideScale = Field(default_factory=InsideScale)
    admission: Admission = Field(default_factory=Admission)
    metrics: dict[str, FiniteFloat] = Field(default_factory=dict)
    reliability: tuple[ReliabilityBin, ...] = ()
