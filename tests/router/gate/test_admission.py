"""Playing newcomers: what the bias must allow for, and the slope that finds most of them."""

from __future__ import annotations

import numpy as np
import pytest

from doyen_router.gate.admission import SLOPES, USUAL_OPTIMISM, fitted_admission
from doyen_router.gate.clusters import unit
from doyen_router.gate.heads import HeadSpec
from doyen_router.gate.heldout import HeldOut, Scored
from doyen_router.gate.newcomer import lead_at, slope_for
from doyen_router.text_features import LEXICAL_DIMENSIONS

DIMENSIONS, EXPERTS = 32, 5


def scored(count: int, seed: int, flattery: float = 0.0) -> Scored:
    """Texts round one centre an expert; `flattery` raises their own expert's logit, as training on them does."""
    centres_ED = unit(np.random.default_rng(99).normal(size=(EXPERTS, DIMENSIONS)).astype(np.float32))
    random = np.random.default_rng(seed)
    labels_N = np.arange(count, dtype=np.intp) % EXPERTS
    vectors_ND = unit((centres_ED[labels_N] + 0.22 * random.normal(size=(count, DIMENSIONS))).astype(np.float32))
    words_NL = unit(random.normal(size=(count, LEXICAL_DIMENSIONS)).astype(np.float32))
    logits_NE = 12 * vectors_ND @ centres_ED.T
    logits_NE[np.arange(count), labels_N] += flattery
    nearness_NE = vectors_ND @ centres_ED.T
    features_NF = np.concatenate([vectors_ND, words_NL], axis=1)
    return Scored(
        features_NF, labels_N, np.full(count, -1), logits_NE, nearness_NE, np.zeros((count, EXPERTS, 5), np.float32)
    )


def held_out(texts: int, flattery: float = 0.0) -> HeldOut:
    names = tuple(f"expert{place}" for place in range(EXPERTS))
    return HeldOut(names, HeadSpec(), {}, scored(texts, 1), scored(250, 2, flattery), None, None)


def test_what_training_flatters_is_taken_off_the_bias() -> None:
    plain, flattered = (fitted_admission(held_out(400, flattery)) for flattery in (0.0, 3.0))
    assert plain.optimism < 1.5
    assert flattered.optimism > plain.optimism + 1
    assert {plain.slope, flattered.slope} <= set(SLOPES)


def test_with_too_few_texts_to_play_the_usual_is_expected() -> None:
    assert fitted_admission(held_out(10)).optimism == USUAL_OPTIMISM


def test_playing_is_deterministic() -> None:
    assert fitted_admission(held_out(200)) == fitted_admission(held_out(200))


def test_the_lead_is_read_off_round_the_wanted_loss() -> None:
    leads_S = np.linspace(-5, 5, 1001)
    assert np.quantile(leads_S, 0.005) < lead_at(leads_S, 0.01) < np.quantile(leads_S, 0.04)
    assert lead_at(np.array([2.0]), 0.01) == 2.0


def test_more_examples_reach_less_far_each() -> None:
    assert slope_for(12.0, 10) == pytest.approx(12.0)
    assert slope_for(12.0, 1) < 12.0 < slope_for(12.0, 50)
