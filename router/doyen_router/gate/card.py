"""What a gate says of itself: where it comes from, how good it is, and the thresholds that go with its tensors."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

HeadKind = Literal["linear", "mlp", "prototype", "knn"]


class Facts(BaseModel):
    """Unknown fields are refused: a card of a newer format must not be half understood."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DataFacts(Facts):
    count: int
    sha256: str


class ExpertFacts(Facts):
    """`rows` are the labels of the expert's rows, in the order of the tensors; `references` and `passages` are counts.

    `recall` and `precision` are measured on held-out examples, and absent for an expert that was imprinted. `scale` and
    `shift` calibrate the expert's logit. `context` is what a named feature, "locale=de", adds to it.
    """

    origin: Literal["trained", "imprinted"]
    rows: tuple[str, ...]
    references: int
    examples: int
    passages: int = 0
    recall: FiniteFloat | None = None
    precision: FiniteFloat | None = None
    scale: FiniteFloat = 1.0
    shift: FiniteFloat = 0.0
    context: dict[str, FiniteFloat] = Field(default_factory=dict)

    @property
    def uncertainty(self) -> float:
        """Standard deviation of the logit in units of an expert without any example: falls with their square root."""
        return 1 / math.sqrt(1 + self.examples)


class InsideScale(Facts):
    """How energy, nearness and neighbours become one in-domain score in [0, 1]; see `inside.py`.

    The `*_mean` and `*_deviation` are those of held-out in-domain texts; `score_at_half` maps to 0.5 and
    `score_at_high` to 0.95.
    """

    energy_weight: FiniteFloat = 0.0
    energy_mean: FiniteFloat = 0.0
    energy_deviation: FiniteFloat = 1.0
    nearness_weight: FiniteFloat = 1.0
    nearness_mean: FiniteFloat = 0.55
    nearness_deviation: FiniteFloat = 0.12
    neighbours_weight: FiniteFloat = 0.0
    neighbours_mean: FiniteFloat = 0.6
    neighbours_deviation: FiniteFloat = 0.12
    score_at_half: FiniteFloat = -1.65
    score_at_high: FiniteFloat = 0.0
    floor: FiniteFloat = 0.5


class Calibration(Facts):
    """From logits to probabilities; see `calibration.py`. Each expert's own `scale` and `shift` come first.

    `steps` are (probability said, share that was right), rising, for the likeliest expert (isotonic; else empty).
    """

    kind: Literal["temperature", "vector", "isotonic"] = "temperature"
    temperature: FiniteFloat = Field(default=1.0, gt=0)
    steps: tuple[tuple[FiniteFloat, FiniteFloat], ...] = ()


class ConformalFloor(Facts):
    """Sets of all experts whose probability reaches `floor` held the right one in all but `error` of held-out texts."""

    error: FiniteFloat
    floor: FiniteFloat


class EvidenceScale(Facts):
    """How what an expert's store holds moves its logit; see `evidence.py`. Zero weights: not at all."""

    top_weight: FiniteFloat = 0.0
    top_mean: FiniteFloat = 0.5
    coverage_weight: FiniteFloat = 0.0
    coverage_mean: FiniteFloat = 0.45
    bound: FiniteFloat = 3.0


class Admission(Facts):
    """How a hot-added expert's rows are scaled against the trained ones; see `admission.py`.

    A row's logit rises by `slope` per unit of similarity when the newcomer has ten examples; its bias takes about
    `wanted_loss` of the others' traffic. It is read off the reference sample, on which the others lead by `optimism`
    more than on texts never seen: imprinted experts by nothing, trained ones by what playing newcomers has shown.
    """

    slope: FiniteFloat = 12.0
    optimism: FiniteFloat = 0.0
    wanted_loss: FiniteFloat = 0.0035


class ReliabilityBin(Facts):
    low: FiniteFloat
    high: FiniteFloat
    count: int
    confidence: FiniteFloat
    accuracy: FiniteFloat


class GateCard(Facts):
    """`heads` and `calibrations` are the held-out negative log likelihoods of those that were tried."""

    format: Literal[2] = 2
    created: datetime
    parent: str | None = None
    encoder_identity: str
    encoder_dimensions: int
    lexical_dimensions: int = 0
    seed: int = 0
    data: dict[str, DataFacts] = Field(default_factory=dict)
    head: HeadKind = "linear"
    heads: dict[str, FiniteFloat] = Field(default_factory=dict)
    experts: dict[str, ExpertFacts] = Field(default_factory=dict)
    context_features: tuple[str, ...] = ()
    calibration: Calibration = Field(default_factory=Calibration)
    calibrations: dict[str, FiniteFloat] = Field(default_factory=dict)
    conformal: tuple[ConformalFloor, ...] = ()
    inside: InsideScale = Field(default_factory=InsideScale)
    evidence: EvidenceScale = Field(default_factory=EvidenceScale)
    admission: Admission = Field(default_factory=Admission)
    metrics: dict[str, FiniteFloat] = Field(default_factory=dict)
    reliability: tuple[ReliabilityBin, ...] = ()
