"""How many answer, and from which groups."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.router.gate.shares import ANY, gate_of

from doyen_router.gate.card import ConformalFloor
from doyen_router.gate.decide import decide, snapshot_of
from doyen_router.gate.decision import Candidate, Conditions, Load, Policy, Snapshot
from doyen_router.gate.selection import set_size, survivors

SHARES = np.array([0.1, 0.5, 0.25, 0.15])
GATE = gate_of({"a": 0.1, "b": 0.5, "c": 0.25, "d": 0.15})


@pytest.mark.parametrize(
    ("policy", "size"),
    [
        (Policy(), 1),
        (Policy(top_k=3), 3),
        (Policy(top_k=99), 4),
        (Policy(top_k=0), 1),
        (Policy(selection="switch", top_k=3), 1),
        (Policy(selection="dense"), 4),
        (Policy(selection="mass", mass=0.5), 1),
        (Policy(selection="mass", mass=0.51), 2),
        (Policy(selection="mass", mass=0.9), 3),
        (Policy(selection="mass", mass=1.0), 4),
        (Policy(selection="mass", mass=7.0), 4),
        (Policy(selection="soft", soft_share=0.3), 3),
        (Policy(selection="soft", soft_share=0.5), 2),
        (Policy(selection="soft", soft_share=0.0), 4),
        (Policy(selection="soft", soft_share=2.0), 1),
        (Policy(selection="conformal"), 3),
    ],
)
def test_each_selection_has_its_size(policy, size):
    assert set_size(policy, SHARES, 0.12) == size


def test_a_conformal_set_is_never_empty():
    assert set_size(Policy(selection="conformal"), SHARES, 1.0) == 1


@given(st.lists(st.floats(1e-9, 1.0), min_size=1, max_size=20), st.floats(0.0, 1.0))
def test_a_mass_set_reaches_the_mass_and_is_the_smallest_that_does(weights, mass):
    shares = np.array(weights) / sum(weights)
    size = set_size(Policy(selection="mass", mass=mass), shares, 0.0)
    highest = np.sort(shares)[::-1]
    assert highest[:size].sum() >= mass - 1e-9
    assert size == 1 or highest[: size - 1].sum() < mass


def test_a_smaller_wanted_error_makes_a_larger_conformal_set():
    floors = (ConformalFloor(error=0.01, floor=0.05), ConformalFloor(error=0.2, floor=0.3))
    gate = gate_of({"a": 0.1, "b": 0.5, "c": 0.25, "d": 0.15}, conformal=floors)
    sizes = [
        len(decide(gate, ANY, snapshot_of(gate), Policy(selection="conformal", conformal_error=error)).chosen)
        for error in (0.01, 0.2)
    ]
    assert sizes == [4, 1]


def test_adjustments_order_a_set_by_probability_and_move_nobody_in_or_out():
    conditions = Conditions(loads={"a": Load(balance=2.0), "c": Load(balance=2.0)})
    policy = Policy(selection="mass", mass=0.75, balance_bound=2.0)
    choice = decide(GATE, ANY, snapshot_of(GATE), policy, conditions=conditions)
    assert choice.experts == ["c", "b"]
    top = decide(GATE, ANY, snapshot_of(GATE), Policy(top_k=2, balance_bound=2.0), conditions=conditions)
    assert top.experts == ["c", "a"]


def test_an_adjustment_breaks_a_tie_at_the_border_of_a_set():
    gate = gate_of({"a": 0.5, "b": 0.25, "c": 0.25})
    policy = Policy(selection="mass", mass=0.75, balance_bound=0.1)
    conditions = Conditions(loads={"c": Load(balance=0.05)})
    assert decide(gate, ANY, snapshot_of(gate), policy, conditions=conditions).experts == ["a", "c"]
    assert decide(gate, ANY, snapshot_of(gate), policy).experts == ["a", "b"]


GROUPED = {"sport": 0.30, "contracts": 0.20, "courts": 0.15, "tax": 0.25, "audit": 0.10}
PATHS = {"sport": "", "contracts": "law/civil", "courts": "law/public", "tax": "law/public", "audit": "money"}
COUNCIL = Snapshot(tuple(Candidate(name, group=PATHS[name]) for name in sorted(GROUPED)))


def test_a_group_goes_on_by_the_sum_of_its_members():
    # law has 0.60 together, although sport is the likeliest of all; in law, public has 0.40 against 0.20.
    gate = gate_of(GROUPED)
    choice = decide(gate, ANY, COUNCIL, Policy(selection="hierarchical"))
    assert choice.experts == ["tax"]
    assert choice.runner_up == "sport"
    assert decide(gate, ANY, COUNCIL, Policy()).experts == ["sport"]


def test_as_many_groups_go_on_at_each_level_as_experts_are_wanted():
    gate = gate_of(GROUPED)
    assert decide(gate, ANY, COUNCIL, Policy(selection="hierarchical", top_k=2)).experts == ["sport", "tax"]
    assert len(decide(gate, ANY, COUNCIL, Policy(selection="hierarchical", top_k=5)).chosen) == 5


def test_masked_members_weigh_nothing_in_their_group():
    gate = gate_of(GROUPED)
    policy = Policy(selection="hierarchical", deny=("tax", "courts"))
    assert decide(gate, ANY, COUNCIL, policy).experts == ["sport"]


def test_adjustments_of_a_leaf_enter_the_sum_of_its_group():
    gate = gate_of(GROUPED)
    policy = Policy(selection="hierarchical", balance_bound=2.0)
    conditions = Conditions(loads={"audit": Load(balance=2.0)})
    assert decide(gate, ANY, COUNCIL, policy, conditions=conditions).experts == ["audit"]


def test_groups_may_nest_to_any_depth_and_an_expert_may_sit_between():
    groups = ["a/b/c/d", "a/b/c/d", "a/b", "a/x", "e"]
    scores = np.log([0.2, 0.18, 0.3, 0.1, 0.22])
    assert survivors(groups, scores, 1) == [0, 1]
    assert survivors(groups, scores, 2) == [0, 1, 2]
    assert survivors(["", "", ""], np.log([0.2, 0.5, 0.3]), 1) == [0, 1, 2]


@given(
    st.lists(
        st.tuples(st.sampled_from(["", "a", "a/b", "a/c", "d", "d/e/f", "/d/"]), st.floats(1e-6, 1)),
        min_size=1,
        max_size=15,
    ),
    st.integers(1, 6),
)
def test_cascading_leaves_enough_experts(experts, top_k):
    left = survivors([group for group, _ in experts], np.log([share for _, share in experts]), top_k)
    assert min(top_k, len(experts)) <= len(left) <= len(experts)
    assert left == sorted(set(left))
