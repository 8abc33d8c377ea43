"""The shapes of one routing decision: what goes in, what comes out. It knows neither requests nor a database.

Legend: D dimensions of the encoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

Selection = Literal["top_k", "mass"]
OnAbstain = Literal["generalist", "refuse"]


class RouteReason(StrEnum):
    """Why the request went where it went. Part of the API: values are added, never changed."""

    GATE = "gate"  # the gate was sure enough
    PINNED = "pinned"  # the caller named the expert
    OUT_OF_DOMAIN = "out_of_domain"  # unlike anything the experts know
    LOW_CONFIDENCE = "low_confidence"  # in some domain, but no expert reaches the policy's floor
    NO_EXPERT = "no_expert"  # policy, state or tenancy left nobody
    NO_GATE = "no_gate"  # no gate has been trained yet


@dataclass(frozen=True, slots=True)
class Candidate:
    """One expert as the registry held it at the moment of the decision. `masked` says why it may not be chosen."""

    name: str
    masked: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The experts of one caller, in name order. An expert of the gate that is not a candidate here is masked too."""

    candidates: tuple[Candidate, ...]
    generalist: str | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """How a choice is made from the probabilities.

    `floor`: abstain when no expert reaches this probability. `inside_floor`: abstain when the in-domain score is lower;
    None takes the gate's own, set on validation data. `top_k` experts at most; `mass` p takes the smallest set that
    reaches p. `allow` and `deny` name experts; deny wins.
    """

    name: str = "default"
    selection: Selection = "top_k"
    top_k: int = 1
    mass: float = 0.9
    floor: float = 0.0
    inside_floor: float | None = None
    on_abstain: OnAbstain = "generalist"
    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Something that moved a choice beside the classifier, with its size on the expert's logit."""

    name: str
    expert: str
    size: float


@dataclass(frozen=True, slots=True)
class Chosen:
    """`weight`s of a choice sum to one. `propensity` is the exact probability that this policy picks this expert."""

    expert: str
    weight: float
    propensity: float = 1.0


@dataclass(frozen=True, slots=True)
class Choice:
    """The outcome of `decide`. `probabilities` cover the allowed experts and sum to one (empty when there are none).

    `confidence` is the calibrated probability of the first chosen expert, or of the best one when the gate abstains.
    `inside` in [0, 1] is how much the text looks like what the experts know, against `inside_floor`.
    """

    chosen: tuple[Chosen, ...]
    probabilities: Mapping[str, float]
    masked: Mapping[str, str]
    confidence: float
    inside: float
    inside_floor: float
    abstained: bool
    reason: RouteReason
    runner_up: str | None = None
    adjustments: tuple[Adjustment, ...] = field(default=())

    @property
    def experts(self) -> list[str]:
        return [chosen.expert for chosen in self.chosen]
