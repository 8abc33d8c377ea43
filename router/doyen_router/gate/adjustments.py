"""What moves a choice beside the probabilities: each size bounded, in natural logarithms of probability.

They move who is chosen, never weights. Who cannot be reached by all of them together gets none: with bounds that sum to
R, an expert 2 R below the next one to be chosen stays below. Legend: K experts that may be chosen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from doyen_router.gate.decision import Adjustment, Candidate, Conditions, Load, Policy
from doyen_router.gate.gate import Judgement
from doyen_router.gate.selection import Doubles

Sizes = dict[str, float]

ARM_BOUND = 2.0
# An expert whose work all fails loses to one that is three quarters as likely; a broken one is masked, not adjusted.
HEALTH_BOUND = -math.log(0.75)
# However tolerant the policy, an expert is asked only if it has a thousandth of the likeliest one's probability.
MOST_TOLERANCE = 0.999
MOST_ROWS = 10
NO_LOAD = Load()


def fit_bound(policy: Policy) -> float:
    """How much log probability may be given up for less waiting and less cost."""
    return -math.log(1 - _clipped(policy.fit_tolerance, 0.0, MOST_TOLERANCE))


def reach(policy: Policy, conditions: Conditions) -> float:
    """R, the sum of the bounds that are in force for this request; 0 when nothing can be adjusted."""
    total = fit_bound(policy) if policy.fit_tolerance > 0 else 0.0
    if conditions.loads:
        total += max(policy.balance_bound, 0.0) + max(total, HEALTH_BOUND)
    if conditions.previous is not None:
        total += max(policy.stickiness, 0.0)
    if conditions.arm is not None:
        total += ARM_BOUND
    return total


def sizes(
    places: Iterable[int],
    names: Sequence[str],
    shares_K: Doubles,
    policy: Policy,
    conditions: Conditions,
    candidates: Mapping[str, Candidate],
) -> dict[int, Sizes]:
    """By place and kind, those that are not zero. `candidates` are needed for their cost, when fit may be traded."""
    likeliest = int(shares_K.argmax())
    highest = float(shares_K[likeliest])
    tolerance = fit_bound(policy)
    loads, arm = conditions.loads, conditions.arm
    found: dict[int, Sizes] = {}
    for place in places:
        name = names[place]
        of: Sizes = {}
        load = loads.get(name, NO_LOAD)
        if policy.balance_bound > 0:
            of["balance"] = _clipped(load.balance, -policy.balance_bound, policy.balance_bound)
        if tolerance:
            best = names[likeliest]
            best_load = loads.get(best, NO_LOAD)
            of["wait"], of["cost"] = _saved(
                best_load.wait_ms - load.wait_ms, candidates[best].cost_usd - candidates[name].cost_usd, policy
            )
        of["health"] = (_clipped(load.health, 0.0, 1.0) - 1) * max(tolerance, HEALTH_BOUND)
        if name == conditions.previous and shares_K[place] >= policy.stick_share * highest:
            of["stickiness"] = max(policy.stickiness, 0.0)
        if arm is not None:
            of["arm"] = _clipped(arm.offsets.get(name, 0.0), -ARM_BOUND, ARM_BOUND)
        of = {kind: size for kind, size in of.items() if size}
        if of:
            found[place] = of
    return found


def rows(
    places: Sequence[int], names: Sequence[str], sizes_of: Mapping[int, Mapping[str, float]]
) -> tuple[Adjustment, ...]:
    """For the record: of these experts, in this order, the largest first; no more than `MOST_ROWS`."""
    found: list[Adjustment] = []
    for place in places:
        of = sizes_of.get(place, {})
        found.extend(
            Adjustment(kind, names[place], of[kind])  # type: ignore[arg-type]  # the kinds are those of this module
            for kind in sorted(of, key=lambda kind: (-abs(of[kind]), kind))
        )
        if len(found) >= MOST_ROWS:
            break
    return tuple(found[:MOST_ROWS])


def judged(judgement: Judgement, place_in_gate: int) -> Sizes:
    """What is in the logits already, before the temperature."""
    of: Sizes = {}
    if judgement.evidence_E is not None:
        of["evidence"] = float(judgement.evidence_E[place_in_gate])
    if judgement.context_E is not None:
        of["context"] = float(judgement.context_E[place_in_gate])
    return {kind: size for kind, size in of.items() if size}


def _saved(wait_ms: float, cost_usd: float, policy: Policy) -> tuple[float, float]:
    """For waiting and cost that are saved against the likeliest expert. Together, too, they stay within the tolerance.

    The likeliest one itself has zero: whoever beats it has at least (1 - `fit_tolerance`) of its probability.
    """
    wait = _clipped(wait_ms / policy.wait_worth_ms, -1.0, 1.0) if policy.wait_worth_ms > 0 else 0.0
    cost = _clipped(cost_usd / policy.cost_worth_usd, -1.0, 1.0) if policy.cost_worth_usd > 0 else 0.0
    bound = fit_bound(policy) / max(1.0, abs(wait + cost))
    return wait * bound, cost * bound


def _clipped(value: float, low: float, high: float) -> float:
    """What is not a number says nothing: zero."""
    return 0.0 if math.isnan(value) else min(max(value, low), high)
