"""Who is picked of those allowed: the selection over adjusted and explored scores. It masks nobody.

Legend: K experts that may be chosen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from doyen_router.gate.adjustments import Sizes, judged, reach, rows, sizes
from doyen_router.gate.decision import Adjustment, Conditions, Policy, Snapshot
from doyen_router.gate.exploration import explored, unexplored
from doyen_router.gate.gate import Gate, Judgement
from doyen_router.gate.selection import BY_PROBABILITY, Doubles, Indexes, ranked, set_size, survivors

# A probability that underflowed still has a logarithm, and its expert a rank.
LEAST_SHARE = 1e-300


class Allowed(NamedTuple):
    """Those who may be chosen, by name, with their places in the gate (None: all of it)."""

    names: Sequence[str]
    places: Indexes | None


class Picked(NamedTuple):
    """The chosen, best first, with the chance of each and of all; who came next; what moved the choice, by place.

    `told` are those whose adjustments are worth a record: the chosen, the next, and who would have been chosen without.
    """

    chosen: list[int]
    inclusion: list[float]
    propensity: float
    runner_up: int | None
    moved: Mapping[int, Mapping[str, float]]
    told: list[int]


def picked(
    gate: Gate,
    allowed: Allowed,
    shares_K: Doubles,
    snapshot: Snapshot,
    policy: Policy,
    seed: int,
    conditions: Conditions,
) -> Picked:
    conformal_floor = gate.conformal_floor(policy.conformal_error) if policy.selection == "conformal" else 0.0
    count = set_size(policy, shares_K, conformal_floor)
    likeliest = ranked(shares_K)
    cascades = policy.selection == "hierarchical"
    of_name = (
        {candidate.name: candidate for candidate in snapshot.candidates} if cascades or policy.fit_tolerance > 0 else {}
    )
    moved: dict[int, Sizes] = {}
    if bound := reach(policy, conditions):
        within = range(len(shares_K)) if cascades else _within_reach(shares_K, likeliest, count, bound, policy)
        moved = sizes(within, allowed.names, shares_K, policy, conditions, of_name)
    if not moved and policy.exploration is None and not cascades:
        # Nothing moves the choice: the ranking by probability is all of it.
        order = likeliest[: count + 1].tolist()
        runner_up = order[count] if count < len(order) else None
        return Picked(order[:count], [1.0] * count, 1.0, runner_up, {}, order)

    logs_K = np.log(np.maximum(shares_K, LEAST_SHARE))
    scores_K = logs_K.copy()
    for place, of in moved.items():
        scores_K[place] += math.fsum(of.values())
    basis_K = logs_K if policy.selection in BY_PROBABILITY else scores_K
    order = ranked(basis_K, scores_K).tolist()
    pool = order
    if cascades:
        alive = set(survivors([of_name[name].group for name in allowed.names], scores_K, policy.top_k))
        pool = [place for place in order if place in alive]
    tried = (
        unexplored(pool, count)
        if policy.exploration is None
        else explored(policy.exploration, seed, pool, count, allowed.names, basis_K, shares_K, gate.card.experts)
    )
    for place, size in tried.noise.items():
        moved[place] = {**moved.get(place, {}), "noise": size}
    # Within the set by score, without the noise: chance decides the set, and nothing else.
    rank = np.argsort(ranked(scores_K)).tolist()
    inclusion = dict(sorted(zip(tried.chosen, tried.inclusion, strict=True), key=lambda one: rank[one[0]]))
    runner_up = next((place for place in order if place not in inclusion), None)
    told = [*inclusion, *([] if runner_up is None else [runner_up]), *pool[:count], *map(int, likeliest[:count])]
    return Picked(
        list(inclusion), list(inclusion.values()), tried.propensity, runner_up, moved, list(dict.fromkeys(told))
    )


def _within_reach(shares_K: Doubles, likeliest: Indexes, count: int, bound: float, policy: Policy) -> list[int]:
    """Whom adjustments can bring among the chosen, the next one, or the explored."""
    last = min(count, len(likeliest) - 1)
    least = float(shares_K[likeliest[last]]) * math.exp(-2 * bound)
    if policy.exploration is not None:
        least = min(least, policy.exploration.least_share * float(shares_K[likeliest[0]]))
    return list(map(int, np.flatnonzero(shares_K >= least)))


def adjustments_of(
    allowed: Allowed, judgement: Judgement, places: list[int], moved: Mapping[int, Mapping[str, float]]
) -> tuple[Adjustment, ...]:
    """What moved these experts, for the record, the gate's own evidence and context with it."""
    if judgement.evidence_E is None and judgement.context_E is None:
        return rows(places, allowed.names, moved) if moved else ()
    both = {
        place: judged(judgement, place if allowed.places is None else int(allowed.places[place]))
        | dict(moved.get(place, {}))
        for place in places
    }
    return rows(places, allowed.names, both)
