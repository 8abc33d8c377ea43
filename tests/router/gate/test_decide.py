"""The decision as a whole: masks before and after, baselines, pins, weights, determinism."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.router.gate.shares import ANY, gate_of

from doyen_router.gate.decide import ExpertNotCandidate, FeaturesNotFinite, decide, pin, snapshot_of
from doyen_router.gate.decision import (
    Candidate,
    Conditions,
    Exploration,
    Load,
    Policy,
    RouteReason,
    Snapshot,
)
from doyen_router.gate.masks import MaskBypassed, check_masks
from doyen_router.gate.members import remove_expert

GATE = gate_of({"law": 0.6, "tax": 0.3, "sport": 0.1})
PLACED = Snapshot(
    (
        Candidate("everything", region="us", data_classes=("public",)),
        Candidate("law", region="us"),
        Candidate("sport"),
        Candidate("tax", region="eu", data_classes=("public", "pii")),
    ),
    "everything",
)


def test_a_region_masks_experts_elsewhere_and_those_of_no_region():
    choice = decide(GATE, ANY, PLACED, Policy(regions=("eu",)))
    assert choice.experts == ["tax"]
    assert choice.probabilities == {"tax": 1.0}
    assert "'us'" in choice.masked["law"]
    assert "no region" in choice.masked["sport"]


def test_a_data_class_masks_who_may_not_see_it():
    assert decide(GATE, ANY, PLACED, Policy(data_class="pii", deny=("law", "sport"))).experts == ["tax"]
    secret = decide(GATE, ANY, PLACED, Policy(), conditions=Conditions(data_class="secret"))
    assert "secret" in secret.masked["tax"]
    assert secret.experts == ["law"], "an expert without a list of classes may see all"


@pytest.mark.parametrize(("of_policy", "own"), [("secret", "pii"), ("pii", "secret"), ("secret", None)])
def test_a_requests_data_class_binds_beside_the_policys_and_never_lifts_it(of_policy, own):
    policy, conditions = Policy(data_class=of_policy, deny=("law", "sport")), Conditions(data_class=own)
    choice = decide(GATE, ANY, PLACED, policy, conditions=conditions)
    assert choice.experts == []
    assert choice.masked["tax"] == "it may not see data of the class 'secret'"
    with pytest.raises(ExpertNotCandidate, match="'secret'"):
        pin("tax", PLACED, policy, conditions)
    both = Policy(data_class="public", deny=("law", "sport"))
    assert decide(GATE, ANY, PLACED, both, conditions=Conditions(data_class="pii")).experts == ["tax"]


@pytest.mark.parametrize("policy", [Policy(floor=1.1), Policy(inside_floor=1.1), Policy(allow=("everything",))])
def test_region_and_data_class_bind_the_generalist_too(policy):
    free = decide(GATE, ANY, PLACED, policy)
    assert (free.experts, free.abstained) == (["everything"], True)
    assert decide(GATE, ANY, PLACED, replace(policy, regions=("eu",))).chosen == ()
    assert decide(GATE, ANY, PLACED, policy, conditions=Conditions(data_class="pii")).chosen == ()
    assert decide(None, ANY, PLACED, replace(policy, regions=("eu",))).chosen == ()


def test_a_pin_bypasses_the_gate_but_no_mask():
    assert pin("law", PLACED).experts == ["law"]
    assert pin("tax", PLACED, Policy(regions=("eu",), data_class="pii")).experts == ["tax"]
    for policy, conditions in (
        (Policy(regions=("eu",)), Conditions()),
        (Policy(deny=("everything",)), Conditions()),
        (Policy(), Conditions(data_class="pii")),
    ):
        with pytest.raises(ExpertNotCandidate, match="everything"):
            pin("everything", PLACED, policy, conditions)


def test_a_choice_that_a_mask_forbids_is_never_returned():
    with pytest.raises(MaskBypassed, match="law"):
        check_masks(["tax", "law"], PLACED, Policy(regions=("eu",)), Conditions())
    with pytest.raises(MaskBypassed, match="stranger"):
        check_masks(["stranger"], PLACED, Policy(), Conditions())


@pytest.mark.parametrize("selection", ["top_k", "hash"])
def test_masks_are_checked_again_on_what_was_chosen(monkeypatch, selection):
    # As if the first look at the masks had a defect.
    monkeypatch.setattr("doyen_router.gate.decide.masks", lambda *_: {})
    policy = Policy(selection=selection, data_class="secret", deny=("law",), top_k=9)
    with pytest.raises(MaskBypassed):
        decide(GATE, ANY, PLACED, policy)


def test_the_generalist_without_rows_is_no_rival_of_the_experts():
    choice = decide(GATE, ANY, snapshot_of(GATE, "everything"), Policy(top_k=9))
    assert choice.experts == ["law", "tax", "sport"]
    assert choice.masked == {}
    assert choice.runner_up is None


def test_probabilities_renormalise_when_an_expert_leaves_and_the_others_keep_their_proportions():
    smaller = remove_expert(GATE, "law")
    choice = decide(smaller, ANY, snapshot_of(smaller), Policy())
    assert choice.probabilities == pytest.approx({"tax": 0.75, "sport": 0.25})
    masked = decide(GATE, ANY, snapshot_of(GATE), Policy(deny=("law",)))
    assert masked.probabilities == choice.probabilities


def test_weights_come_from_unadjusted_probabilities():
    loads = {"law": Load(balance=-1.0), "tax": Load(balance=1.0)}
    policy = Policy(top_k=2, balance_bound=1.0)
    choice = decide(GATE, ANY, snapshot_of(GATE), policy, conditions=Conditions(loads=loads))
    assert choice.experts == ["tax", "law"]
    assert [one.weight for one in choice.chosen] == pytest.approx([1 / 3, 2 / 3])
    assert choice.confidence == pytest.approx(0.3)
    assert choice.runner_up == "sport"


def test_evidence_of_context_is_recorded_with_its_size_also_when_the_gate_abstains():
    gate = gate_of({"law": 0.5, "tax": 0.5}, context={"tax": {"locale=de": 1.5}})
    conditions = Conditions(context={"locale": "de"})
    choice = decide(gate, ANY, snapshot_of(gate), Policy(), conditions=conditions)
    assert choice.experts == ["tax"]
    assert [(row.name, row.expert, row.size) for row in choice.adjustments] == [("context", "tax", 1.5)]
    unsure = decide(gate, ANY, snapshot_of(gate), Policy(floor=0.99), conditions=conditions)
    assert unsure.abstained
    assert unsure.adjustments == choice.adjustments


def test_features_that_are_not_numbers_are_refused():
    gate = gate_of({"law": 0.5, "tax": 0.5})
    with pytest.raises(FeaturesNotFinite):
        decide(gate, np.array([np.nan, 0], np.float32), snapshot_of(gate), Policy())


NAMES = [f"expert{place}" for place in range(12)]
MANY = Snapshot(tuple(Candidate(name) for name in NAMES))


def test_baselines_need_no_gate_and_say_so():
    for selection in ("fixed", "random", "hash"):
        choice = decide(None, ANY, MANY, Policy(selection=selection, fixed="expert3"))
        assert choice.reason is RouteReason.BASELINE
        assert not choice.abstained
        assert len(choice.chosen) == 1
        assert sum(choice.probabilities.values()) == pytest.approx(1)


def test_a_fixed_expert_that_is_masked_or_unknown_falls_back():
    assert decide(None, ANY, PLACED, Policy(selection="fixed", fixed="law")).experts == ["law"]
    masked = decide(None, ANY, PLACED, Policy(selection="fixed", fixed="law", deny=("law",)))
    assert (masked.reason, masked.experts) == (RouteReason.NO_EXPERT, ["everything"])
    assert decide(None, ANY, MANY, Policy(selection="fixed", fixed="stranger")).chosen == ()
    assert decide(None, ANY, MANY, Policy(selection="fixed")).reason is RouteReason.NO_EXPERT


def test_random_is_uniform_and_knows_its_exact_chance():
    policy = Policy(selection="random", top_k=3)
    counts = dict.fromkeys(NAMES, 0)
    for seed in range(4000):
        choice = decide(None, ANY, MANY, policy, seed)
        for name in choice.experts:
            counts[name] += 1
    assert choice.propensity == pytest.approx(1 / 220)
    assert [one.propensity for one in choice.chosen] == pytest.approx([0.25] * 3)
    assert all(abs(count / 4000 - 0.25) < 0.03 for count in counts.values())


def test_hashing_moves_only_the_share_of_who_joins_or_leaves():
    policy = Policy(selection="hash")
    keys = [Conditions(hash_key=f"user{number}") for number in range(600)]
    before = [decide(None, ANY, MANY, policy, conditions=key).experts[0] for key in keys]
    fewer = Snapshot(MANY.candidates[:5] + MANY.candidates[6:])
    after = [decide(None, ANY, fewer, policy, conditions=key).experts[0] for key in keys]
    assert all(new == old for old, new in zip(before, after, strict=True) if old != "expert5")
    assert all(20 <= before.count(name) <= 90 for name in NAMES)


def test_without_a_key_the_features_are_hashed():
    policy = Policy(selection="hash")
    texts = np.random.default_rng(0).standard_normal((40, 2)).astype(np.float32)
    chosen = [decide(None, text, MANY, policy, seed=seed).experts for seed, text in enumerate(texts)]
    assert chosen == [decide(None, text.copy(), MANY, policy).experts for text in texts]
    assert len({name for names in chosen for name in names}) > 5


SELECTIONS = ("top_k", "mass", "switch", "dense", "soft", "conformal", "hierarchical", "random", "hash")


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=8),
    st.sampled_from(SELECTIONS),
    st.integers(1, 4),
    st.sampled_from([None, "epsilon", "gumbel", "thompson"]),
    st.integers(0, 2**40),
)
def test_every_choice_holds_the_same_promises(shares, selection, top_k, kind, seed):
    gate = gate_of({f"e{place}": share for place, share in enumerate(shares)})
    groups = ("", "a", "a/b", "c")
    candidates = tuple(
        Candidate(name, "paused" if place == 1 else None, groups[place % 4]) for place, name in enumerate(gate.experts)
    )
    policy = Policy(selection=selection, top_k=top_k, exploration=None if kind is None else Exploration(kind))
    choice = decide(gate, ANY, Snapshot(candidates), policy, seed)
    assert choice == decide(gate, ANY, Snapshot(candidates), policy, seed)
    allowed = [name for name in gate.experts if name != "e1"]
    assert set(choice.probabilities) == set(allowed)
    assert sum(choice.probabilities.values()) == pytest.approx(1)
    assert 1 <= len(choice.chosen) == len(set(choice.experts))
    assert sum(one.weight for one in choice.chosen) == pytest.approx(1)
    assert 0 < choice.propensity <= min(one.propensity for one in choice.chosen) + 1e-9 <= 1 + 1e-9
    assert (choice.runner_up is None) == (len(choice.chosen) == len(allowed)) or selection == "fixed"
    assert choice.runner_up not in choice.experts
    assert len(choice.adjustments) <= 10


SCRIPT = """
import json
from doyen_router.gate.decide import decide
from doyen_router.gate.decision import *
from tests.router.gate.shares import ANY, gate_of
gate = gate_of({f"e{place}": 1 / (place + 2) for place in range(30)})
snapshot = Snapshot(tuple(Candidate(f"e{place}", group="abc"[place % 3]) for place in range(4, 44)), "e43")
seen = []
for selection in ("top_k", "hierarchical", "random", "hash", "mass"):
    for kind in ("epsilon", "gumbel", "thompson"):
        policy = Policy(selection=selection, top_k=3, exploration=Exploration(kind, rate=0.5), balance_bound=0.4)
        conditions = Conditions(loads={"e9": Load(balance=0.3)}, hash_key="k")
        for seed in range(5):
            seen.append(repr(decide(gate, ANY, snapshot, policy, seed, conditions)))
print(json.dumps(seen))
"""


def test_no_process_decides_differently_from_another():
    outputs = []
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(["", *sys.path])}
        done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        outputs.append(json.loads(done.stdout))
    assert outputs[0] == outputs[1]
    assert len(set(outputs[0])) > 10
