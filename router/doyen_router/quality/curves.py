"""Quality against cost: the frontier of a router's points, AIQ, the deferral curve and what is read off it.

AIQ is RouterBench's (Hu et al. 2024, `evaluation/AIQ.py`). The deferral curve's figures follow HybridLLM and UniRoute.
Legend: N texts, E experts, K points. A cost is the mean over the texts, in USD.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

MOST_LAMBDAS = 500


class Point(NamedTuple):
    cost_usd: float
    quality: float


def frontier(points: Sequence[Point]) -> list[Point]:
    """The non-decreasing convex hull: what mixing the points at random can reach. From the cheapest point to the best.

    Quality rises along it, by less and less for the money.
    """
    hull: list[Point] = []
    for point in sorted(points, key=lambda of: (of.cost_usd, -of.quality)):
        if hull and point.quality <= hull[-1].quality:
            continue
        while len(hull) > 1 and _slope(hull[-2], hull[-1]) <= _slope(hull[-2], point):
            hull.pop()
        hull.append(point)
    return hull


def aiq(points: Sequence[Point], largest_cost_usd: float) -> float:
    """Area under the frontier, kept level to `largest_cost_usd` among the routers compared, over that cost.

    The area starts at the router's cheapest point, as RouterBench's does. NaN when nothing costs anything.
    """
    if largest_cost_usd <= 0:
        return float("nan")
    hull = frontier(points)
    return _area([*hull, Point(max(largest_cost_usd, hull[-1].cost_usd), hull[-1].quality)]) / largest_cost_usd


def deferral_area(points: Sequence[Point], smallest_cost_usd: float, largest_cost_usd: float) -> float:
    """Mean quality over cost along the curve itself, kept level to `largest_cost_usd`. Unlike AIQ it forgives no dent.

    Both costs are those of the routers compared. Below its cheapest point a router has no answer, which counts as zero.
    NaN when all cost the same.
    """
    span_usd = largest_cost_usd - smallest_cost_usd
    if span_usd <= 0:
        return float("nan")
    ordered = _ordered(points)
    return _area([*ordered, Point(max(largest_cost_usd, ordered[-1].cost_usd), ordered[-1].quality)]) / span_usd


def cost_of_quality(points: Sequence[Point], quality: float) -> float | None:
    """The smallest cost at which the deferral curve reaches `quality`, by interpolation; None if it never does."""
    ordered = _ordered(points)
    for before, after in zip([ordered[0], *ordered], ordered, strict=False):
        if after.quality >= quality:
            if before.quality >= quality:
                return before.cost_usd
            share = (quality - before.quality) / (after.quality - before.quality)
            return before.cost_usd + share * (after.cost_usd - before.cost_usd)
    return None


def quality_neutral_cost(points: Sequence[Point], best_single: Point) -> float | None:
    """QNC: the cost to match the best single expert, over that expert's cost. None if out of reach or if it is free."""
    cost_usd = cost_of_quality(points, best_single.quality)
    return None if cost_usd is None or best_single.cost_usd <= 0 else cost_usd / best_single.cost_usd


def swept(predicted_NE: Doubles, expected_usd_NE: Doubles, scores_NE: Doubles, costs_usd_NE: Doubles) -> list[Point]:
    """True quality and cost of the choices by predicted quality - lambda x expected cost, for lambda from endless to 0.

    Every lambda at which some text's choice may change is tried, or `MOST_LAMBDAS` of them, evenly.
    """
    rows_N = np.arange(len(predicted_NE))
    points: list[Point] = []
    for chosen_N in _choices(predicted_NE, expected_usd_NE):
        point = Point(float(costs_usd_NE[rows_N, chosen_N].mean()), float(scores_NE[rows_N, chosen_N].mean()))
        if not points or point != points[-1]:
            points.append(point)
    return points


def _choices(predicted_NE: Doubles, expected_usd_NE: Doubles) -> list[npt.NDArray[np.intp]]:
    cheapest_N = np.lexsort((-predicted_NE, expected_usd_NE), axis=1)[:, 0]
    best_N = np.lexsort((expected_usd_NE, -predicted_NE), axis=1)[:, 0]
    between = [
        np.argmax(predicted_NE - price * expected_usd_NE, axis=1) for price in _lambdas(predicted_NE, expected_usd_NE)
    ]
    return [cheapest_N, *between, best_N]


def _lambdas(predicted_NE: Doubles, expected_usd_NE: Doubles) -> Doubles:
    """Falling. A choice changes where two experts' values are equal: at gain / extra cost."""
    found: list[Doubles] = []
    for dearer in range(predicted_NE.shape[1]):
        gains_NE = predicted_NE[:, [dearer]] - predicted_NE
        extra_NE = expected_usd_NE[:, [dearer]] - expected_usd_NE
        worth = (gains_NE > 0) & (extra_NE > 0)
        ratios = np.unique(gains_NE[worth] / extra_NE[worth])
        found.append(ratios[:: max(1, len(ratios) // MOST_LAMBDAS)])
    edges = np.unique(np.concatenate(found))
    # Halfway between two edges no text is on the edge.
    middles = (edges[1:] + edges[:-1]) / 2
    if len(middles) > MOST_LAMBDAS:
        middles = middles[np.linspace(0, len(middles) - 1, MOST_LAMBDAS).astype(np.intp)]
    return middles[::-1]


def _slope(left: Point, right: Point) -> float:
    run_usd = right.cost_usd - left.cost_usd
    return float("inf") if run_usd <= 0 else (right.quality - left.quality) / run_usd


def _ordered(points: Sequence[Point]) -> list[Point]:
    """By cost; of one cost, the best alone."""
    best: dict[float, Point] = {}
    for point in sorted(points):
        best[point.cost_usd] = point
    return list(best.values())


def _area(points: Sequence[Point]) -> float:
    costs_K, qualities_K = np.array(points, np.float64).T
    return float(np.trapezoid(qualities_K, costs_K))
