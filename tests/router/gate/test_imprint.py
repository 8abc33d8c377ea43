"""What a newcomer is made of, and that it moves nobody else."""

from __future__ import annotations

import numpy as np
import pytest

from doyen_router import Gate, OnnxEncoder, add_expert, remove_expert
from doyen_router.encoder.contract import Vector
from doyen_router.gate.clusters import unit
from doyen_router.gate.decide import decide, snapshot_of
from doyen_router.gate.decision import Policy
from doyen_router.gate.newcomer import NewRows, Others, Prototypes, new_rows, prototypes_of
from doyen_router.text_features import features

GARDENING = [
    "how often do I water tomatoes in the garden", "when should I prune roses", "my lawn is turning yellow",
    "which soil is best for blueberries", "how do I get rid of slugs on lettuce", "when do I plant tulip bulbs",
]  # fmt: skip
DIMENSIONS, WORDS = 48, 16


def test_the_others_keep_their_logits_to_the_bit(gate: Gate, encoder: OnnxEncoder) -> None:
    grown, _ = add_expert(gate, "gardening", encoder, description="Gardening", examples=GARDENING)
    left = remove_expert(grown, "gardening")
    for text_F in features(encoder, ["how long do I boil an egg", "when should I prune roses"]):
        before_E = gate.judge(text_F, {}).logits_E
        assert np.array_equal(grown.judge(text_F, {}).logits_E[:-1], before_E)
        assert np.array_equal(left.judge(text_F, {}).logits_E, before_E)
    assert all(np.array_equal(tensor, gate.tensors()[name]) for name, tensor in left.tensors().items())


def test_a_name_seen_once_is_known_again(gate: Gate, encoder: OnnxEncoder) -> None:
    shown = ["configure the Quorvex listener", "Quorvex error 1200", "restart Quorvex after an upgrade"]
    grown, _ = add_expert(gate, "quorvex", encoder, examples=shown)
    text_F = features(encoder, ["order Quorvex"])[0]
    logits_E = grown.judge(text_F, {}).logits_E
    without_words_F = np.concatenate([text_F[: encoder.dimensions], np.zeros_like(text_F[encoder.dimensions :])])
    wordless_E = grown.judge(without_words_F, {}).logits_E
    lead, wordless = (scores[-1] - scores[:-1].max() for scores in (logits_E, wordless_E))
    assert lead > wordless
    assert logits_E.argmax() == grown.index("quorvex")


def test_what_is_kept_of_a_newcomer_is_its_own(gate: Gate, encoder: OnnxEncoder) -> None:
    passages = ["Tomatoes want much water.", "Prune roses in March.", "Slugs hide under boards."]
    grown, _ = add_expert(gate, "gardening", encoder, description="Gardening", examples=GARDENING, passages=passages)
    facts = grown.card.experts["gardening"]
    assert (facts.origin, facts.examples, facts.references, facts.passages) == ("imprinted", 6, 6, 3)
    assert grown.samples.reference_texts[-6:] == tuple(GARDENING)
    assert set(grown.samples.passage_texts) == set(passages)


@pytest.mark.parametrize("texts", [(), ("Water.", "Roses.", "Slugs.")])
def test_a_store_may_hand_over_vectors_alone(gate: Gate, encoder: OnnxEncoder, texts: tuple[str, ...]) -> None:
    vectors_PD = encoder.encode(["Tomatoes want much water.", "Prune roses in March.", "Slugs hide under boards."])
    grown, _ = add_expert(gate, "gardening", encoder, passages=vectors_PD, passage_texts=texts)
    assert sorted(grown.samples.passage_texts) == sorted(texts or ("", "", ""))
    assert grown.card.experts["gardening"].passages == 3
    asked_F = features(encoder, ["when should roses be pruned"])[0]
    assert decide(grown, asked_F, snapshot_of(grown), Policy(inside_floor=0.0)).experts == ["gardening"]


def test_more_examples_than_rows_are_gathered(gate: Gate, encoder: OnnxEncoder) -> None:
    many = [f"{text}, question {number}" for number in range(15) for text in GARDENING]
    grown, _ = add_expert(gate, "gardening", encoder, examples=many)
    facts = grown.card.experts["gardening"]
    assert (facts.examples, facts.references) == (90, 64)
    assert 1 < len(facts.rows) <= 64


def test_the_direction_finds_what_own_texts_have_in_common() -> None:
    own_NF, fresh_NF, others = material()
    learned, plain = (rows_of(own_NF, others, learns=learns) for learns in (True, False))
    missed = [
        float((rows.logits(fresh_NF)[:, None] <= rows.logits(others.features_SF)).mean()) for rows in (learned, plain)
    ]
    assert missed[0] < 0.03
    assert missed[0] < 0.6 * missed[1]


def test_own_logits_are_like_those_of_fresh_texts() -> None:
    own_NF, fresh_NF, others = material()
    rows = rows_of(own_NF, others)
    fresh = float(rows.logits(fresh_NF).mean())
    assert abs(rows.own_N.mean() - fresh) < 1
    assert rows.logits(own_NF).mean() > fresh + 3


def rows_of(own_NF: Vector, others: Others, *, learns: bool = True) -> NewRows:
    labels_N, prototypes_RF = prototypes_of(own_NF, len(own_NF), DIMENSIONS)
    return new_rows(
        own_NF,
        labels_N,
        np.full(len(own_NF), 5.0),
        Prototypes(prototypes_RF, np.zeros(len(prototypes_RF), dtype=np.float32)),
        others,
        slope=12.0,
        dimensions=DIMENSIONS,
        learns=learns,
    )


def material() -> tuple[Vector, Vector, Others]:
    """Texts spread over all subjects; the newcomer's all lean one way, which is a small part of each."""
    random = np.random.default_rng(0)

    def texts(count: int, lean: float) -> Vector:
        vectors_ND = random.normal(size=(count, DIMENSIONS)).astype(np.float32)
        vectors_ND[:, 0] += lean
        return np.concatenate([unit(vectors_ND), unit(random.normal(size=(count, WORDS)).astype(np.float32))], axis=1)

    others = Others(texts(300, 0.0), np.full(300, 5.0), 5)
    return texts(30, 3.5), texts(100, 3.5), others
