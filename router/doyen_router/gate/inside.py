"""The in-domain score: how much a text looks like what the experts know. From energy and nearness to [0, 1].

Energy is the logsumexp of the experts' logits (Liu et al. 2020, arXiv 2010.03759); nearness is the best cosine to a
row's prototype, which stays low for a text far from everything, whatever the logits extrapolate to; neighbours is the
mean cosine to the nearest of the sampled texts (Sun et al. 2022, arXiv 2204.06507).
Legend: N texts, E experts, S sampled texts.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from doyen_router.gate.card import InsideScale

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


class InsideFeatures(NamedTuple):
    """Of N texts, each (N,)."""

    energy_N: Doubles
    nearness_N: Doubles
    neighbours_N: Doubles


HIGH = 0.95
# What is mixed, as weights of (energy, nearness, neighbours).
MIXTURES = (
    (1.0, 1.0, 0.0),
    (1.0, 0.6, 0.0),
    (1.0, 0.3, 0.0),
    (0.5, 1.0, 0.0),
    (0.0, 1.0, 0.0),
    (1.0, 0.0, 0.0),
    (1.0, 0.6, 0.6),
    (1.0, 0.0, 1.0),
    (0.0, 0.0, 1.0),
)
NEIGHBOURS = 5
# The first did best, or nearly, against real strangers of five kinds, also where experts that play strangers speak for
# less nearness: they are nearer to the others than strangers are.
FIRST_BONUS = 0.004
USUAL_ACCEPTANCE = 0.1
# Neighbours cost a product with every sampled text: they must be worth it, and few.
NEIGHBOURS_WORTH = 0.001
MOST_FOR_NEIGHBOURS = 1024
# Below so many texts energy says little, and rises when the held-out texts are trained on as well.
FEWEST_FOR_ENERGY = 400
# A mixture without nearness may win only by more than this: held-out texts hardly show how logits extrapolate.
NEARNESS_BONUS = 0.005


def energies(logits_NE: Floats) -> Doubles:
    """(N,); an expert masked by -inf has no part."""
    highest_N1 = logits_NE.max(axis=1, keepdims=True)
    sums_N: Doubles = np.exp(logits_NE - highest_N1, dtype=np.float64).sum(axis=1)
    return np.asarray(highest_N1[:, 0] + np.log(sums_N), dtype=np.float64)


def neighbourhood(cosines_NS: Floats) -> Doubles:
    """The mean cosine of the nearest few, (N,); 0 without any."""
    count = min(NEIGHBOURS, cosines_NS.shape[1])
    if not count:
        return np.zeros(len(cosines_NS))
    nearest_NK = np.partition(cosines_NS, cosines_NS.shape[1] - count, axis=1)[:, cosines_NS.shape[1] - count :]
    return np.asarray(nearest_NK.mean(axis=1), dtype=np.float64)


def raw_score(scale: InsideScale, energy: float, nearness: float, neighbours: float) -> float:
    return (
        scale.energy_weight * (energy - scale.energy_mean) / scale.energy_deviation
        + scale.nearness_weight * (nearness - scale.nearness_mean) / scale.nearness_deviation
        + scale.neighbours_weight * (neighbours - scale.neighbours_mean) / scale.neighbours_deviation
    )


def raw_scores(scale: InsideScale, features: InsideFeatures) -> Doubles:
    energy_N = scale.energy_weight * (features.energy_N - scale.energy_mean) / scale.energy_deviation
    nearness_N = scale.nearness_weight * (features.nearness_N - scale.nearness_mean) / scale.nearness_deviation
    neighbours_N = (
        scale.neighbours_weight * (features.neighbours_N - scale.neighbours_mean) / scale.neighbours_deviation
    )
    return np.asarray(energy_N + nearness_N + neighbours_N, dtype=np.float64)


def inside(scale: InsideScale, raw: float) -> float:
    """Rises with `raw`: 0.5 at `score_at_half`, 0.95 at `score_at_high`."""
    steepness = math.log(HIGH / (1 - HIGH)) / (scale.score_at_high - scale.score_at_half)
    exponent = steepness * (raw - scale.score_at_half)
    return 1 / (1 + math.exp(-exponent)) if exponent > -700 else 0.0


def auroc(inside_N: npt.NDArray[np.floating], outside_N: npt.NDArray[np.floating]) -> float:
    """The probability that an inside text scores above an outside one; ties count half. NaN without either."""
    if len(inside_N) == 0 or len(outside_N) == 0:
        return math.nan
    ordered = np.sort(outside_N)
    below = np.searchsorted(ordered, inside_N, side="left") + np.searchsorted(ordered, inside_N, side="right")
    return float(below.mean() / (2 * len(outside_N)))


def fitted_scale(
    inside_texts: InsideFeatures,
    outside_texts: InsideFeatures,
    *,
    kept_share: float = 0.95,
    wanted_acceptance: float | None = None,
    are_strangers: bool = False,
    against: InsideFeatures | None = None,
    with_neighbours: bool = True,
) -> InsideScale:
    """The mixture with the best AUROC; its floor keeps `kept_share` of the inside texts.

    Where the outside texts `are_strangers`, and not experts that play them, the floor lets no more than
    `wanted_acceptance` of them in; when that is None, it lies midway to where it would let `USUAL_ACCEPTANCE` in.
    `against`, unless empty, replaces the inside texts in the AUROC alone.
    """
    statistics = {
        "energy_mean": float(inside_texts.energy_N.mean()),
        "energy_deviation": max(float(inside_texts.energy_N.std()), 1e-3),
        "nearness_mean": float(inside_texts.nearness_N.mean()),
        "nearness_deviation": max(float(inside_texts.nearness_N.std()), 1e-2),
        "neighbours_mean": float(inside_texts.neighbours_N.mean()),
        "neighbours_deviation": max(float(inside_texts.neighbours_N.std()), 1e-2),
    }
    compared = against if against is not None and len(against.energy_N) else inside_texts
    candidates = [
        InsideScale(energy_weight=energy, nearness_weight=nearness, neighbours_weight=neighbours, **statistics)
        for energy, nearness, neighbours in MIXTURES
        if (energy == 0.0 or len(inside_texts.energy_N) >= FEWEST_FOR_ENERGY)
        and (neighbours == 0.0 or (with_neighbours and len(inside_texts.energy_N) >= FEWEST_FOR_ENERGY))
    ]

    def quality(scale: InsideScale) -> float:
        bonus = NEARNESS_BONUS if scale.nearness_weight else 0.0
        bonus += FIRST_BONUS if scale is candidates[0] else 0.0
        worth = NEIGHBOURS_WORTH if scale.neighbours_weight else 0.0
        return auroc(raw_scores(scale, compared), raw_scores(scale, outside_texts)) + bonus - worth

    best = max(candidates, key=quality)
    scores_N, outside_N = raw_scores(best, inside_texts), raw_scores(best, outside_texts)
    at_half = float(np.quantile(scores_N, 1 - kept_share))
    if are_strangers:
        usual = USUAL_ACCEPTANCE if wanted_acceptance is None else wanted_acceptance
        rejecting = max(at_half, float(np.quantile(outside_N, 1 - usual)))
        at_half = (at_half + rejecting) / 2 if wanted_acceptance is None else rejecting
    elif len(scores_N) < FEWEST_FOR_ENERGY:
        # The lowest of a few scores is hardly above noise: no lower than what strangers reach, at twice the rejections.
        strangers = float(np.quantile(outside_N, 0.9))
        at_half = max(at_half, min(strangers, float(np.quantile(scores_N, 2 * (1 - kept_share)))))
    at_high = max(float(np.median(scores_N)), at_half + 0.5)
    return best.model_copy(update={"score_at_half": at_half, "score_at_high": at_high})
