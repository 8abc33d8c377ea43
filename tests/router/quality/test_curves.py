"""Frontier, AIQ, deferral curve and QNC against areas worked out by hand."""

import math

import numpy as np
import pytest

from doyen_router.quality.curves import (
    Point,
    aiq,
    cost_of_quality,
    deferral_area,
    frontier,
    quality_neutral_cost,
    swept,
)


def points(*pairs):
    return [Point(*pair) for pair in pairs]


def test_the_frontier_drops_what_a_mixture_of_others_beats():
    assert frontier(points((3, 0.9), (1, 0.5), (2, 0.6))) == points((1, 0.5), (3, 0.9))
    assert frontier(points((1, 0.5), (2, 0.8), (3, 0.9))) == points((1, 0.5), (2, 0.8), (3, 0.9))


def test_the_frontier_never_falls():
    assert frontier(points((1, 0.5), (2, 0.8), (4, 0.7))) == points((1, 0.5), (2, 0.8))
    assert frontier(points((1, 0.5), (1, 0.7), (2, 0.7))) == points((1, 0.7))


def test_aiq_is_the_area_under_the_frontier_over_the_largest_cost():
    # Trapezoids (0.5 + 0.8) / 2 + (0.8 + 0.9) / 2, over 3.
    assert aiq(points((1, 0.5), (2, 0.8), (3, 0.9)), 3) == pytest.approx((0.65 + 0.85) / 3)
    # Level from 3 to 5, where a dearer router ends.
    assert aiq(points((1, 0.5), (2, 0.8), (3, 0.9)), 5) == pytest.approx((0.65 + 0.85 + 1.8) / 5)
    assert aiq(points((2, 0.8)), 4) == pytest.approx(0.4)
    assert math.isnan(aiq(points((0, 0.8)), 0))


def test_the_deferral_area_forgives_no_dent():
    curve = points((1, 0.5), (2, 0.4), (3, 0.9))
    # (0.45 + 0.65) / 2 on the curve, against 0.7 on its frontier.
    assert deferral_area(curve, 1, 3) == pytest.approx(0.55)
    assert deferral_area(frontier(curve), 1, 3) == pytest.approx(0.7)
    assert deferral_area(curve, 1, 5) == pytest.approx((1.1 + 1.8) / 4)
    assert deferral_area(points((3, 0.9)), 1, 3) == 0
    assert math.isnan(deferral_area(points((1, 0.5)), 1, 1))


def test_the_cost_of_a_quality_is_interpolated_on_the_curve():
    curve = points((1, 0.5), (2, 0.8), (3, 0.7), (4, 0.9))
    assert cost_of_quality(curve, 0.65) == pytest.approx(1.5)
    assert cost_of_quality(curve, 0.4) == 1
    assert cost_of_quality(curve, 0.85) == pytest.approx(3.75)
    assert cost_of_quality(curve, 0.95) is None


def test_qnc_is_relative_to_the_best_single_expert():
    assert quality_neutral_cost(points((1, 0.5), (2, 0.9)), Point(4, 0.7)) == pytest.approx(1.5 / 4)
    assert quality_neutral_cost(points((1, 0.5)), Point(4, 0.7)) is None
    assert quality_neutral_cost(points((1, 0.5)), Point(0, 0.5)) is None


SCORES = np.array([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
COSTS = np.tile([1.0, 3.0], (4, 1))


def test_the_sweep_goes_from_the_cheapest_to_the_best_predicted():
    predicted = np.array([[0.2, 0.9], [0.5, 0.8], [0.6, 0.7], [0.5, 0.4]])
    # Gains 0.7, 0.3, 0.1, -0.1: the strong expert is called for the first, the second, the third, never for the last.
    assert swept(predicted, COSTS, SCORES, COSTS) == points((1, 0.5), (1.5, 0.75), (2, 0.75), (2.5, 0.5))


def test_the_oracle_pays_only_for_what_it_gains():
    assert swept(SCORES, COSTS, SCORES, COSTS) == points((1, 0.5), (2, 1.0))


def test_the_sweep_visits_an_expert_in_the_middle():
    scores = np.array([[0.1, 0.6, 0.7]] * 2)
    costs = np.array([[1.0, 2.0, 9.0]] * 2)
    assert Point(2.0, 0.6) in swept(scores, costs, scores, costs)
