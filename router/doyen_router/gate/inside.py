"""The in-domain score: how much a text looks like what the experts know. From energy and nearness to [0, 1].

Energy is the logsumexp of the experts' logits (Liu et al. 2020, arXiv 2010.03759); nearness is the best cosine to a
row's prototype, which stays low for a text far from everything, whatever the logits extrapolate to.
Legend: N texts, E experts.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from doyen_router.gate.card import InsideScale

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

HIGH = 0.95
# What is mixed, as (weight of energy, weight of nearness); the first of equals wins.
MIXTURES = ((1.0, 0.6), (1.0, 0.3), (1.0, 1.0), (0.5, 1.0), (0.0, 1.0), (1.0, 0.0))
# Below so many texts energy says little, and rises when the held-out texts are trained on as well.
FEWEST_FOR_ENERGY = 400
# A mixture without nearness may win only by more than this: held-out texts hardly show how logits extrapolate.
NEARNESS_BONUS = 0.005


def energies(logits_NE: Floats) -> Doubles:
    """(N,); an expert masked by -inf has no part."""
    highest_N1 = logits_NE.max(axis=1, keepdims=True)
    sums_N: Doubles = np.exp(logits_NE - highest_N1, dtype=np.float64).sum(axis=1)
    return np.asarray(highest_N1[:, 0] + np.log(sums_N), dtype=np.float64)


def raw_score(scale: InsideScale, energy: float, nearness: float) -> float:
    return (
        scale.energy_weight * (energy - scale.energy_mean) / scale.energy_deviation
        + scale.nearness_weight * (nearness - scale.nearness_mean) / scale.nearness_deviation
    )


def raw_scores(scale: InsideScale, energies_N: Doubles, nearness_N: npt.NDArray[np.floating]) -> Doubles:
    energy_N = scale.energy_weight * (energies_N - scale.energy_mean) / scale.energy_deviation
    return np.asarray(
        energy_N + scale.nearness_weight * (nearness_N - scale.nearness_mean) / scale.nearness_deviation,
        dtype=np.float64,
    )


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
    inside_features: tuple[Doubles, Doubles],
    outside_features: tuple[Doubles, Doubles],
    *,
    kept_share: float = 0.95,
    wanted_acceptance: float | None = None,
    against: tuple[Doubles, Doubles] | None = None,
) -> InsideScale:
    """The mixture with the best AUROC; its floor keeps `kept_share` of the inside texts.

    Features are (energies, nearness). With `wanted_acceptance` of true outside texts, the floor lies midway between
    the two demands when they disagree. `against`, unless empty, replaces the inside texts in the AUROC alone.
    """
    statistics = {
        "energy_mean": float(inside_features[0].mean()),
        "energy_deviation": max(float(inside_features[0].std()), 1e-3),
        "nearness_mean": float(inside_features[1].mean()),
        "nearness_deviation": max(float(inside_features[1].std()), 1e-2),
    }
    compared = against if against is not None and len(against[0]) else inside_features
    candidates = [
        InsideScale(energy_weight=energy, nearness_weight=nearness, **statistics)
        for energy, nearness in MIXTURES
        if energy == 0.0 or len(inside_features[0]) >= FEWEST_FOR_ENERGY
    ]

    def quality(scale: InsideScale) -> float:
        bonus = NEARNESS_BONUS if scale.nearness_weight else 0.0
        return auroc(raw_scores(scale, *compared), raw_scores(scale, *outside_features)) + bonus

    best = max(candidates, key=quality)
    scores_N = raw_scores(best, *inside_features)
    at_half = float(np.quantile(scores_N, 1 - kept_share))
    if wanted_acceptance is not None:
        rejecting = float(np.quantile(raw_scores(best, *outside_features), 1 - wanted_acceptance))
        at_half = at_half if rejecting <= at_half else (at_half + rejecting) / 2
    elif len(scores_N) < FEWEST_FOR_ENERGY:
        # The lowest of a few scores is hardly above noise: no lower than what strangers reach, at twice the rejections.
        strangers = float(np.quantile(raw_scores(best, *outside_features), 0.9))
        at_half = max(at_half, min(strangers, float(np.quantile(scores_N, 2 * (1 - kept_share)))))
    at_high = max(float(np.median(scores_N)), at_half + 0.5)
    return best.model_copy(update={"score_at_half": at_half, "score_at_high": at_high})
