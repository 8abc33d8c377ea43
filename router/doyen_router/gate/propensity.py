"""How likely a noisy choice was, exactly: of each expert to be among the k highest, and of a set to be the k highest.

Every score has its own independent noise, normal or Gumbel, or none. Both probabilities are integrals over the score of
one expert, the level that the others are above or below. They are taken by Gauss-Legendre quadrature on panels that the
narrowest noise at work there allows: the error is below 1e-9 (in tests against closed forms it is near 1e-13). The
highest one alone under Gumbel noise has a closed form (Plackett and Luce).
Legend: A experts admitted, best score first; C counts up to the chosen; M nodes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)
PANEL = 2.5  # spreads
# Outside of these, in spreads from the score, no more than 1e-16 of the noise lies.
NORMAL_REACH = (-8.3, 8.3)
GUMBEL_REACH = (-3.7, 37.0)


class Noisy(NamedTuple):
    """Score and spread of each admitted expert; Gumbel spreads are all equal.

    A spread of zero is a score without noise: equals go by their place.
    """

    scores_A: Doubles
    spreads_A: Doubles
    is_gumbel: bool


def inclusion_and_set(noisy: Noisy, chosen: Sequence[int]) -> tuple[list[float], float]:
    """P(each of `chosen` is among the `len(chosen)` highest), and P(they are just the highest)."""
    count, experts = len(chosen), len(noisy.scores_A)
    if count == experts:
        return [1.0] * count, 1.0
    if count == 1 and noisy.is_gumbel and noisy.spreads_A[0] > 0:
        weights_A = np.exp((noisy.scores_A - noisy.scores_A.max()) / noisy.spreads_A[0])
        highest = float(weights_A[chosen[0]] / weights_A.sum())
        return [highest], highest
    # As many as are chosen lie above this level, as good as surely: who stays below is out, and no level below counts.
    low, high = GUMBEL_REACH if noisy.is_gumbel else NORMAL_REACH
    floor = float(np.sort(noisy.scores_A + low * noisy.spreads_A)[-count])
    can_A = noisy.scores_A + high * noisy.spreads_A >= floor
    can_A[list(chosen)] = True
    noisy = Noisy(noisy.scores_A[can_A], noisy.spreads_A[can_A], noisy.is_gumbel)
    chosen = (np.cumsum(can_A) - 1)[list(chosen)].tolist()

    others = [place for place in range(len(noisy.scores_A)) if place not in chosen]
    inclusion: list[float] = []
    together = 0.0
    for place in chosen:
        # Counted from its own score: next to a large score, a narrow noise would be rounded away.
        score = noisy.scores_A[place]
        centred = noisy._replace(scores_A=noisy.scores_A - score)
        levels_M, weights_M = _levels(centred, place, floor - float(score))
        above_AM = _above(centred, place, levels_M)
        # This one is the lowest of the set: the rest of it lies above, and all others below.
        rest = [one for one in chosen if one != place]
        lowest_M = above_AM[rest].prod(axis=0) * (1 - above_AM[others]).prod(axis=0)
        together += float(weights_M @ lowest_M)
        if count > 1:
            others_AM = np.delete(above_AM, place, axis=0)
            inclusion.append(_probability(float(weights_M @ _fewer_above(others_AM, count))))
    together = _probability(together)
    return inclusion or [together], together


def _fewer_above(above_AM: Doubles, count: int) -> Doubles:
    """P(fewer than `count` of independent events happen), (M,)."""
    happened_CM = np.zeros((count, above_AM.shape[1]))
    happened_CM[0] = 1
    for above_M in above_AM:
        happened_CM[1:] += above_M * (happened_CM[:-1] - happened_CM[1:])
        happened_CM[0] *= 1 - above_M
    return np.asarray(happened_CM.sum(axis=0))


def _levels(noisy: Noisy, place: int, floor: float) -> tuple[Doubles, Doubles]:
    """Nodes, with weights, for an expectation over the noise above the floor of one expert whose score is zero."""
    spread = float(noisy.spreads_A[place])
    if not spread:
        return np.zeros(1), np.ones(1)
    edges = np.array(_edges(noisy, place, floor))
    halves = np.diff(edges)[:, None] / 2
    levels_M = (edges[:-1, None] + halves * (1 + NODES)).ravel()
    scaled_M = levels_M / spread
    if noisy.is_gumbel:
        density_M = np.exp(-scaled_M - np.exp(-scaled_M))
    else:
        density_M = np.exp(-(scaled_M**2) / 2) / math.sqrt(2 * math.pi)
    return levels_M, (halves * WEIGHTS).ravel() * density_M / spread


def _edges(noisy: Noisy, place: int, floor: float) -> list[float]:
    """Panels over the noise of one expert: no wider than the noise at work there allows, none across a fixed score."""
    low, high = GUMBEL_REACH if noisy.is_gumbel else NORMAL_REACH
    zones = [
        (score + low * spread, score + high * spread, spread)
        for score, spread in zip(noisy.scores_A.tolist(), noisy.spreads_A.tolist(), strict=True)
    ]
    start, end, own = zones[place]
    level = max(start, floor) if floor < end else start
    edges = [level]
    while level < end:
        following = min(level + PANEL * own, end)
        for start, stop, spread in zones:
            if level < start:
                following = min(following, start)
            elif level < stop:
                following = min(following, level + PANEL * spread)
        # A spread too narrow for a float to step by is as good as none.
        level = max(following, math.nextafter(level, math.inf))
        edges.append(level)
    return edges


def _above(noisy: Noisy, place: int, levels_M: Doubles) -> Doubles:
    """P(the noisy score of each is above the level), (A, M); the level is a score of the expert at `place`."""
    scores_A1, spreads_A1 = noisy.scores_A[:, None], noisy.spreads_A[:, None]
    has_noise_A = noisy.spreads_A > 0
    if has_noise_A[place]:
        above_AM = (scores_A1 > levels_M).astype(np.float64)
    else:
        before_A1 = np.arange(len(scores_A1))[:, None] < place
        above_AM = np.broadcast_to(before_A1, (len(scores_A1), len(levels_M))).astype(np.float64)
    if has_noise_A.any():
        scaled_AM = (levels_M - scores_A1[has_noise_A]) / spreads_A1[has_noise_A]
        if noisy.is_gumbel:
            above_AM[has_noise_A] = -np.expm1(-np.exp(np.minimum(-scaled_AM, 700.0)))
        else:
            noisy_AM = (scaled_AM < 0).astype(np.float64)
            near_AM = np.abs(scaled_AM) < NORMAL_REACH[1]
            tails = map(math.erfc, (scaled_AM[near_AM] / math.sqrt(2)).tolist())
            noisy_AM[near_AM] = np.fromiter(tails, np.float64) / 2
            above_AM[has_noise_A] = noisy_AM
    return above_AM


def _probability(value: float) -> float:
    return min(max(value, 0.0), 1.0)
