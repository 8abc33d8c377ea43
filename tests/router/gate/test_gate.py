"""Scores, removal, decision and artifact of gates made of chosen numbers."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.router.gate.gates import axis_gate, random_gate, vector

from doyen_router.gate.artifact import GateArtifactInvalid, GateForAnotherEncoder, check_output, load_gate, save_gate
from doyen_router.gate.decide import ExpertNotCandidate, VectorMismatch, decide, pin, snapshot_of
from doyen_router.gate.decision import Candidate, Policy, RouteReason, Snapshot
from doyen_router.gate.gate import ExpertNotInGate, GateMalformed
from doyen_router.gate.members import only, remove_expert

LAW, TAX = vector(0.9, 0.3, 0, 0), vector(0.3, 0.9, 0, 0)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 9), min_size=2, max_size=12), st.data())
def test_removing_an_expert_leaves_the_logits_of_the_others_bit_identical(rows, data):
    gate = random_gate(rows, seed=sum(rows))
    gone = data.draw(st.sampled_from(gate.experts))
    smaller = remove_expert(gate, gone)
    random = np.random.default_rng(1)
    kept = [place for place, name in enumerate(gate.experts) if name != gone]
    for _ in range(5):
        text = random.standard_normal(24).astype(np.float32)
        before, after = gate.judge(text, {}), smaller.judge(text, {})
        assert np.array_equal(before.logits_E[kept], after.logits_E)
        assert np.array_equal(before.nearness_E[kept], after.nearness_E)
    assert smaller.samples.reference_texts == tuple(
        text for place, text in enumerate(gate.samples.reference_texts) if place // 2 in kept
    )
    assert smaller.card.parent == gate.version
    with pytest.raises(ExpertNotInGate):
        remove_expert(smaller, gone)


def test_an_experts_logit_is_the_logsumexp_of_its_rows():
    gate = random_gate([3, 1, 4])
    text = np.random.default_rng(3).standard_normal(24).astype(np.float32)
    rows = gate.rows.weights_RW @ text + gate.rows.bias_R
    expected = [np.logaddexp.reduce(rows[:3]), rows[3], np.logaddexp.reduce(rows[4:])]
    assert np.allclose(gate.judge(text, {}).logits_E, expected, atol=1e-4)
    assert np.allclose(gate.batch_scores(text[None])[0][0], expected, atol=1e-4)


def test_rows_read_words_and_hidden_units_beside_the_encoder():
    gate = random_gate([2, 1], sketch=8, hidden=6)
    text = np.random.default_rng(3).standard_normal(32).astype(np.float32)
    hidden = np.maximum(gate.trunk_HD @ text[:24] + gate.trunk_bias_H, 0)
    rows = gate.rows.weights_RW @ np.concatenate([text, hidden]) + gate.rows.bias_R
    assert np.allclose(gate.judge(text, {}).logits_E, [np.logaddexp(*rows[:2]), rows[2]], atol=1e-4)
    assert np.allclose(gate.batch_scores(text[None])[0], [[np.logaddexp(*rows[:2]), rows[2]]], atol=1e-4)
    assert gate.dimensions == 32


def test_the_sure_gate_chooses_and_names_the_runner_up():
    gate = axis_gate(law=0, tax=1, sport=2)
    choice = decide(gate, LAW, snapshot_of(gate), Policy())
    assert choice.experts == ["law"]
    assert choice.runner_up == "tax"
    assert choice.reason is RouteReason.GATE
    assert not choice.abstained
    assert sum(choice.probabilities.values()) == pytest.approx(1)
    assert decide(gate, LAW, snapshot_of(gate), Policy()) == choice


def test_top_k_and_mass_choose_several_whose_weights_sum_to_one():
    gate = axis_gate(law=0, tax=1, sport=2)
    text = vector(0.8, 0.75, 0, 0)
    two = decide(gate, text, snapshot_of(gate), Policy(top_k=2))
    assert two.experts == ["law", "tax"]
    assert sum(chosen.weight for chosen in two.chosen) == pytest.approx(1)
    most = decide(gate, text, snapshot_of(gate), Policy(selection="mass", mass=0.9))
    assert most.experts == ["law", "tax"]
    assert decide(gate, text, snapshot_of(gate), Policy(selection="mass", mass=0.5)).experts == ["law"]
    assert len(decide(gate, text, snapshot_of(gate), Policy(selection="mass", mass=1.0)).chosen) == 3


def test_masks_carry_their_reasons_and_deny_wins():
    gate = axis_gate(law=0, tax=1, sport=2, art=3)
    snapshot = Snapshot((Candidate("art"), Candidate("law", "paused"), Candidate("new"), Candidate("tax")))
    choice = decide(gate, LAW, snapshot, Policy(allow=("tax", "art", "law", "new"), deny=("art",), inside_floor=0.0))
    assert choice.experts == ["tax"]
    assert choice.masked == {
        "law": "paused",
        "art": "denied by the policy",
        "new": "the gate has no rows for it",
        "sport": "not an expert of this caller",
    }
    assert set(choice.probabilities) == {"tax"}


def test_knowledge_of_masked_experts_does_not_make_a_text_known():
    gate = axis_gate(law=0, tax=1)
    choice = decide(gate, vector(1, 0, 0, 0), snapshot_of(gate), Policy(deny=("law",)))
    assert choice.reason is RouteReason.OUT_OF_DOMAIN


def test_far_texts_go_to_the_generalist_or_to_nobody():
    gate = axis_gate(law=0, tax=1)
    far = vector(0, 0, 0, 1)
    with_generalist = snapshot_of(gate, "everything")
    abstained = decide(gate, far, with_generalist, Policy())
    assert abstained.experts == ["everything"]
    assert abstained.abstained
    assert abstained.reason is RouteReason.OUT_OF_DOMAIN
    assert abstained.inside < abstained.inside_floor
    assert "everything" not in abstained.masked
    assert decide(gate, far, with_generalist, Policy(on_abstain="refuse")).chosen == ()
    assert decide(gate, far, with_generalist, Policy(deny=("everything",))).chosen == ()
    assert decide(gate, far, snapshot_of(gate), Policy()).chosen == ()
    assert decide(gate, far, with_generalist, Policy(inside_floor=0.0)).reason is RouteReason.GATE


def test_the_probability_floor_abstains_too():
    gate = axis_gate(law=0, tax=1)
    choice = decide(gate, vector(0.7, 0.7, 0, 0), snapshot_of(gate), Policy(floor=0.8))
    assert choice.reason is RouteReason.LOW_CONFIDENCE
    assert choice.chosen == ()
    assert choice.confidence == pytest.approx(0.5)


def test_without_gate_or_experts_only_the_generalist_is_left():
    gate = axis_gate(law=0)
    snapshot = snapshot_of(gate, "everything")
    assert decide(None, LAW, snapshot, Policy()).reason is RouteReason.NO_GATE
    assert decide(None, LAW, snapshot, Policy()).experts == ["everything"]
    assert decide(gate, LAW, snapshot, Policy(deny=("law",))).reason is RouteReason.NO_EXPERT
    assert decide(gate, LAW, snapshot, Policy(deny=("law",))).experts == ["everything"]
    assert decide(gate, LAW, Snapshot(()), Policy()).chosen == ()


def test_a_vector_of_another_encoder_is_refused():
    with pytest.raises(VectorMismatch, match="4"):
        decide(axis_gate(law=0), vector(1, 0), Snapshot((Candidate("law"),)), Policy())


def test_pinning_bypasses_the_gate_but_no_mask():
    snapshot = Snapshot((Candidate("law"), Candidate("tax", "paused")))
    assert pin("law", snapshot).reason is RouteReason.PINNED
    with pytest.raises(ExpertNotCandidate, match="paused"):
        pin("tax", snapshot)
    with pytest.raises(ExpertNotCandidate):
        pin("sport", snapshot)


def test_an_artifact_comes_back_as_it_was(tmp_path):
    gate = random_gate([3, 2])
    loaded = load_gate(save_gate(gate, tmp_path / "gate"), encoder_identity="e")
    assert loaded.version == gate.version
    assert loaded.card == gate.card
    text = np.random.default_rng(0).standard_normal(24).astype(np.float32)
    assert np.array_equal(loaded.judge(text, {}).logits_E, gate.judge(text, {}).logits_E)
    assert loaded.samples.passage_texts == gate.samples.passage_texts
    save_gate(random_gate([2, 2]), tmp_path / "gate")
    assert load_gate(tmp_path / "gate").version != gate.version
    assert [path.name for path in tmp_path.iterdir()] == ["gate"], "no draft is left behind"


@pytest.mark.parametrize("name", ["gate.safetensors", "card.json", "texts.json", "manifest.json"])
def test_any_altered_or_missing_file_is_refused(tmp_path, name):
    folder = save_gate(random_gate([3, 2]), tmp_path / "gate")
    original = (folder / name).read_bytes()
    for place in range(0, len(original), max(1, len(original) // 40)):
        altered = bytearray(original)
        altered[place] ^= 0x11
        (folder / name).write_bytes(altered)
        with pytest.raises(GateArtifactInvalid):
            load_gate(folder)
    (folder / name).unlink()
    with pytest.raises(GateArtifactInvalid, match=name):
        load_gate(folder)


def test_foreign_folders_and_encoders_are_refused(tmp_path):
    with pytest.raises(GateArtifactInvalid, match=r"manifest\.json"):
        load_gate(tmp_path)
    folder = save_gate(random_gate([1, 1]), tmp_path / "gate")
    with pytest.raises(GateForAnotherEncoder):
        load_gate(folder, encoder_identity="another")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(GateArtifactInvalid, match="other files"):
        save_gate(random_gate([1, 1]), tmp_path / "mine")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "format": "doyen-gate-9"}))
    with pytest.raises(GateArtifactInvalid, match="doyen-gate-2"):
        load_gate(folder)


def test_tensors_that_do_not_fit_the_card_are_refused():
    gate = random_gate([2, 2])
    with pytest.raises(GateMalformed, match="bias_R"):
        replace(gate, rows=gate.rows._replace(bias_R=gate.rows.bias_R[:3]))
    broken = gate.rows.weights_RW.copy()
    broken[0, 0] = np.nan
    with pytest.raises(GateMalformed, match="finite"):
        replace(gate, rows=gate.rows._replace(weights_RW=broken))
    with pytest.raises(GateMalformed, match="3 reference texts"):
        replace(gate, samples=gate.samples._replace(reference_texts=("a", "b", "c")))


def test_only_keeps_just_those_named_to_the_bit():
    gate = random_gate([2, 3, 1, 4], sketch=8)
    few = only(gate, {"expert03", "expert01", "stranger"})
    assert few.experts == ("expert01", "expert03")
    text = np.random.default_rng(0).standard_normal(32).astype(np.float32)
    assert np.array_equal(few.judge(text, {}).logits_E, gate.judge(text, {}).logits_E[[1, 3]])
    assert few.samples.passage_texts == ("passage 1", "passage 3")


def test_a_manifest_too_deep_to_read_is_refused_and_never_replaced(tmp_path):
    folder = save_gate(random_gate([1, 1]), tmp_path / "gate")
    (folder / "manifest.json").write_text("[" * 100_000)
    with pytest.raises(GateArtifactInvalid):
        load_gate(folder)
    with pytest.raises(GateArtifactInvalid, match="other files"):
        check_output(folder)
