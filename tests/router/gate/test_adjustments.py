"""What moves a choice beside the probabilities: how far at most, and what is recorded."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.router.gate.shares import ANY, gate_of

from doyen_router.gate.adjustments import ARM_BOUND, HEALTH_BOUND
from doyen_router.gate.decide import decide, snapshot_of
from doyen_router.gate.decision import Arm, Candidate, Choice, Conditions, Load, Policy, Snapshot

GATE = gate_of({"law": 0.5, "tax": 0.4, "sport": 0.1})


def decided(policy: Policy, conditions: Conditions, gate=GATE, snapshot: Snapshot | None = None) -> Choice:
    return decide(gate, ANY, snapshot or snapshot_of(gate), policy, 0, conditions)


def sizes(choice: Choice, kind: str) -> dict[str, float]:
    return {row.expert: row.size for row in choice.adjustments if row.name == kind}


def test_an_ordinary_decision_records_no_adjustment():
    assert decided(Policy(), Conditions()).adjustments == ()
    assert decided(Policy(), Conditions(loads={"law": Load()}, previous="tax")).adjustments == ()


def test_balance_is_clipped_to_its_bound_and_off_without_one():
    conditions = Conditions(loads={"tax": Load(balance=50.0), "law": Load(balance=-0.01)})
    assert decided(Policy(), conditions).experts == ["law"]
    weak = decided(Policy(balance_bound=0.1), conditions)
    assert weak.experts == ["law"]
    assert sizes(weak, "balance") == {"law": -0.01, "tax": 0.1}
    strong = decided(Policy(balance_bound=0.3), conditions)
    assert strong.experts == ["tax"]
    assert sizes(strong, "balance") == {"law": -0.01, "tax": 0.3}


def test_waiting_and_cost_count_in_proportion_up_to_the_tolerance():
    policy = Policy(fit_tolerance=0.2, wait_worth_ms=1000, cost_worth_usd=0.01)
    bound = -math.log(0.8)
    half = decided(policy, Conditions(loads={"law": Load(wait_ms=500)}))
    assert half.experts == ["law"]
    assert sizes(half, "wait") == pytest.approx({"tax": bound / 2})
    # 0.5 x 0.8 = 0.4: just a little more than the tolerance buys is not enough.
    full = decided(Policy(fit_tolerance=0.21), Conditions(loads={"law": Load(wait_ms=1000)}))
    assert full.experts == ["tax"]
    assert decided(Policy(fit_tolerance=0.19), Conditions(loads={"law": Load(wait_ms=math.inf)})).experts == ["law"]


def test_cost_saved_and_waiting_added_weigh_against_each_other():
    snapshot = Snapshot((Candidate("law", cost_usd=0.02), Candidate("sport"), Candidate("tax", cost_usd=0.01)))
    policy = Policy(fit_tolerance=0.3)
    cheaper = decided(policy, Conditions(), snapshot=snapshot)
    assert cheaper.experts == ["tax"]
    assert sizes(cheaper, "cost")["tax"] == pytest.approx(-math.log(0.7))
    slower = decided(policy, Conditions(loads={"tax": Load(wait_ms=700)}), snapshot=snapshot)
    assert slower.experts == ["law"]
    assert sizes(slower, "wait")["tax"] == pytest.approx(0.7 * math.log(0.7))


def test_waiting_and_cost_together_stay_within_the_tolerance():
    snapshot = Snapshot((Candidate("law", cost_usd=1.0), Candidate("sport"), Candidate("tax")))
    choice = decided(Policy(fit_tolerance=0.3), Conditions(loads={"law": Load(wait_ms=500)}), snapshot=snapshot)
    saved = sizes(choice, "wait")["tax"] + sizes(choice, "cost")["tax"]
    assert saved == pytest.approx(-math.log(0.7))
    assert sizes(choice, "cost")["tax"] == pytest.approx(2 * sizes(choice, "wait")["tax"])


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(st.floats(1e-4, 1), st.floats(0, 1e5) | st.just(math.inf), st.floats(0, 1)), min_size=2, max_size=9
    ),
    st.floats(0, 1),
)
def test_a_chosen_expert_has_its_share_of_the_likeliest_ones_probability(experts, tolerance):
    gate = gate_of({f"e{place}": share for place, (share, _, _) in enumerate(experts)})
    loads = {f"e{place}": Load(wait_ms=wait) for place, (_, wait, _) in enumerate(experts)}
    snapshot = Snapshot(tuple(Candidate(f"e{place}", cost_usd=cost) for place, (_, _, cost) in enumerate(experts)))
    choice = decided(Policy(fit_tolerance=tolerance), Conditions(loads=loads), gate, snapshot)
    assert choice.confidence >= (1 - tolerance) * max(choice.probabilities.values()) * (1 - 1e-12)


def test_a_failing_expert_loses_to_a_near_equal_and_not_to_a_far_one():
    near = gate_of({"law": 0.5, "tax": 0.45})
    failing = Conditions(loads={"law": Load(health=0.0)})
    choice = decided(Policy(), failing, near)
    assert choice.experts == ["tax"]
    assert sizes(choice, "health") == pytest.approx({"law": -HEALTH_BOUND})
    assert decided(Policy(), failing, gate_of({"law": 0.6, "tax": 0.3})).experts == ["law"]
    assert decided(Policy(), Conditions(loads={"law": Load(health=0.9)}), near).experts == ["law"]


def test_a_tolerant_policy_lets_health_cost_as_much_as_waiting():
    far = gate_of({"law": 0.6, "tax": 0.4})
    failing = Conditions(loads={"law": Load(health=0.0)})
    assert decided(Policy(), failing, far).experts == ["law"]
    assert decided(Policy(fit_tolerance=0.5), failing, far).experts == ["tax"]


def test_a_session_keeps_its_expert_until_another_is_clearly_better():
    policy = Policy(stickiness=0.5, stick_share=0.5)
    slightly = gate_of({"law": 0.5, "tax": 0.4, "sport": 0.1})
    clearly = gate_of({"law": 0.55, "tax": 0.3, "sport": 0.15})
    far = gate_of({"law": 0.8, "tax": 0.1, "sport": 0.1})
    for previous in ("law", "tax"):
        assert decided(policy, Conditions(previous=previous), slightly).experts == [previous]
    assert decided(policy, Conditions(previous="tax"), clearly).experts == ["law"]
    strong = Policy(stickiness=9.0, stick_share=0.5)
    assert decided(strong, Conditions(previous="tax"), clearly).experts == ["tax"]
    assert decided(strong, Conditions(previous="tax"), far).experts == ["law"], "below its share nothing sticks"
    assert decided(strong, Conditions(previous="stranger"), slightly).experts == ["law"]


def test_an_arm_moves_experts_no_further_than_its_bound():
    gate = gate_of({"law": 0.9, "tax": 0.05, "sport": 0.05})
    choice = decided(Policy(), Conditions(arm=Arm("bold", {"tax": 99.0})), gate)
    assert choice.experts == ["law"]
    assert sizes(choice, "arm") == {"tax": ARM_BOUND}
    assert decided(Policy(), Conditions(arm=Arm("mild", {"tax": 0.3}))).experts == ["tax"]


def test_what_is_not_a_number_moves_nothing():
    broken = {"law": Load(wait_ms=math.nan, health=1.0, balance=math.nan), "tax": Load(wait_ms=math.inf)}
    choice = decided(Policy(balance_bound=1.0, fit_tolerance=0.5), Conditions(loads=broken))
    assert choice.experts == ["law"]
    assert not sizes(choice, "balance")
    both = {name: Load(wait_ms=math.inf) for name in GATE.experts}
    assert decided(Policy(fit_tolerance=0.5), Conditions(loads=both)).adjustments == ()


def test_only_those_who_mattered_are_recorded_and_never_many():
    gate = gate_of({f"e{place}": 1.0 for place in range(60)})
    loads = {name: Load(wait_ms=10.0 * place, health=0.5, balance=0.1) for place, name in enumerate(gate.experts)}
    policy = Policy(selection="dense", balance_bound=0.5, fit_tolerance=0.5)
    assert len(decided(policy, Conditions(loads=loads), gate).adjustments) == 10
    single = decided(Policy(balance_bound=0.5, fit_tolerance=0.5), Conditions(loads=loads), gate)
    assert {row.expert for row in single.adjustments} <= {"e0", "e1"}


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.tuples(st.floats(1e-4, 1), st.floats(-3, 3), st.floats(0, 1)), min_size=2, max_size=8),
    st.integers(1, 3),
    st.floats(0, 1),
)
def test_leaving_out_those_beyond_reach_changes_no_choice(experts, top_k, bound):
    gate = gate_of({f"e{place}": share for place, (share, _, _) in enumerate(experts)})
    loads = {f"e{place}": Load(balance=balance, health=health) for place, (_, balance, health) in enumerate(experts)}
    choice = decided(Policy(top_k=top_k, balance_bound=bound), Conditions(loads=loads), gate)
    scores = {
        name: math.log(choice.probabilities[name])
        + min(max(loads[name].balance, -bound), bound)
        + (loads[name].health - 1) * HEALTH_BOUND
        for name in gate.experts
    }
    chosen = [scores[name] for name in choice.experts]
    others = [score for name, score in scores.items() if name not in choice.experts]
    assert chosen == sorted(chosen, reverse=True) or chosen == pytest.approx(sorted(chosen, reverse=True))
    assert min(chosen) >= max(others, default=-math.inf) - 1e-9
    if choice.runner_up is not None:
        assert scores[choice.runner_up] >= max(others) - 1e-9
