"""What the experts' stores hold of a text, in the logits: its size, its independence, and how weights are learnt."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.router.gate.gates import axis_gate, random_gate, vector
from tests.router.gate.sketches import sketch_of

from doyen_router.gate.card import EvidenceScale
from doyen_router.gate.evidence import (
    BOUND,
    COVERAGE,
    FEWEST,
    USUAL,
    evidence,
    evidence_logits,
    fitted_evidence,
    retrieved,
    without_own_document,
)
from doyen_router.gate.members import remove_expert
from doyen_router.gate.sketch import with_sketch

BOTH = EvidenceScale(top_weight=9.0, top_mean=0.3, coverage_weight=4.0, coverage_mean=0.2, bound=BOUND)
TOP = BOTH.model_copy(update={"coverage_weight": 0.0})


def unit_rows(random, count, dimensions=24):
    rows = random.standard_normal((count, dimensions)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=8), st.integers(0, 1000))
def test_top_and_coverage_are_those_of_each_experts_own_passages(counts, seed):
    cosines = np.random.default_rng(seed).uniform(-1, 1, (5, sum(counts))).astype(np.float32)
    top, coverage = retrieved(cosines, np.array(counts, dtype=np.intp))
    start = 0
    for expert, count in enumerate(counts):
        own = np.sort(cosines[:, start : start + count], axis=1)
        start += count
        if count:
            assert np.array_equal(top[:, expert], own[:, -1])
            assert coverage[:, expert] == pytest.approx(own[:, -COVERAGE:].mean(axis=1), abs=1e-6)
        else:
            assert not top[:, expert].any()
            assert not coverage[:, expert].any()


@pytest.mark.parametrize("scale", [TOP, BOTH])
@pytest.mark.parametrize("gone", [0, 1, 3])
def test_removing_an_expert_leaves_the_evidence_of_the_others_bit_identical(scale, gone):
    gate = random_gate([2, 1, 3, 1])
    random = np.random.default_rng(1)
    for name, count in zip(gate.experts, (5, 0, 130, 2), strict=True):
        passages = unit_rows(random, count).astype(np.float16)
        gate = with_sketch(gate, name, sketch_of(passages, *(f"{name} {place}" for place in range(count))))
    gate = replace(gate, card=gate.card.model_copy(update={"evidence": scale}))
    smaller = remove_expert(gate, gate.experts[gone])
    kept = [place for place in range(4) if place != gone]
    for text in unit_rows(random, 20):
        before, after = gate.judge(text, {}), smaller.judge(text, {})
        assert np.array_equal(before.evidence_E[kept], after.evidence_E)
        assert np.array_equal(before.logits_E[kept], after.logits_E)
        assert before.evidence_E[1] == 0


@pytest.mark.parametrize("scale", [TOP, BOTH])
def test_one_text_alone_gets_the_evidence_that_it_gets_in_a_batch(scale):
    random = np.random.default_rng(2)
    counts = np.array([4, 0, 1, 30], dtype=np.intp)
    passages, texts = unit_rows(random, 35), unit_rows(random, 10)
    together = evidence_logits(scale, *retrieved(texts @ passages.T, counts), counts)
    alone = np.stack([evidence(scale, passages, counts, text) for text in texts])
    assert alone == pytest.approx(together, abs=1e-4)
    assert np.abs(alone).max() > 1


def test_evidence_is_bounded_however_near_a_passage_is():
    scale = EvidenceScale(top_weight=100.0, top_mean=0.3, bound=2.0)
    passages = np.eye(2, dtype=np.float32)
    assert evidence(scale, passages, np.array([1, 1]), vector(1, 0)).tolist() == [2.0, -2.0]


def test_words_that_point_to_one_expert_go_to_the_other_whose_documents_hold_the_answer():
    gate = axis_gate(words=0, documents=1)
    text = vector(0.6, 0.5, 0.62, 0)
    for name, axis in (("words", 3), ("documents", 2)):
        gate = with_sketch(gate, name, sketch_of(np.eye(4)[[axis]], f"on axis {axis}"))
    gate = replace(gate, card=gate.card.model_copy(update={"evidence": USUAL}))
    assert gate.judge(text, {}, evidence=False).logits_E.argmax() == 0
    assert gate.judge(text, {}).logits_E.argmax() == 1


def test_a_gate_without_passages_judges_as_if_there_were_no_evidence():
    gate = axis_gate(law=0, tax=1)
    weighted = replace(gate, card=gate.card.model_copy(update={"evidence": USUAL}))
    text = vector(0.6, 0.5, 0.62, 0)
    assert weighted.judge(text, {}).evidence_E is None
    assert np.array_equal(weighted.judge(text, {}).logits_E, gate.judge(text, {}).logits_E)


def planted(count, *, experts=4, told=0.6, seed=0):
    """Logits that know a third of the texts, and stores whose best cosine is `told` higher for the right expert."""
    random = np.random.default_rng(seed)
    labels = random.integers(experts, size=count)
    own = labels[:, None] == np.arange(experts)
    logits = random.standard_normal((count, experts)) + 1.0 * own
    top = (random.uniform(0.1, 0.3, (count, experts)) + told * own * random.uniform(0, 1, (count, 1))).astype(
        np.float32
    )
    return logits, top, (0.8 * top).astype(np.float32), labels, np.full(experts, 8, dtype=np.intp)


def accuracy(scale, logits, top, coverage, labels, counts):
    return ((logits + evidence_logits(scale, top, coverage, counts)).argmax(axis=1) == labels).mean()


def test_stores_that_know_the_answer_get_a_weight_that_helps_on_other_texts():
    scale = fitted_evidence(*planted(400))
    assert scale.top_weight > USUAL.top_weight / 2
    others = planted(2000, seed=1)
    assert accuracy(scale, *others) > accuracy(EvidenceScale(), *others) + 0.2


def test_stores_that_say_nothing_get_next_to_no_weight_and_do_no_harm():
    logits, top, coverage, labels, counts = planted(400, told=0.0)
    scale = fitted_evidence(logits, top, coverage, labels, counts)
    assert scale.top_weight + scale.coverage_weight < 2
    others = planted(2000, told=0.0, seed=1)
    assert accuracy(scale, *others) > accuracy(EvidenceScale(), *others) - 0.01


def test_weights_are_not_negative_where_the_nearest_store_is_the_wrong_one():
    logits, top, coverage, labels, counts = planted(400)
    scale = fitted_evidence(logits, -top, -coverage, labels, counts)
    assert scale.top_weight == pytest.approx(0, abs=1e-6)
    assert scale.coverage_weight == pytest.approx(0, abs=1e-6)


def test_a_few_texts_hardly_move_the_usual_weight():
    scale = fitted_evidence(*planted(2, told=0.05))
    assert scale.top_weight == pytest.approx(USUAL.top_weight, rel=0.4)


@pytest.mark.parametrize("told", [0.0, 0.6])
def test_texts_made_of_documents_lower_the_usual_weight_and_never_raise_it(told):
    logits, top, coverage, labels, counts = planted(400, told=told)
    # Sharper logits would call for a larger weight.
    sharp = (10 if told else 1) * logits
    made = fitted_evidence(sharp, top, coverage, labels, counts, grouped_N=np.ones(400, dtype=bool))
    assert made.top_weight <= USUAL.top_weight
    assert made.top_mean <= USUAL.top_mean
    assert made.coverage_weight == 0
    if told == 0.0:
        assert made.top_weight < 2


def test_texts_made_of_documents_have_no_say_where_there_are_enough_others():
    logits, top, coverage, labels, counts = planted(400)
    grouped = np.arange(400) >= FEWEST
    others = fitted_evidence(*(part[~grouped] for part in (logits, top, coverage, labels)), counts)
    assert fitted_evidence(logits, top, coverage, labels, counts, grouped_N=grouped) == others


def test_without_held_out_texts_or_passages_the_usual_scale_serves():
    logits, top, coverage, labels, counts = planted(40)
    assert fitted_evidence(logits[:0], top[:0], coverage[:0], labels[:0], counts) == USUAL
    assert fitted_evidence(logits, top, coverage, labels, np.zeros(4, dtype=np.intp)) == USUAL


def test_an_expert_without_a_store_keeps_its_texts_beside_experts_with_one():
    logits, top, coverage, labels, counts = planted(800)
    counts[3] = 0
    top[:, 3] = coverage[:, 3] = 0
    scale = fitted_evidence(logits, top, coverage, labels, counts)
    moved = logits + evidence_logits(scale, top, coverage, counts)
    own = labels == 3
    assert (moved.argmax(axis=1) == 3)[own].mean() >= (logits.argmax(axis=1) == 3)[own].mean()
    assert (moved.argmax(axis=1) == labels)[~own].mean() > (logits.argmax(axis=1) == labels)[~own].mean()


def test_a_text_made_of_a_document_does_not_find_that_document():
    cosines = np.array([[0.9, 0.5, 0.8, 0.3], [0.9, 0.5, 0.8, 0.3]], dtype=np.float32)
    counts = np.array([3, 0, 1], dtype=np.intp)
    masked = without_own_document(cosines, counts, ["a", None], ["a", "b", "a", "c"])
    assert retrieved(masked, counts)[0][:, [0, 2]] == pytest.approx(np.array([[0.5, 0.3], [0.9, 0.3]]))


def test_a_store_that_is_one_document_is_found_by_texts_made_of_it():
    cosines = np.array([[0.9, 0.8, 0.3]], dtype=np.float32)
    masked = without_own_document(cosines, np.array([2, 1], dtype=np.intp), ["a"], ["a", "a", "b"])
    assert np.array_equal(masked, cosines)
