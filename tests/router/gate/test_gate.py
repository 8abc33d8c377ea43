"""Scores, removal, decision and artifact of gates made of chosen numbers."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doyen_router.gate.artifact import GateArtifactInvalid, GateForAnotherEncoder, load_gate, save_gate
from doyen_router.gate.card import ExpertFacts, GateCard, InsideScale
from doyen_router.gate.decide import ExpertNotCandidate, VectorMismatch, decide, pin, snapshot_of
from doyen_router.gate.decision import Candidate, Policy, RouteReason, Snapshot
from doyen_router.gate.gate import ExpertNotInGate, Gate, GateMalformed, remove_expert


def random_gate(rows: list[int], dimensions: int = 24, seed: int = 0) -> Gate:
    random = np.random.default_rng(seed)
    count = sum(rows)
    prototypes = random.standard_normal((count, dimensions))
    prototypes /= np.linalg.norm(prototypes, axis=1, keepdims=True)
    experts = {
        f"expert{place:02}": ExpertFacts(
            origin="trained", rows=tuple(f"r{row}" for row in range(number)), references=2, examples=9
        )
        for place, number in enumerate(rows)
    }
    return Gate(
        GateCard(created=datetime.now(UTC), encoder_identity="e", encoder_dimensions=dimensions, experts=experts),
        (5 * prototypes).astype(np.float32),
        random.standard_normal(count).astype(np.float32),
        prototypes.astype(np.float32),
        random.standard_normal((2 * len(rows), dimensions)).astype(np.float16),
    )


def axis_gate(**experts: int) -> Gate:
    """Each expert owns one axis of the vector: its logit is 8 times that coordinate."""
    rows = np.eye(4, dtype=np.float32)[list(experts.values())]
    facts = {name: ExpertFacts(origin="trained", rows=(name,), references=0, examples=1) for name in experts}
    scale = InsideScale(nearness_mean=0.6, nearness_deviation=0.1, score_at_half=-2.0, score_at_high=0.0)
    card = GateCard(created=datetime.now(UTC), encoder_identity="e", encoder_dimensions=4, experts=facts, inside=scale)
    return Gate(card, 8 * rows, np.zeros(len(rows), np.float32), rows, np.zeros((0, 4), np.float16))


def vector(*numbers: float) -> np.ndarray:
    return np.array(numbers, dtype=np.float32)


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
        before, after = gate.scores(text), smaller.scores(text)
        assert np.array_equal(before[0][kept], after[0])
        assert np.array_equal(before[1][kept], after[1])
    assert smaller.card.parent == gate.version
    with pytest.raises(ExpertNotInGate):
        remove_expert(smaller, gone)


def test_an_experts_logit_is_the_logsumexp_of_its_rows():
    gate = random_gate([3, 1, 4])
    text = np.random.default_rng(3).standard_normal(24).astype(np.float32)
    rows = gate.weights_RD @ text + gate.bias_R
    expected = [np.logaddexp.reduce(rows[:3]), rows[3], np.logaddexp.reduce(rows[4:])]
    logits, _ = gate.scores(text)
    assert np.allclose(logits, expected, atol=1e-4)
    assert np.allclose(gate.batch_scores(text[None])[0][0], expected, atol=1e-4)


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
    assert np.array_equal(loaded.scores(text)[0], gate.scores(text)[0])
    save_gate(random_gate([2, 2]), tmp_path / "gate")
    assert load_gate(tmp_path / "gate").version != gate.version
    assert [path.name for path in tmp_path.iterdir()] == ["gate"], "no draft is left behind"


@pytest.mark.parametrize("name", ["gate.safetensors", "card.json", "manifest.json"])
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
    with pytest.raises(GateArtifactInvalid, match="doyen-gate-1"):
        load_gate(folder)


def test_tensors_that_do_not_fit_the_card_are_refused():
    gate = random_gate([2, 2])
    with pytest.raises(GateMalformed, match="bias_R"):
        Gate(gate.card, gate.weights_RD, gate.bias_R[:3], gate.prototypes_RD, gate.references_SD)
    broken = gate.weights_RD.copy()
    broken[0, 0] = np.nan
    with pytest.raises(GateMalformed, match="finite"):
        Gate(gate.card, broken, gate.bias_R, gate.prototypes_RD, gate.references_SD)
