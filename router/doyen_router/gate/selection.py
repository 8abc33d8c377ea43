"""How many experts answer, and from which of them they are taken. It knows no masks and draws no noise.

Legend: K experts that may be chosen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from doyen_router.gate.decision import Policy

Doubles = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.intp]

# These take the set from the probabilities: what adjusts a score orders the set, and moves nobody in or out.
BY_PROBABILITY = frozenset({"mass", "dense", "soft", "conformal"})
ROUNDING = 1e-12


def set_size(policy: Policy, shares_K: Doubles, conformal_floor: float) -> int:
    """At least one. `conformal_floor` is the probability that members of a conformal set reach (LAC, Sadinle 2019)."""
    experts = len(shares_K)
    match policy.selection:
        case "switch":
            return 1
        case "dense":
            return experts
        case "mass":
            reached_K = np.cumsum(np.sort(shares_K)[::-1])
            return min(int(np.searchsorted(reached_K, policy.mass - ROUNDING)) + 1, experts)
        case "soft":
            return max(1, int((shares_K >= policy.soft_share * shares_K.max()).sum()))
        case "conformal":
            return max(1, int((shares_K >= conformal_floor).sum()))
        case _:
            return min(max(policy.top_k, 1), experts)


def ranked(first_K: Doubles, then_K: Doubles | None = None) -> Indexes:
    """Places (K,), highest first; equals by `then_K`, and by place after that."""
    if then_K is None or then_K is first_K:
        return np.argsort(-first_K, kind="stable")
    return np.lexsort((-then_K, -first_K))


def survivors(groups: Sequence[str], scores_K: Doubles, top_k: int) -> list[int]:
    """Places of the experts left when the groups have cascaded: at each level the `top_k` heaviest groups go on.

    `groups` are paths from the top, "law/contracts". A group weighs the sum of exp(score) of its members; an expert
    without a (further) group is a group of one. What is left is ranked as any other set. Equal groups go
    by their earliest place.
    """
    paths = [tuple(part for part in group.split("/") if part) for group in groups]
    weights = np.exp(scores_K - scores_K.max()).tolist()
    alive = list(range(len(paths)))
    depth = 0
    while any(len(paths[place]) > depth for place in alive):
        members: dict[tuple[str, ...] | int, list[int]] = {}
        for place in alive:
            path = paths[place]
            members.setdefault(path[: depth + 1] if len(path) > depth else place, []).append(place)
        heaviest = sorted(members.values(), key=lambda places: -sum(weights[place] for place in places))
        alive = sorted(place for places in heaviest[: max(top_k, 1)] for place in places)
        depth += 1
    return alive
