"""Exploration, and that its propensities are exact: against closed forms, sum laws and simulation."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.router.gate.shares import ANY, gate_of

from doyen_router.gate.decide import decide, snapshot_of
from doyen_router.gate.decision import Exploration, Policy
from doyen_router.gate.draws import draw
from doyen_router.gate.propensity import Noisy, inclusion_and_set

SHARES = {"a": 0.4, "b": 0.3, "c": 0.17, "d": 0.1, "e": 0.03}
GATE = gate_of(SHARES, examples={"a": 0, "b": 8, "c": 99, "d": 3, "e": 0})
SNAPSHOT = snapshot_of(GATE)
KINDS = ("epsilon", "gumbel", "thompson")


def plackett_luce(scores, spread, members):
    """P(the set is the highest), by inclusion and exclusion over its members."""
    weights = np.exp((scores - scores.max()) / spread)
    below = weights[[place for place in range(len(scores)) if place not in members]].sum()
    return sum(
        (-1) ** count * below / (below + weights[list(part)].sum())
        for count in range(len(members) + 1)
        for part in itertools.combinations(members, count)
    )


@pytest.mark.parametrize("spread", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_gumbel_sets_have_the_chances_of_plackett_and_luce(count, spread):
    scores = np.array([0.0, -0.2, -0.9, -1.4, -1.5])
    noisy = Noisy(scores, np.full(5, spread), True)
    for members in itertools.combinations(range(5), count):
        _, together = inclusion_and_set(noisy, members)
        assert together == pytest.approx(plackett_luce(scores, spread, members), abs=1e-10)


@pytest.mark.parametrize(("first", "second"), [(0.5, 0.5), (2.0, 0.01), (0.003, 1.0), (0.0, 0.7), (0.7, 0.0)])
def test_two_experts_under_normal_noise_have_the_chance_of_their_difference(first, second):
    noisy = Noisy(np.array([0.2, -0.1]), np.array([first, second]), False)
    expected = math.erfc(-0.3 / math.hypot(first, second) / math.sqrt(2)) / 2
    assert inclusion_and_set(noisy, [0])[1] == pytest.approx(expected, abs=1e-12)
    assert inclusion_and_set(noisy, [1])[1] == pytest.approx(1 - expected, abs=1e-12)


def test_scores_without_noise_are_certain_and_equals_go_by_their_place():
    noisy = Noisy(np.array([0.5, 0.5, 0.1]), np.zeros(3), False)
    assert inclusion_and_set(noisy, [0]) == ([1.0], 1.0)
    assert inclusion_and_set(noisy, [1]) == ([0.0], 0.0)
    assert inclusion_and_set(noisy, [0, 1]) == ([1.0, 1.0], 1.0)
    assert inclusion_and_set(noisy, [1, 2]) == ([1.0, 0.0], 0.0)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.floats(-3, 0), st.sampled_from([0.0, -1.0, -690.0])),
            st.sampled_from([0.0, 1e-9, 0.02, 0.5, 2.0]),
        ),
        min_size=2,
        max_size=5,
    ),
    st.integers(1, 4),
    st.booleans(),
)
def test_chances_of_all_sets_sum_to_one_and_inclusions_to_their_size(experts, count, is_gumbel):
    experts = sorted(experts, key=lambda expert: -expert[0])
    count = min(count, len(experts))
    scores = np.array([score for score, _ in experts])
    spreads = np.full(len(experts), 0.5) if is_gumbel else np.array([spread for _, spread in experts])
    noisy = Noisy(scores, spreads, is_gumbel)
    included = np.zeros(len(experts))
    in_sets = np.zeros(len(experts))
    total = 0.0
    for members in itertools.combinations(range(len(experts)), count):
        inclusion, together = inclusion_and_set(noisy, members)
        total += together
        included[list(members)] = inclusion
        in_sets[list(members)] += together
    assert total == pytest.approx(1, abs=1e-9)
    assert included.sum() == pytest.approx(count, abs=1e-9)
    assert in_sets == pytest.approx(included, abs=1e-9)


RUNS = 2000


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("policy", [{"top_k": 1}, {"top_k": 2}, {"selection": "soft", "soft_share": 0.4}])
def test_what_is_chosen_over_many_seeds_has_the_propensity_that_was_said(kind, policy):
    exploration = Exploration(kind, rate=0.3, scale=1.0, least_share=0.2)
    seen: dict[frozenset[str], int] = {}
    said: dict[frozenset[str], float] = {}
    inclusion: dict[str, float] = {}
    for seed in range(RUNS):
        choice = decide(GATE, ANY, SNAPSHOT, Policy(exploration=exploration, **policy), seed)
        members = frozenset(choice.experts)
        seen[members] = seen.get(members, 0) + 1
        assert said.setdefault(members, choice.propensity) == choice.propensity
        for one in choice.chosen:
            assert inclusion.setdefault(one.expert, one.propensity) == pytest.approx(one.propensity, abs=1e-12)
    # An expert below the least share is never tried; all else is, as often as was said (five standard deviations).
    assert set(inclusion) == {"a", "b", "c", "d"}
    assert sum(said.values()) == pytest.approx(1, abs=1e-9)
    for members, count in seen.items():
        deviation = math.sqrt(said[members] * (1 - said[members]) / RUNS)
        assert abs(count / RUNS - said[members]) < 5 * deviation
    for name, chance in inclusion.items():
        share = sum(count for members, count in seen.items() if name in members) / RUNS
        assert abs(share - chance) < 5 * math.sqrt(max(chance * (1 - chance), 1e-6) / RUNS)


def test_an_expert_that_is_better_known_is_tried_less_by_thompson():
    tried = dict.fromkeys(SHARES, 0)
    policy = Policy(exploration=Exploration("thompson", scale=1.0, least_share=0.0))
    for seed in range(2000):
        tried[decide(GATE, ANY, SNAPSHOT, policy, seed).experts[0]] += 1
    assert tried["c"] < tried["d"], "c is likelier, but has 99 examples where d has 3"


@pytest.mark.parametrize("kind", KINDS)
def test_without_noise_or_rate_exploration_changes_nothing(kind):
    still = Policy(top_k=2, exploration=Exploration(kind, rate=0.0, scale=0.0))
    for seed in range(20):
        choice = decide(GATE, ANY, SNAPSHOT, still, seed)
        assert choice == decide(GATE, ANY, SNAPSHOT, Policy(top_k=2), seed)


@pytest.mark.parametrize("kind", KINDS)
def test_exploring_only_one_expert_is_no_exploration(kind):
    gate = gate_of({"a": 0.97, "b": 0.02, "c": 0.01})
    policy = Policy(exploration=Exploration(kind, rate=1.0, scale=9.0))
    for seed in range(50):
        choice = decide(gate, ANY, snapshot_of(gate), policy, seed)
        assert (choice.experts, choice.propensity, choice.adjustments) == (["a"], 1.0, ())


def test_exploration_keeps_the_size_of_the_set():
    policy = Policy(selection="mass", mass=0.8, exploration=Exploration("gumbel", scale=2.0))
    sizes = {len(decide(GATE, ANY, SNAPSHOT, policy, seed).chosen) for seed in range(100)}
    assert sizes == {3}


def test_noise_explains_the_choice():
    policy = Policy(exploration=Exploration("gumbel", scale=1.0))
    for seed in range(200):
        choice = decide(GATE, ANY, SNAPSHOT, policy, seed)
        noise = {row.expert: row.size for row in choice.adjustments if row.name == "noise"}
        score = {name: math.log(SHARES[name]) + size for name, size in noise.items()}
        assert choice.experts[0] == max(score, key=score.__getitem__)
    lifted = [decide(GATE, ANY, SNAPSHOT, Policy(exploration=Exploration("epsilon", rate=1.0)), s) for s in range(50)]
    for choice in lifted:
        gap = math.log(SHARES["a"]) - math.log(SHARES[choice.experts[0]])
        assert sum(row.size for row in choice.adjustments) == pytest.approx(gap, abs=1e-5)


def test_one_experts_noise_does_not_depend_on_who_else_is_there():
    policy = Policy(exploration=Exploration("gumbel", scale=0.1))
    larger = decide(GATE, ANY, SNAPSHOT, policy, 5)
    smaller = decide(GATE, ANY, SNAPSHOT, Policy(exploration=policy.exploration, deny=("e", "d")), 5)
    first = {row.expert: row.size for row in larger.adjustments}
    assert all(first[row.expert] == row.size for row in smaller.adjustments)


def test_draws_are_the_same_on_every_machine():
    assert draw(0, "law") == 0.8341197032607598
    assert draw(2**63, "law") != draw(0, "law")
    numbers = [draw(seed, "law") for seed in range(4000)]
    assert 0 < min(numbers) < 0.002
    assert 0.998 < max(numbers) < 1
    assert np.mean(numbers) == pytest.approx(0.5, abs=0.02)
