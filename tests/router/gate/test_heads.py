"""The kinds of head on made-up texts whose structure is known."""

import numpy as np
import pytest

from doyen_router.gate.candidates import Trial, chosen_trial, trial
from doyen_router.gate.examples import Example
from doyen_router.gate.heads import HeadSpec, trained_head
from doyen_router.gate.mlp import trained_layer
from doyen_router.gate.rows import planned_rows

D, L = 16, 32


def cloud(centres: np.ndarray, each: int, seed: int, *, spread: float = 0.12) -> tuple[np.ndarray, np.ndarray]:
    """Features whose first part lies round the centres, and whose second says the centre in a word of its own."""
    random = np.random.default_rng(seed)
    label = np.repeat(np.arange(len(centres)), each)
    vectors = centres[label] + spread * random.standard_normal((len(label), D))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    words = np.eye(L)[label] + 0.5 * random.standard_normal((len(label), L)) / np.sqrt(L)
    words /= np.linalg.norm(words, axis=1, keepdims=True)
    return np.concatenate([vectors, words], axis=1).astype(np.float32), label


def centres(count: int, seed: int = 0) -> np.ndarray:
    found = np.random.default_rng(seed).standard_normal((count, D))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def accuracy(of: Trial, features: np.ndarray, label: np.ndarray) -> float:
    return float((of.gate.batch_scores(features)[0].argmax(axis=1) == label).mean())


@pytest.mark.parametrize("kind", ["linear", "mlp", "prototype", "knn"])
def test_every_kind_makes_rows_that_tell_new_texts_apart(kind):
    features, label = cloud(centres(5), 60, seed=1)
    examples = [Example("", f"expert{one}") for one in label]
    made = trial(HeadSpec(kind=kind), examples, features, D, seed=0)
    fresh, truth = cloud(centres(5), 40, seed=2)
    assert accuracy(made, fresh, truth) > 0.95
    assert list(made.row_names) == [f"expert{one}" for one in range(5)]
    assert sum(map(len, made.row_names.values())) == len(made.gate.rows.bias_R)
    assert (len(made.gate.trunk_bias_H) > 0) == (kind == "mlp")


def test_an_experts_rows_lie_together_and_are_as_many_as_the_fineness_says():
    features, label = cloud(centres(3), 50, seed=1)
    examples = [Example("", "abc"[one]) for one in label]
    made = {fineness: trial(HeadSpec(fineness=fineness), examples, features, D, seed=0) for fineness in (0.0, 0.8)}
    owners = [name.split("#")[0] for names in made[0.8].row_names.values() for name in names]
    assert owners == sorted(owners)
    assert len(made[0.0].row_names["a"]) == 1 < len(made[0.8].row_names["a"])


def test_words_that_say_nothing_weigh_nothing():
    features, label = cloud(centres(4), 150, seed=1, spread=0.3)
    noise = np.random.default_rng(0).standard_normal((len(label), L))
    features[:, D:] = noise / np.linalg.norm(noise, axis=1, keepdims=True)
    features[:, D:] *= 3  # loud
    examples = [Example("", f"e{one}", fine=f"e{one}") for one in label]
    half = np.arange(len(label)) % 2 == 0
    kept = [example for example, is_kept in zip(examples, half, strict=True) if is_kept]
    best, losses = chosen_trial(kept, features[half], D, features[~half], label[~half], seed=0, progress=lambda _: None)
    assert best.spec.lexical_weight == 0.0
    assert set(losses) == {"linear", "prototype", "knn"}, "a hidden layer wants more texts"


def test_a_layer_learns_what_no_row_can():
    random = np.random.default_rng(0)
    corners = random.integers(0, 2, (1200, 2))
    label = corners[:, 0] ^ corners[:, 1]  # exclusive or
    vectors = np.concatenate([2 * corners - 1, 0.2 * random.standard_normal((1200, D - 2))], axis=1).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    features = np.concatenate([vectors, np.zeros((1200, L), np.float32)], axis=1)
    examples = [Example("", f"e{one}", fine=f"e{one}") for one in label]
    made = {kind: trial(HeadSpec(kind=kind), examples[:900], features[:900], D, seed=0) for kind in ("linear", "mlp")}
    assert accuracy(made["linear"], features[900:], label[900:]) < 0.65
    assert accuracy(made["mlp"], features[900:], label[900:]) > 0.85
    best, losses = chosen_trial(
        examples[:1000], features[:1000], D, features[1000:], label[1000:], seed=0, progress=lambda _: None
    )
    assert losses["mlp"] < losses["linear"]
    assert best.spec.kind in ("mlp", "knn")
    assert best.spec.kind == min(losses, key=losses.__getitem__)


def test_training_is_the_same_every_time():
    features, label = cloud(centres(3), 20, seed=1)
    one, other = (trained_layer(features[:, :D], label, seed=3) for _ in range(2))
    assert all(np.array_equal(first, second) for first, second in zip(one, other, strict=True))
    plan = planned_rows([Example("", "abc"[one]) for one in label], features[:, :D], fineness=0.4, seed=0)
    heads = [trained_head(HeadSpec(kind="knn"), features, D, plan.row_N, seed=5) for _ in range(2)]
    assert np.array_equal(heads[0].rows.weights_RW, heads[1].rows.weights_RW)
