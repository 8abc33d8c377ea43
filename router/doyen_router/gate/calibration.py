"""Probabilities that mean something: temperature (Guo et al. 2017, arXiv 1706.04599), expected calibration error.

Legend: N texts, E experts.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from doyen_router.gate.card import ReliabilityBin

Floats = npt.NDArray[np.floating]
Indexes = npt.NDArray[np.intp]

PRIOR_DEVIATION = 0.7  # of the temperature's natural logarithm
GOLDEN = (math.sqrt(5) - 1) / 2


def probabilities(logits_NE: Floats, temperature: float) -> npt.NDArray[np.float64]:
    scaled_NE = logits_NE.astype(np.float64) / temperature
    shares_NE = np.exp(scaled_NE - scaled_NE.max(axis=1, keepdims=True))
    return np.asarray(shares_NE / shares_NE.sum(axis=1, keepdims=True), dtype=np.float64)


def negative_log_likelihood(logits_NE: Floats, labels_N: Indexes, temperature: float) -> float:
    """Mean, in nats."""
    shares_N = probabilities(logits_NE, temperature)[np.arange(len(labels_N)), labels_N]
    return float(-np.log(np.maximum(shares_N, 1e-12)).mean())


def fitted_temperature(logits_NE: Floats, labels_N: Indexes, *, prior_deviation: float = PRIOR_DEVIATION) -> float:
    """The temperature in [0.05, 20] with the least negative log likelihood, by golden section on its logarithm.

    A weak prior at 1 (log-normal) counts as much as a few texts: without it, some texts that are all told apart would
    call for a temperature near zero, and every later answer would look certain. Comparing ways of training needs no
    prior: `prior_deviation=math.inf`.
    """
    low, high = math.log(0.05), math.log(20.0)

    def loss(log_temperature: float) -> float:
        prior = (log_temperature / prior_deviation) ** 2 / 2
        return negative_log_likelihood(logits_NE, labels_N, math.exp(log_temperature)) + prior / len(labels_N)

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
