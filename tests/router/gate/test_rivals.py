"""A newcomer is scaled against those it will be chosen among, and against nobody else."""

from __future__ import annotations

import numpy as np

from doyen_router import Gate, OnnxEncoder, add_expert, remove_expert
from doyen_router.gate.calibration import fitted_temperature
from doyen_router.text_features import features

STEWS = ["how long does a beef stew simmer", "which herbs belong in a lentil stew", "thicken a vegetable stew"]


def test_who_is_no_rival_moves_nothing(gate: Gate, encoder: OnnxEncoder) -> None:
    alone, _ = add_expert(remove_expert(gate, "cooking"), "stews", encoder, examples=STEWS)
    beside, confusions = add_expert(gate, "stews", encoder, examples=STEWS, rivals={"banking", "travel"})
    text_F = features(encoder, ["simmer the stew for hours"])[0]
    assert (
        alone.judge(text_F, {}).logits_E[alone.index("stews")]
        == beside.judge(text_F, {}).logits_E[beside.index("stews")]
    )
    assert {confusion.expert for confusion in confusions} == {"banking", "travel"}
    assert set(beside.experts) == {"banking", "cooking", "travel", "stews"}


def test_a_rival_does(gate: Gate, encoder: OnnxEncoder) -> None:
    with_cooking, _ = add_expert(gate, "stews", encoder, examples=STEWS)
    without, _ = add_expert(gate, "stews", encoder, examples=STEWS, rivals={"banking", "travel"})
    text_F = features(encoder, ["how long do I boil an egg"])[0]
    assert (
        with_cooking.judge(text_F, {}).logits_E[with_cooking.index("stews")]
        < without.judge(text_F, {}).logits_E[without.index("stews")]
    )


def test_a_few_texts_told_apart_do_not_make_every_answer_certain() -> None:
    labels_N = np.arange(6) % 2
    logits_NE = np.where(np.arange(2) == labels_N[:, None], 2.0, 0.0).astype(np.float32)
    assert fitted_temperature(logits_NE, labels_N) > 0.3


def test_many_texts_outweigh_the_prior() -> None:
    rng = np.random.default_rng(0)
    logits_NE = rng.normal(0, 2, (4000, 3)).astype(np.float32)
    shares_NE = np.exp(logits_NE / 0.5)
    shares_NE /= shares_NE.sum(axis=1, keepdims=True)
    labels_N = (shares_NE.cumsum(axis=1) > rng.random((4000, 1))).argmax(axis=1)
    assert abs(fitted_temperature(logits_NE, labels_N) - 0.5) < 0.03
