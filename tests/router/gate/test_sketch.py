"""Which passages of a store a gate keeps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.router.gate.gates import random_gate
from tests.router.gate.sketches import sketch_of

from doyen_router.gate.gate import ExpertNotInGate
from doyen_router.gate.sketch import (
    FEWEST_PASSAGES,
    MOST_CANDIDATES,
    MOST_PASSAGES,
    PASSAGES,
    TEXT_CHARS,
    SketchMismatch,
    cut,
    gathered,
    passages_each,
    sketched,
    with_sketch,
)


def subjects(count, each, *, seed=0, noise=0.15):
    """Unit vectors of so many passages about each of so many subjects, and the subject of each."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((count, 32))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    vectors = np.repeat(centres, each, axis=0) + noise * random.standard_normal((count * each, 32))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), [f"subject {place // each}" for place in range(count * each)]


def test_every_subject_of_a_store_has_a_passage_in_its_sketch():
    vectors, texts = subjects(12, 40)
    assert sorted(sketched(vectors, texts, count=12).texts) == sorted(set(texts))


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.integers(1, 20))
def test_a_sketch_stands_nearer_to_the_store_than_chosen_at_random(seed, count):
    vectors, texts = subjects(10, 8, seed=seed, noise=0.3)
    chosen = sketched(vectors, texts, count=count).vectors_PD.astype(np.float32)
    random = np.random.default_rng(seed).permutation(len(vectors))[:count]
    nearness = [np.maximum(vectors @ some.T, 0).max(axis=1).sum() for some in (chosen, vectors[random])]
    assert nearness[0] >= nearness[1] - 0.1


def test_a_smaller_sketch_is_the_beginning_of_a_larger_one_and_the_same_each_time():
    vectors, _ = subjects(9, 20)
    texts = [str(place) for place in range(len(vectors))]
    large, again, small = (sketched(vectors, texts, count=count) for count in (30, 30, 11))
    assert large.texts == again.texts
    assert np.array_equal(large.vectors_PD, again.vectors_PD)
    assert large.first(11).texts == small.texts
    assert len(large.first(11)) == 11


def test_equal_passages_are_kept_once():
    vectors, texts = subjects(3, 1)
    assert len(sketched(np.repeat(vectors, 5, axis=0), texts * 5)) == 3


def test_a_store_of_one_long_document_and_many_short_ones_is_sketched_by_all_of_them():
    long_vectors, _ = subjects(1, MOST_CANDIDATES + 500, seed=1, noise=0.03)
    short_vectors, _ = subjects(20, 1, seed=2)
    vectors = np.concatenate([long_vectors, short_vectors])
    documents = ["long"] * len(long_vectors) + [f"short {place}" for place in range(20)]
    kept = sketched(vectors, documents, documents=documents, count=30).texts
    assert {text for text in kept if text.startswith("short")} == {f"short {place}" for place in range(20)}


def test_a_store_without_passages_has_an_empty_sketch():
    assert len(sketched(np.zeros((0, 24), np.float32), [])) == 0


def test_vectors_and_texts_that_do_not_match_are_refused():
    with pytest.raises(SketchMismatch, match="3 texts"):
        sketched(np.ones((2, 4), np.float32), ["a", "b", "c"])
    with pytest.raises(SketchMismatch, match="1 documents"):
        sketched(np.ones((2, 4), np.float32), ["a", "b"], documents=["one"])


def test_texts_are_cut_at_a_word_and_their_white_space_is_folded():
    assert cut("two\n\n  words ") == "two words"
    long = cut("word " * 500)
    assert len(long) <= TEXT_CHARS
    assert long.endswith("word…")
    assert len(cut("x" * 5000)) == TEXT_CHARS


def test_more_experts_keep_fewer_passages_each():
    assert passages_each(1) == passages_each(16) == PASSAGES
    assert passages_each(100) * 100 <= MOST_PASSAGES
    assert passages_each(10_000) == FEWEST_PASSAGES


def test_sketches_lie_in_the_order_of_the_experts_and_are_thinned():
    one, other = (sketch_of(np.full((200, 3), value), *[str(value)] * 200) for value in (1, 2))
    together, counts = gathered({"b": other, "a": one}, ["a", "none", "b"], 3)
    assert counts.tolist() == [PASSAGES, 0, PASSAGES]
    assert together.texts == ("1",) * PASSAGES + ("2",) * PASSAGES
    assert together.vectors_PD[:, 0].tolist() == [1.0] * PASSAGES + [2.0] * PASSAGES


def test_a_new_sketch_replaces_the_old_one_of_its_expert_alone():
    gate = random_gate([1, 2, 1])
    name = gate.experts[1]
    changed = with_sketch(gate, name, sketch_of(np.ones((3, 24)), "x", "y", "z"))
    assert changed.samples.passage_texts == ("passage 0", "x", "y", "z", "passage 2")
    assert changed.passage_counts.tolist() == [1, 3, 1]
    assert np.array_equal(changed.samples.passages_PD[[0, 4]], gate.samples.passages_PD[[0, 2]])
    assert changed.card.parent == gate.version
    assert len(with_sketch(changed, name, sketch_of(np.zeros((0, 24)))).samples.passage_texts) == 2
    with pytest.raises(ExpertNotInGate):
        with_sketch(gate, "nobody", sketch_of(np.ones((1, 24)), "x"))
