"""APGR and CPT against numbers worked out by hand. Four texts; gains in the order of prediction, then their sum."""

import numpy as np
import pytest

from doyen_router.quality.pairs import NothingToRecover as Nothing
from doyen_router.quality.pairs import Pair, apgr, apgr_interval, calls_needed, cheap_and_best, recovery_curve


def pair(predicted, gains):
    """The weak expert fails everywhere it can gain, and is right where it can lose."""
    gains = np.array(gains, float)
    weak = np.where(gains < 0, 1.0, 0.0)
    return Pair(np.array(predicted, float), weak, weak + gains)


def test_the_recovery_curve_runs_from_nothing_to_all():
    shares, recovered = recovery_curve(pair([4, 3, 2, 1], [1, 0, 1, 0]))
    assert shares.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert recovered.tolist() == [0, 0.5, 0.5, 1, 1]


def test_apgr_is_the_mean_recovery_over_the_share_of_strong_calls():
    # Trapezoids of width 1/4 under 0, 1/2, 1/2, 1, 1: (0.25 + 0.5 + 0.75 + 1) / 4.
    assert apgr(pair([4, 3, 2, 1], [1, 0, 1, 0])) == pytest.approx(0.625)
    # The perfect order recovers all with half the calls: (0.25 + 0.75 + 1 + 1) / 4.
    assert apgr(pair([4, 1, 3, 2], [1, 0, 1, 0])) == pytest.approx(0.75)


def test_a_loss_put_first_takes_the_curve_below_zero():
    # Recovered: 0, -1, 0, 1 over thirds: (-0.5 - 0.5 + 0.5) / 3.
    assert apgr(pair([3, 2, 1], [-1, 1, 1])) == pytest.approx(-1 / 6)


def test_texts_of_equal_prediction_go_together_whatever_their_order():
    assert apgr(pair([1, 1, 1, 1], [1, 1, 0, 0])) == pytest.approx(0.5)
    # Half-way all of the gain, all four ways to write it down: (0 + 1) / 2 / 2 + 1 / 2.
    for gains in ([1, 0, 0, 0], [0, 1, 0, 0]):
        assert apgr(pair([2, 2, 1, 1], gains)) == pytest.approx(0.75)


def test_calls_needed_are_interpolated_on_the_first_rise():
    curve = pair([4, 3, 2, 1], [1, 0, 1, 0])
    assert calls_needed(curve, 0.2) == pytest.approx(0.1)
    assert calls_needed(curve, 0.5) == pytest.approx(0.25)
    assert calls_needed(curve, 0.8) == pytest.approx(0.65)
    # The curve overshoots to 2 after one call of three, falls to 1 and stays: one half lies on the first rise.
    assert calls_needed(pair([3, 2, 1], [1, -0.5, 0]), 0.5) == pytest.approx(1 / 12)


def test_without_a_gap_there_is_nothing_to_recover():
    with pytest.raises(Nothing, match=r"0\.5000"):
        apgr(pair([2, 1], [1, -1]))


def test_the_bootstrap_interval_holds_the_estimate_and_narrows_with_texts():
    rng = np.random.default_rng(1)
    widths = []
    for count in (200, 3200):
        gains = rng.integers(0, 2, count).astype(float)
        sample = pair(gains + rng.normal(0, 1, count), gains)
        low, high = apgr_interval(sample, samples=200)
        assert low < apgr(sample) < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2
    assert apgr_interval(sample, samples=50) == apgr_interval(sample, samples=50)


def test_the_pair_is_the_cheapest_and_the_best_unless_they_are_one():
    assert cheap_and_best(np.array([0.5, 0.9, 0.8]), np.array([1.0, 3.0, 0.5])) == (2, 1)
    assert cheap_and_best(np.array([0.9, 0.5]), np.array([1.0, 3.0])) is None
