"""From logits to probabilities that mean something, on drawn labels whose true probabilities are known."""

import numpy as np
import pytest

from doyen_router.gate.calibration import (
    calibrated,
    conformal_floors,
    expected_calibration_error,
    fitted_calibration,
    probabilities,
    reliability,
)
from doyen_router.gate.card import Calibration


def drawn(seed: int, *, count: int = 6000, experts: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from their softmax."""
    random = np.random.default_rng(seed)
    logits = random.standard_normal((count, experts)) * 2
    shares = probabilities(logits, 1.0)
    return logits, (shares.cumsum(axis=1) < random.random((count, 1))).sum(axis=1)


def error_of(shares: np.ndarray, labels: np.ndarray) -> float:
    return expected_calibration_error(reliability(shares.max(axis=1), shares.argmax(axis=1) == labels))


def test_temperature_stays_where_nothing_else_is_likelier():
    logits, labels = drawn(0)
    fitted = fitted_calibration(3 * logits, labels, seed=0)
    assert fitted.calibration.kind == "temperature"
    assert fitted.calibration.temperature == pytest.approx(3, rel=0.1)
    assert set(fitted.losses) == {"temperature", "vector", "isotonic"}


def test_experts_that_are_louder_than_others_get_a_vector():
    logits, labels = drawn(1)
    loud = logits * np.array([1, 1, 4, 1, 0.5]) + np.array([0, 2, 0, 0, -2])
    fitted = fitted_calibration(loud, labels, seed=0)
    assert fitted.calibration.kind == "vector"
    fresh, truth = drawn(2)
    heard = fresh * np.array([1, 1, 4, 1, 0.5]) + np.array([0, 2, 0, 0, -2])
    shares = calibrated(fitted.calibration, heard * fitted.scale_E + fitted.shift_E)
    assert error_of(shares, truth) < 0.03 < error_of(probabilities(heard, 1.0), truth)


def test_a_crooked_confidence_is_straightened_by_steps_and_the_ranking_stays():
    logits, labels = drawn(3)
    shares = probabilities(logits, 1.0)
    # Sure of itself beyond 0.6 whatever it is: no temperature undoes that.
    crooked = np.log(np.where(shares == shares.max(axis=1, keepdims=True), np.maximum(shares, 0.6) ** 0.15, shares))
    fitted = fitted_calibration(crooked, labels, seed=0)
    assert fitted.calibration.kind == "isotonic"
    straight = calibrated(fitted.calibration, crooked)
    assert np.allclose(straight.sum(axis=1), 1)
    assert (straight.argmax(axis=1) == crooked.argmax(axis=1)).all()
    assert error_of(straight, labels) < 0.03 < error_of(probabilities(crooked, fitted.calibration.temperature), labels)


def test_steps_never_let_the_second_overtake():
    steps = Calibration(kind="isotonic", steps=((0.0, 0.01), (1.0, 0.02)))
    logits = np.random.default_rng(0).standard_normal((50, 4))
    shares = calibrated(steps, logits)
    assert (shares.argmax(axis=1) == logits.argmax(axis=1)).all() or np.isclose(
        np.sort(shares, axis=1)[:, -1], np.sort(shares, axis=1)[:, -2]
    ).any()
    assert np.allclose(shares.sum(axis=1), 1)


def test_too_few_texts_choose_nothing():
    logits, labels = drawn(4, count=100)
    assert fitted_calibration(logits, labels, seed=0).losses == {}


@pytest.mark.parametrize("error", [0.01, 0.05, 0.1, 0.2])
def test_conformal_sets_hold_the_right_expert_as_often_as_they_promise(error):
    logits, labels = drawn(5)
    floors = {one.error: one.floor for one in conformal_floors(probabilities(logits, 1.0), labels)}
    fresh, truth = drawn(6, count=20_000)
    shares = probabilities(fresh, 1.0)
    missed = float((shares[np.arange(len(truth)), truth] < floors[error]).mean())
    assert missed == pytest.approx(error, abs=0.012)


def test_a_promise_that_so_few_texts_cannot_back_is_every_expert():
    logits, labels = drawn(7, count=30)
    floors = {one.error: one.floor for one in conformal_floors(probabilities(logits, 1.0), labels)}
    assert floors[0.01] == 0.0
    assert floors[0.2] > 0
