"""The in-domain score and its floor, on drawn features."""

import numpy as np
import pytest

from doyen_router.gate.inside import InsideFeatures, fitted_scale, inside, raw_scores


def drawn(mean: float, seed: int, count: int = 4000) -> InsideFeatures:
    random = np.random.default_rng(seed)
    return InsideFeatures(
        10 + 2 * (mean + random.standard_normal(count)),
        0.6 + 0.1 * (mean + random.standard_normal(count)),
        np.full(count, 0.5),
    )


INSIDE, OUTSIDE = drawn(0, 1), drawn(-2, 2)


def accepted(scale, features: InsideFeatures) -> float:
    return float((raw_scores(scale, features) >= scale.score_at_half).mean())


@pytest.mark.parametrize("wanted", [0.02, 0.1, 0.3])
def test_no_more_strangers_are_let_in_than_wanted(wanted):
    scale = fitted_scale(INSIDE, OUTSIDE, wanted_acceptance=wanted, are_strangers=True)
    assert accepted(scale, drawn(-2, 3)) <= wanted + 0.02


def test_without_a_wish_the_two_demands_meet_midway():
    strict = fitted_scale(INSIDE, OUTSIDE, wanted_acceptance=0.01, are_strangers=True)
    midway = fitted_scale(INSIDE, OUTSIDE, are_strangers=True)
    lenient = fitted_scale(INSIDE, OUTSIDE)
    assert lenient.score_at_half <= midway.score_at_half < strict.score_at_half
    assert accepted(lenient, drawn(0, 4)) == pytest.approx(0.95, abs=0.02)


def test_the_score_is_a_half_at_the_floor_and_rises():
    scale = fitted_scale(INSIDE, OUTSIDE)
    assert inside(scale, scale.score_at_half) == pytest.approx(0.5)
    assert inside(scale, scale.score_at_high) == pytest.approx(0.95)
    assert inside(scale, -1e6) == 0.0
