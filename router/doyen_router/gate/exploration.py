"""Seeded deviation from the best choice, with the exact probability of what was chosen. It knows no masks.

Only experts that reach `least_share` of the likeliest take part, and the best choice itself. How many are chosen is
settled before. Legend: K experts that may be chosen, A of them admitted to the exploration.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np

from doyen_router.gate.card import ExpertFacts
from doyen_router.gate.decision import Exploration
from doyen_router.gate.draws import draw
from doyen_router.gate.propensity import Noisy, inclusion_and_set
from doyen_router.gate.selection import Doubles

# No expert can be called so: a name has no NUL.
COIN = "\0coin"
NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Explored:
    """Places chosen, the exact probability of each to be chosen and of just this set, and the noise by place."""

    chosen: list[int]
    inclusion: list[float]
    propensity: float
    noise: Mapping[int, float] = field(default_factory=dict)


def unexplored(pool: Sequence[int], count: int) -> Explored:
    """The best, for certain."""
    return Explored(list(pool[:count]), [1.0] * count, 1.0)


def explored(
    exploration: Exploration,
    seed: int,
    pool: Sequence[int],
    count: int,
    names: Sequence[str],
    scores_K: Doubles,
    shares_K: Doubles,
    facts: Mapping[str, ExpertFacts],
) -> Explored:
    """`count` of `pool`, which are places by score, best first. The `count` first are the choice without exploring."""
    reach = exploration.least_share * float(shares_K.max())
    admitted = [place for rank, place in enumerate(pool) if rank < count or shares_K[place] >= reach]
    if len(admitted) == count:
        return unexplored(admitted, count)
    if exploration.kind == "epsilon":
        return _epsilon(exploration.rate, seed, admitted, count, names, scores_K)
    is_gumbel = exploration.kind == "gumbel"
    spreads = [
        max(exploration.scale, 0.0) * (1.0 if is_gumbel else facts[names[place]].uncertainty) for place in admitted
    ]
    noise = [
        spread * _standard(draw(seed, names[place]), is_gumbel) for place, spread in zip(admitted, spreads, strict=True)
    ]
    noisy = [float(scores_K[place]) + size for place, size in zip(admitted, noise, strict=True)]
    # In rank order, so that one set has one propensity to the last bit, whoever was first in it.
    ranks = sorted(sorted(range(len(admitted)), key=lambda rank: -noisy[rank])[:count])
    inclusion, propensity = inclusion_and_set(Noisy(scores_K[admitted], np.array(spreads), is_gumbel), ranks)
    return Explored(
        [admitted[rank] for rank in ranks],
        inclusion,
        propensity,
        {place: size for place, size in zip(admitted, noise, strict=True) if size},
    )


def _epsilon(
    rate: float, seed: int, admitted: list[int], count: int, names: Sequence[str], scores_K: Doubles
) -> Explored:
    """With probability `rate` a uniform set of those admitted, else the best. Noise is how far one had to be lifted."""
    rate = min(max(rate, 0.0), 1.0)
    best = admitted[:count]
    chosen = best
    if draw(seed, COIN) < rate:
        chosen = sorted(admitted, key=lambda place: draw(seed, names[place]))[:count]
    uniform = rate / math.comb(len(admitted), count)
    lowest = float(scores_K[best[-1]])
    return Explored(
        chosen,
        [rate * count / len(admitted) + (1 - rate) * (place in best) for place in chosen],
        uniform + (1 - rate) * (set(chosen) == set(best)),
        {place: lowest - float(scores_K[place]) for place in chosen if place not in best},
    )


def _standard(uniform: float, is_gumbel: bool) -> float:
    return -math.log(-math.log(uniform)) if is_gumbel else NORMAL.inv_cdf(uniform)
