"""Probabilities that mean something: three ways to calibrate, their error, and conformal floors.

Temperature and vector scaling: Guo et al. 2017, arXiv 1706.04599. Isotonic: Zadrozny and Elkan 2002, here of the
likeliest expert's probability, the others keeping their proportions. Legend: N texts, E experts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from doyen_router.gate.card import Calibration, ConformalFloor, ReliabilityBin

Floats = npt.NDArray[np.floating]
Doubles = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.intp]

PRIOR_DEVIATION = 0.7  # of the temperature's natural logarithm, and of a vector's scales
SHIFT_DEVIATION = 0.5
GOLDEN = (math.sqrt(5) - 1) / 2
# Another kind than temperature must be this much likelier, as a share, on texts that it was not fitted on.
CLEARLY = 0.01
FOLDS = 5
FEWEST_FOR_CHOICE = 500
FEWEST_A_STEP = 50
CONFORMAL_ERRORS = (0.01, 0.02, 0.05, 0.1, 0.2)


@dataclass(frozen=True)
class Fitted:
    """`scale_E` and `shift_E` go to the experts' facts; `losses` are negative log likelihoods by cross-validation."""

    calibration: Calibration
    scale_E: Doubles
    shift_E: Doubles
    losses: dict[str, float]


def calibrated(calibration: Calibration, logits_NE: Floats) -> Doubles:
    """Probabilities (N, E) of logits that each expert's own scale and shift are in already."""
    shares_NE = probabilities(logits_NE, calibration.temperature)
    if not calibration.steps or shares_NE.shape[1] < 2:
        return shares_NE
    said, right = np.array(calibration.steps).T
    second_N1, best_N1 = np.split(np.partition(shares_NE, -2, axis=1)[:, -2:], 2, axis=1)
    # No lower than where the second would overtake: calibrating changes no ranking.
    least_N1 = second_N1 / np.maximum(1 - best_N1 + second_N1, 1e-12)
    mapped_N1 = np.clip(np.interp(best_N1, said, right), least_N1, np.maximum(1 - 1e-6, least_N1))
    others_NE = shares_NE * (1 - mapped_N1) / np.maximum(1 - best_N1, 1e-12)
    np.put_along_axis(others_NE, shares_NE.argmax(axis=1)[:, None], mapped_N1, axis=1)
    return np.asarray(others_NE, dtype=np.float64)


def probabilities(logits_NE: Floats, temperature: float) -> Doubles:
    scaled_NE = logits_NE.astype(np.float64) / temperature
    shares_NE = np.exp(scaled_NE - scaled_NE.max(axis=1, keepdims=True))
    return np.asarray(shares_NE / shares_NE.sum(axis=1, keepdims=True), dtype=np.float64)


def negative_log_likelihood(shares_NE: Doubles, labels_N: Indexes) -> float:
    """Mean, in nats."""
    return float(-np.log(np.maximum(shares_NE[np.arange(len(labels_N)), labels_N], 1e-12)).mean())


def fitted_calibration(logits_NE: Floats, labels_N: Indexes, *, seed: int) -> Fitted:
    """Temperature, unless another kind is clearly likelier on texts that it was not fitted on."""
    kinds = {"temperature": _temperature, "vector": _vector, "isotonic": _isotonic}
    losses: dict[str, float] = {}
    if len(labels_N) >= FEWEST_FOR_CHOICE:
        fold_N = np.random.default_rng(seed).permutation(len(labels_N)) % FOLDS
        for kind, fit in kinds.items():
            parts: list[float] = []
            for fold in range(FOLDS):
                held = fold_N == fold
                fitted = fit(logits_NE[~held], labels_N[~held])
                shares_NE = calibrated(fitted.calibration, logits_NE[held] * fitted.scale_E + fitted.shift_E)
                parts.append(negative_log_likelihood(shares_NE, labels_N[held]))
            losses[kind] = float(np.mean(parts))
    best = min(
        losses, key=lambda kind: losses[kind] * (1 if kind == "temperature" else 1 + CLEARLY), default="temperature"
    )
    fitted = kinds[best](logits_NE, labels_N)
    return Fitted(fitted.calibration, fitted.scale_E, fitted.shift_E, losses)


def fitted_temperature(logits_NE: Floats, labels_N: Indexes, *, prior_deviation: float = PRIOR_DEVIATION) -> float:
    """The temperature in [0.05, 20] with the least negative log likelihood, by golden section on its logarithm.

    A weak prior at 1 (log-normal) counts as much as a few texts: without it, some texts that are all told apart would
    call for a temperature near zero, and every later answer would look certain. Comparing ways of training needs no
    prior: `prior_deviation=math.inf`.
    """
    low, high = math.log(0.05), math.log(20.0)

    def loss(log_temperature: float) -> float:
        prior = (log_temperature / prior_deviation) ** 2 / 2
        shares_NE = probabilities(logits_NE, math.exp(log_temperature))
        return negative_log_likelihood(shares_NE, labels_N) + prior / len(labels_N)

    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    loss_left, loss_right = loss(left), loss(right)
    while high - low > 1e-3:
        if loss_left <= loss_right:
            high, right, loss_right = right, left, loss_left
            left = high - GOLDEN * (high - low)
            loss_left = loss(left)
        else:
            low, left, loss_left = left, right, loss_right
            right = low + GOLDEN * (high - low)
            loss_right = loss(right)
    return math.exp((low + high) / 2)


def conformal_floors(shares_NE: Doubles, labels_N: Indexes) -> tuple[ConformalFloor, ...]:
    """Split conformal prediction with the score 1 - p (Sadinle et al. 2019, arXiv 1609.00451): by wanted error, rising.

    Holds for texts like those held out, of whatever expert. Too few texts for an error: its floor is 0, every expert.
    """
    own_N = np.sort(shares_NE[np.arange(len(labels_N)), labels_N])
    floors: list[ConformalFloor] = []
    for error in CONFORMAL_ERRORS:
        rank = math.floor(error * (len(own_N) + 1))
        floors.append(ConformalFloor(error=error, floor=float(own_N[rank - 1]) if rank else 0.0))
    return tuple(floors)


def reliability(confidence_N: Floats, correct_N: npt.NDArray[np.bool_], *, bins: int = 15) -> list[ReliabilityBin]:
    """Equal-width bins over [0, 1]; empty ones are left out."""
    places_N = np.minimum((confidence_N * bins).astype(np.intp), bins - 1)
    table: list[ReliabilityBin] = []
    for place in range(bins):
        members = places_N == place
        if members.any():
            table.append(
                ReliabilityBin(
                    low=place / bins,
                    high=(place + 1) / bins,
                    count=int(members.sum()),
                    confidence=float(confidence_N[members].mean()),
                    accuracy=float(correct_N[members].mean()),
                )
            )
    return table


def expected_calibration_error(table: list[ReliabilityBin]) -> float:
    total = sum(row.count for row in table)
    return sum(row.count * abs(row.confidence - row.accuracy) for row in table) / max(total, 1)


def _temperature(logits_NE: Floats, labels_N: Indexes) -> Fitted:
    experts = logits_NE.shape[1]
    calibration = Calibration(temperature=fitted_temperature(logits_NE, labels_N))
    return Fitted(calibration, np.ones(experts), np.zeros(experts), {})


def _vector(logits_NE: Floats, labels_N: Indexes) -> Fitted:
    """On top of the temperature; a prior holds scales near 1 and shifts near 0, so that a rare expert keeps them."""
    from scipy.optimize import minimize

    temperature = fitted_temperature(logits_NE, labels_N)
    scaled_NE = logits_NE.astype(np.float64) / temperature
    count, experts = scaled_NE.shape
    own_N = np.arange(count), labels_N

    def loss(parameters: Doubles) -> tuple[float, Doubles]:
        log_scale_E, shift_E = parameters[:experts], parameters[experts:]
        scale_E = np.exp(log_scale_E)
        shares_NE = probabilities(scaled_NE * scale_E + shift_E, 1.0)
        value = negative_log_likelihood(shares_NE, labels_N)
        error_NE = shares_NE
        error_NE[own_N] -= 1
        slope_E = (error_NE * scaled_NE).sum(axis=0) * scale_E / count + log_scale_E / PRIOR_DEVIATION**2 / count
        offset_E = error_NE.sum(axis=0) / count + shift_E / SHIFT_DEVIATION**2 / count
        prior = (log_scale_E**2).sum() / PRIOR_DEVIATION**2 + (shift_E**2).sum() / SHIFT_DEVIATION**2
        return value + float(prior) / 2 / count, np.concatenate([slope_E, offset_E])

    found = minimize(loss, np.zeros(2 * experts), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    scale_E, shift_E = np.exp(found.x[:experts]), found.x[experts:] * temperature
    return Fitted(Calibration(kind="vector", temperature=temperature), scale_E, shift_E, {})


def _isotonic(logits_NE: Floats, labels_N: Indexes) -> Fitted:
    from sklearn.isotonic import IsotonicRegression

    fitted = _temperature(logits_NE, labels_N)
    shares_NE = probabilities(logits_NE, fitted.calibration.temperature)
    order = np.argsort(shares_NE.max(axis=1), kind="stable")
    said_N = shares_NE.max(axis=1)[order]
    right_N = (shares_NE.argmax(axis=1) == labels_N)[order].astype(np.float64)
    # Steps of equal weight, then made monotone: every step rests on some texts.
    parts = np.array_split(np.arange(len(order)), max(2, min(15, len(order) // FEWEST_A_STEP)))
    said = np.array([said_N[part].mean() for part in parts])
    # Add-half smoothing: no step of a few texts is certain.
    right = np.array([(right_N[part].sum() + 0.5) / (len(part) + 1) for part in parts])
    weights = [len(part) for part in parts]
    monotone = IsotonicRegression(increasing=True).fit(said, right, sample_weight=weights).predict(said)
    steps = tuple((float(one), float(other)) for one, other in zip(said, monotone, strict=True))
    calibration = Calibration(kind="isotonic", temperature=fitted.calibration.temperature, steps=steps)
    return Fitted(calibration, fitted.scale_E, fitted.shift_E, {})
