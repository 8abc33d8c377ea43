import numpy as np
import pytest

from doyen_router.quality.prices import fitted_prices
from doyen_router.quality.regression import folded, held_out, solved
from doyen_router.quality.targets import targets_of

NONE = float("nan")


def likeness_of(count, seed=0):
    places = np.random.default_rng(seed).normal(size=(count, 4)).astype(np.float32)
    return np.exp(-np.linalg.norm(places[:, None] - places[None], axis=2)).astype(np.float32)


def test_held_out_predictions_are_those_of_a_regression_without_the_fold():
    likeness = likeness_of(40)
    targets = np.random.default_rng(1).normal(size=(40, 2))
    folds = np.arange(40) % 4
    predicted = held_out(likeness, 2.0, targets, folds)
    for fold in range(4):
        held = folds == fold
        weights = solved(likeness[np.ix_(~held, ~held)], 2.0, targets[~held])
        assert predicted[held] == pytest.approx(likeness[np.ix_(held, ~held)] @ weights.T, abs=1e-4)


def test_a_missing_target_has_no_part_in_the_solution():
    likeness = likeness_of(12)
    targets = np.random.default_rng(2).normal(size=(12, 2))
    targets[3:5, 1] = NONE
    weights = solved(likeness, 1.0, targets)
    kept = np.isfinite(targets[:, 1])
    assert (weights[1, ~kept] == 0).all()
    assert weights[1, kept] == pytest.approx(
        solved(likeness[np.ix_(kept, kept)], 1.0, targets[kept][:, [1]])[0], abs=1e-5
    )
    assert weights[0] == pytest.approx(solved(likeness, 1.0, targets[:, [0]])[0], abs=1e-5)


def test_texts_of_one_group_are_held_out_together():
    groups = [str(number // 3) for number in range(60)]
    folds = folded(groups, 0)
    assert len(set(folds)) == 5
    assert all(len(set(folds[start : start + 3])) == 1 for start in range(0, 60, 3))


def test_the_shared_part_and_the_own_parts_make_up_the_scores():
    scores = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    targets = targets_of(scores)
    assert targets.means_E + targets.common_N[:, None] + targets.own_NE == pytest.approx(scores)
    assert targets.own_NE.mean(axis=0) == pytest.approx([0, 0])
    assert targets.own_NE.sum(axis=1) == pytest.approx([0, 0, 0])


def test_an_expert_asked_only_hard_questions_is_not_taken_for_a_weak_one():
    # The second is 0.1 better wherever both were scored; it was not asked the easy texts.
    easy, hard = [[0.9, NONE]] * 6, [[0.2, 0.3]] * 6
    means = targets_of(np.array(easy + hard)).means_E
    assert means[1] - means[0] == pytest.approx(0.1, abs=1e-3)


def test_a_text_scored_by_one_expert_tells_nothing_of_differences():
    targets = targets_of(np.array([[1.0, 0.0], [1.0, NONE], [0.0, 1.0]]))
    assert np.isnan(targets.own_NE[1]).all()
    assert np.isfinite(targets.common_N).all()


def test_prices_follow_the_length_and_are_never_negative():
    characters = np.arange(20, dtype=float) * 100
    prices = fitted_prices(characters, 0.01 + 1e-5 * characters)
    assert prices.base_usd == pytest.approx(0.01)
    assert prices.usd_per_character == pytest.approx(1e-5)
    assert prices.cost_usd(1000) == pytest.approx(0.02)
    falling = fitted_prices(characters, 1 - 1e-4 * characters)
    assert falling.usd_per_character == 0
    assert falling.base_usd == pytest.approx(1 - 1e-4 * characters.mean())
    steep = fitted_prices(characters, np.maximum(0, 1e-5 * characters - 0.005))
    assert steep.base_usd == 0
    assert steep.usd_per_character > 0
    few = fitted_prices(characters[:5], characters[:5])
    assert (few.base_usd, few.usd_per_character) == (200, 0)
