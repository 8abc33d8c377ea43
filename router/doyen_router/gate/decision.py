"""The shapes of one routing decision: what goes in, what comes out. It knows neither requests nor a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

# top_k: the k likeliest. mass: the smallest set that reaches `mass`. switch: the likeliest alone (Fedus et al. 2021).
# dense: everyone. soft: whoever reaches `soft_share` of the likeliest. conformal: the smallest set that holds the right
# expert in all but `conformal_error` of cases. hierarchical: group by group, `top_k` at each level. fixed, random and
# hash: without the gate, as baselines and fallbacks.
Selection = Literal["top_k", "mass", "switch", "dense", "soft", "conformal", "hierarchical", "fixed", "random", "hash"]
OnAbstain = Literal["generalist", "refuse"]
# epsilon: with probability `rate` anyone of those admitted. gumbel: noisy top-k, that is sampling without replacement
# (Kool et al. 2019). thompson: normal noise, `scale` times each expert's own uncertainty.
ExplorationKind = Literal["epsilon", "gumbel", "thompson"]


class RouteReason(StrEnum):
    """Why the request went where it went. Part of the API: values are added, never changed."""

    GATE = "gate"  # the gate was sure enough
    PINNED = "pinned"  # the caller named the expert
    OUT_OF_DOMAIN = "out_of_domain"  # unlike anything the experts know
    LOW_CONFIDENCE = "low_confidence"  # in some domain, but no expert reaches the policy's floor
    NO_EXPERT = "no_expert"  # policy, state or tenancy left nobody
    NO_GATE = "no_gate"  # no gate has been trained yet
    BASELINE = "baseline"  # the policy asks for a choice without the gate: fixed, random or hash


@dataclass(frozen=True, slots=True)
class Candidate:
    """One expert as the registry held it at the moment of the decision. `masked` says why it may not be chosen.

    `group` is a path of groups from the top, "law/contracts"; empty is no group. `region` is where the expert, its
    store and its model are; `data_classes` are those that it may see, None being all. `cost_usd` is
    expected for a request.
    """

    name: str
    masked: str | None = None
    group: str = ""
    region: str | None = None
    data_classes: tuple[str, ...] | None = None
    cost_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The experts of one caller, in name order. An expert of the gate that is not a candidate here is masked too."""

    candidates: tuple[Candidate, ...]
    generalist: str | None = None


@dataclass(frozen=True, slots=True)
class Exploration:
    """Seeded deviation from the best choice, for learning from what would not have been tried.

    Only experts whose probability reaches `least_share` of the likeliest are ever tried, and the choice without
    exploring takes part always. `scale` is in logits.
    """

    kind: ExplorationKind
    rate: float = 0.05
    scale: float = 0.5
    least_share: float = 0.05


@dataclass(frozen=True, slots=True)
class Policy:
    """How a choice is made from the probabilities.

    `floor`: abstain when no expert reaches this probability. `inside_floor`: abstain when the in-domain score is lower;
    None takes the gate's own, set on validation data. `allow` and `deny` name experts; deny wins. `regions`: only
    experts in these; an expert without a region is in none of them. `data_class`: of every request under this policy;
    an expert must be allowed to see this and the request's own.

    The bounds of what may move a choice, in natural logarithms of probability; 0 turns it off. `balance_bound` and
    `stickiness` are such. `fit_tolerance` is the share of the likeliest expert's probability that may be given up for
    being faster or cheaper: all of it for `wait_worth_ms` less waiting or `cost_worth_usd` less cost, in proportion
    below. `stickiness` keeps a session's expert while it has at least `stick_share` of the likeliest one's probability.
    """

    name: str = "default"
    selection: Selection = "top_k"
    top_k: int = 1
    mass: float = 0.9
    soft_share: float = 0.2
    conformal_error: float = 0.1
    fixed: str | None = None
    floor: float = 0.0
    inside_floor: float | None = None
    on_abstain: OnAbstain = "generalist"
    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()
    regions: tuple[str, ...] | None = None
    data_class: str | None = None
    exploration: Exploration | None = None
    balance_bound: float = 0.0
    fit_tolerance: float = 0.0
    wait_worth_ms: float = 1000.0
    cost_worth_usd: float = 0.01
    stickiness: float = 0.0
    stick_share: float = 0.25
    evidence: bool = True


@dataclass(frozen=True, slots=True)
class Load:
    """How an expert does just now. `health` in [0, 1] is the share of its recent work that went well.

    Failing work costs an expert up to a quarter of its probability, or `fit_tolerance` when that is more.
    """

    wait_ms: float = 0.0
    health: float = 1.0
    balance: float = 0.0


@dataclass(frozen=True, slots=True)
class Arm:
    """The arm of an experiment that the request is in; it adds to experts' logits, within `adjustments.ARM_BOUND`."""

    name: str
    offsets: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Conditions:
    """What holds for this one request, beside the registry and the policy. Recorded with the decision.

    `context`: named features, such as {"locale": "de"}; the gate knows those that it was trained with. `previous`: the
    expert that answered the session last. `loads`: an expert that is missing has the default. `hash_key`: what `hash`
    selection keeps together; the features themselves when None. `data_class` binds beside the policy's.
    """

    context: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    previous: str | None = None
    loads: Mapping[str, Load] = field(default_factory=lambda: MappingProxyType({}))
    arm: Arm | None = None
    data_class: str | None = None
    hash_key: str | None = None


NO_CONDITIONS = Conditions()


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Something that moved a choice beside the classifier, with its size on the expert's log probability.

    `evidence` and `context` are part of the probabilities; the others move the selection alone, never weights.
    """

    name: Literal["evidence", "context", "balance", "wait", "health", "cost", "stickiness", "arm", "noise"]
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
    """The outcome of `decide`. `probabilities` cover the allowed experts and sum to one (empty when there
    are none, uniform for baselines).

    `confidence` is the calibrated probability of the first chosen expert, or of the best one when the gate abstains.
    `inside` in [0, 1] is how much the text looks like what the experts know, against `inside_floor`. `propensity` is
    the exact probability of just this set of experts; it differs from 1 only when the policy explores.
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
    adjustments: tuple[Adjustment, ...] = ()
    propensity: float = 1.0

    @property
    def experts(self) -> list[str]:
        return [chosen.expert for chosen in self.chosen]
