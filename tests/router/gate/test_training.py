"""Training, evaluation and hot-adding with the real encoder on small sets."""

import doctest
import math

import numpy as np
import pytest

import doyen_router
from doyen_router.gate.calibration import expected_calibration_error, fitted_temperature, reliability
from doyen_router.gate.clusters import spherical_clusters
from doyen_router.gate.decide import decide, snapshot_of
from doyen_router.gate.decision import Policy, RouteReason
from doyen_router.gate.evaluation import evaluate
from doyen_router.gate.examples import Example, ExamplesUnreadable, read_examples, read_texts
from doyen_router.gate.imprint import ExpertAlreadyInGate, NothingToImprint, add_expert
from doyen_router.gate.inside import auroc
from doyen_router.gate.measures import average_precision, fpr95
from doyen_router.gate.members import empty_gate, remove_expert
from doyen_router.gate.sketch import sketched
from doyen_router.gate.training import TooFewExamples, UnknownLabels, fit_gate
from doyen_router.text_features import features

NEW = [
    Example("please move cash between my accounts", "banking"),
    Example("my debit card was stolen", "banking"),
    Example("how should I fry an egg", "cooking"),
    Example("which herbs suit a tomato sauce", "cooking"),
    Example("I want to fly to Madrid", "travel"),
    Example("is a visa required for Brazil", "travel"),
]
FAR = [
    "prove that every finite field has prime power order",
    "the mitochondria is the powerhouse of the cell",
    "select name from users where id is null",
    "zxcv qwpo asdf",
    "der Hund bellt laut im Garten",
]
GARDENING = [
    "how often do I water tomatoes in the garden", "when should I prune roses", "my lawn is turning yellow",
    "which soil is best for blueberries", "how do I get rid of slugs on lettuce", "when do I plant tulip bulbs",
    "can I compost orange peel", "why do the leaves of my hydrangea wilt",
]  # fmt: skip


def experts_of(gate, encoder, texts):
    return [decide(gate, vector, snapshot_of(gate), Policy()).experts for vector in features(encoder, texts)]


def test_the_five_lines_of_the_package_run_as_documented():
    results = doctest.testmod(doyen_router)
    assert results.attempted == 5
    assert results.failed == 0


def test_new_texts_go_to_their_experts_and_far_ones_to_nobody(gate, encoder):
    report = evaluate(gate, encoder, NEW, FAR)
    assert report["accuracy"] == 1.0
    assert report["outside"] is not None
    assert report["outside"]["auroc"] >= 0.9
    for vector in features(encoder, FAR):
        choice = decide(gate, vector, snapshot_of(gate), Policy())
        assert choice.reason is RouteReason.OUT_OF_DOMAIN
        assert choice.inside < choice.inside_floor


def test_the_same_seed_gives_the_same_version(gate, encoder, examples):
    assert fit_gate(examples, encoder).version == gate.version
    assert fit_gate(examples, encoder, seed=1).version != gate.version


def test_the_card_tells_where_the_gate_comes_from(gate, encoder, examples):
    assert gate.card.encoder_identity == encoder.identity
    assert gate.card.data["examples"].count == len(examples)
    assert gate.card.metrics["held_out_count"] == len(examples)
    assert set(gate.card.metrics) >= {"accuracy", "macro_f1", "ece", "coverage", "auroc_leave_one_expert_out"}
    assert all(facts.recall is not None and facts.examples == 12 for facts in gate.card.experts.values())
    assert sum(row.count for row in gate.card.reliability) == len(examples)


def test_fine_labels_become_rows_and_outside_texts_are_measured(encoder, examples):
    fine = [Example(each.text, each.expert, fine=each.text.split()[0]) for each in examples]
    gate = fit_gate(fine, encoder, validation=NEW, outside=FAR)
    assert "how" in gate.card.experts["cooking"].rows
    assert gate.card.metrics["held_out_count"] == len(NEW)
    assert "auroc_outside" in gate.card.metrics
    assert set(gate.card.data) == {"examples", "validation", "outside"}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_handful_of_examples_still_makes_a_gate(encoder, examples, count):
    few = [example for place in (0, 12, 24) for example in examples[place : place + count]]
    gate = fit_gate(few, encoder)
    assert [experts[0] for experts in experts_of(gate, encoder, [few[0].text, few[-1].text])] == ["banking", "travel"]


def test_two_experts_of_one_row_each(encoder):
    gate = fit_gate([Example("pay my bill", "billing"), Example("will it rain", "weather")], encoder)
    logits, _ = gate.batch_scores(features(encoder, ["my invoice and payment", "sun and clouds tomorrow"]))
    assert logits.argmax(axis=1).tolist() == [0, 1]


def test_one_expert_alone_abstains_on_foreign_texts(encoder, examples):
    gate = fit_gate([example for example in examples if example.expert == "cooking"], encoder)
    assert experts_of(gate, encoder, ["how should I boil potatoes"]) == [["cooking"]]
    assert experts_of(gate, encoder, FAR) == [[]] * len(FAR)


def test_impossible_input_is_named(encoder, gate, examples):
    with pytest.raises(TooFewExamples):
        fit_gate([], encoder)
    with pytest.raises(UnknownLabels, match="'astrology'"):
        evaluate(gate, encoder, [Example("my stars", "astrology")])
    with pytest.raises(UnknownLabels, match="'astrology'"):
        fit_gate(examples, encoder, validation=[Example("my stars", "astrology")])


def test_stores_become_evidence_and_must_name_experts(encoder, examples):
    passages = ["Pour the batter into a hot pan.", "Simmer lentils for half an hour.", "Egg whites set at 62 degrees."]
    sketch = sketched(encoder.encode(passages), passages)
    gate = fit_gate(examples, encoder, sketches={"cooking": sketch})
    assert gate.card.experts["cooking"].passages == 3
    assert gate.judge(features(encoder, ["how long do lentils simmer"])[0], {}).evidence_E is not None
    with pytest.raises(UnknownLabels, match="'kooking'"):
        fit_gate(examples, encoder, sketches={"kooking": sketch})
    alone = fit_gate([each for each in examples if each.expert == "cooking"], encoder, sketches={"cooking": sketch})
    assert alone.samples.passage_texts == sketch.texts


def test_an_expert_added_without_training_is_routed_to_and_leaves_again(gate, encoder, examples):
    grown, confusions = add_expert(
        gate, "gardening", encoder, description="Growing flowers and vegetables", examples=GARDENING
    )
    asked = ["when do I prune my apple tree", "slugs are eating my vegetable garden", "best soil for roses"]
    assert experts_of(grown, encoder, asked) == [["gardening"]] * 3
    kept = experts_of(grown, encoder, [each.text for each in examples])
    assert sum(experts[:1] == [each.expert] for experts, each in zip(kept, examples, strict=True)) >= 34
    assert experts_of(grown, encoder, FAR) == [[]] * len(FAR)
    assert {confusion.expert for confusion in confusions} == {"banking", "cooking", "travel"}
    assert all(0 <= of.theirs_lost <= 1 and 0 <= of.ours_lost <= 1 for of in confusions)
    assert grown.card.experts["gardening"].origin == "imprinted"
    text = features(encoder, ["any text"])[0]
    left = remove_expert(grown, "gardening").judge(text, {})
    assert np.array_equal(left.logits_E, gate.judge(text, {}).logits_E)


def test_passages_alone_are_enough(gate, encoder):
    passages = [f"{text}: an answer of the gardening handbook" for text in GARDENING]
    grown, _ = add_expert(gate, "gardening", encoder, passages=passages)
    by_vectors, _ = add_expert(gate, "gardening", encoder, passages=encoder.encode(passages))
    assert experts_of(grown, encoder, ["when do I prune my apple tree"]) == [["gardening"]]
    assert grown.experts == by_vectors.experts


def test_a_near_neighbour_is_reported_as_confusion(gate, encoder):
    twin = ["what is my bank balance", "block my lost credit card", "pay the water bill", "overdraft fee"]
    far = ["prove the theorem by induction", "a ring with unity", "the kernel of a linear map", "prime ideals"]
    confusions = {}
    for name, examples in (("twin", twin), ("algebra", far)):
        _, found = add_expert(gate, name, encoder, examples=examples)
        confusions[name] = {of.expert: of for of in found}["banking"]
    twin_total = confusions["twin"].theirs_lost + confusions["twin"].ours_lost
    assert twin_total > confusions["algebra"].theirs_lost + confusions["algebra"].ours_lost


def test_the_first_experts_of_an_empty_gate(encoder, examples):
    cooking = [each.text for each in examples if each.expert == "cooking"]
    travel = [each.text for each in examples if each.expert == "travel"]
    first, confusions = add_expert(empty_gate(encoder), "cooking", encoder, examples=cooking)
    assert confusions == []
    assert experts_of(first, encoder, [*FAR, "how should I boil potatoes"]) == [*[[]] * len(FAR), ["cooking"]]
    second, _ = add_expert(first, "travel", encoder, examples=travel)
    asked = ["I want to fly to Madrid", "a recipe for onion soup"]
    assert experts_of(second, encoder, [*asked, *FAR]) == [["travel"], ["cooking"], *[[]] * len(FAR)]
    third, _ = add_expert(second, "stars", encoder, description="Astronomy: stars, planets and galaxies")
    assert experts_of(third, encoder, ["how far away is the planet Saturn", *asked])[1:] == [["travel"], ["cooking"]]
    assert experts_of(third, encoder, ["planets and galaxies"]) == [["stars"]]


def test_a_newcomer_needs_a_new_name_and_some_material(gate, encoder):
    with pytest.raises(ExpertAlreadyInGate):
        add_expert(gate, "travel", encoder, examples=["x"])
    with pytest.raises(NothingToImprint):
        add_expert(gate, "silent", encoder, examples=[" "])


def test_examples_are_read_or_refused_with_their_line(tmp_path):
    path = tmp_path / "examples.jsonl"
    path.write_text('{"q": "a\u2028b", "who": "x", "fine": null}\n\n{"q": "b", "who": "y", "fine": "z"}\n')
    read = read_examples(path, text_field="q", label_field="who", fine_field="fine")
    assert read == [Example("a\u2028b", "x"), Example("b", "y", "z")]
    assert read_texts(path, text_field="q") == ["a\u2028b", "b"]
    with pytest.raises(ExamplesUnreadable, match="'intent'"):
        read_examples(path, text_field="q", label_field="who", fine_field="intent")
    broken = {"{": "not JSON", "[]": "JSON object", '{"text": 3, "expert": "x"}': "'text'", '{"text": "a"}': "'expert'"}
    for line, reason in broken.items():
        path.write_text(f'{{"text": "a", "expert": "b"}}\n{line}\n')
        with pytest.raises(ExamplesUnreadable, match=rf"examples\.jsonl:2.*{reason}"):
            read_examples(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ExamplesUnreadable, match="UTF-8"):
        read_examples(path)
    with pytest.raises(ExamplesUnreadable, match="cannot be read"):
        read_examples(tmp_path / "none.jsonl")


def test_temperature_is_found_and_calibrates():
    random = np.random.default_rng(0)
    logits = random.standard_normal((4000, 5)) * 2
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([random.choice(5, p=share) for share in shares])
    assert fitted_temperature(3 * logits, labels) == pytest.approx(3, rel=0.1)
    table = reliability(shares.max(axis=1), shares.argmax(axis=1) == labels)
    assert expected_calibration_error(table) < 0.03
    assert sum(row.count for row in table) == 4000


def test_measures_agree_with_their_definitions():
    inside, outside = np.array([3.0, 4.0, 5.0, 2.0]), np.array([1.0, 2.0, 6.0])
    pairs = [(i > o) + 0.5 * (i == o) for i in inside for o in outside]
    assert auroc(inside, outside) == pytest.approx(np.mean(pairs))
    assert fpr95(np.arange(100.0), np.array([-1.0, 3.0, 50.0, 80.0])) == 0.5
    assert average_precision(np.array([3.0, 1.0]), np.array([2.0])) == pytest.approx((1 + 2 / 3) / 2)


def test_clusters_find_what_is_there():
    random = np.random.default_rng(0)
    centres = np.eye(3, 16, dtype=np.float32)
    vectors = np.repeat(centres, 20, axis=0) + random.normal(0, 0.05, (60, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels, found = spherical_clusters(vectors, 3)
    assert len({tuple(labels[start : start + 20].tolist()) for start in (0, 20, 40)}) == 3
    assert math.isclose(float((found @ centres.T).max(axis=1).min()), 1, abs_tol=0.01)
    assert len(spherical_clusters(np.repeat(centres[:1], 5, axis=0), 3)[1]) == 1
