"""Loss-free balancing: biases that even out the load, and figures of how even it is."""

import json
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.router.gate.shares import ANY, gate_of

from doyen_router.gate.balance import BalanceMalformed, LoadBalancer, NotBalanced, load_figures
from doyen_router.gate.decide import decide, snapshot_of
from doyen_router.gate.decision import Conditions, Load, Policy


def test_whoever_had_less_than_the_mean_rises_and_the_others_fall():
    balancer = LoadBalancer(["a", "b", "c"], rate=0.1, bound=1.0)
    for name in "aaaaaab":
        balancer.count([name])
    assert balancer.update() == pytest.approx({"a": -0.4 / 3, "b": 0.2 / 3, "c": 0.2 / 3})


def test_an_even_load_and_no_load_change_no_bias():
    balancer = LoadBalancer("abc", rate=0.1)
    for _ in range(7):
        balancer.count("abc")
    assert balancer.update() == pytest.approx({"a": 0, "b": 0, "c": 0})
    balancer.count("a")
    moved = balancer.update()
    assert balancer.update() == pytest.approx(moved)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(st.integers(0, 9), min_size=4, max_size=4), max_size=30), st.floats(0, 1), st.floats(0, 1))
def test_biases_stay_within_the_bound_and_sum_to_zero(windows, rate, bound):
    balancer = LoadBalancer("abcd", rate=rate, bound=bound)
    for window in windows:
        for name, times in zip("abcd", window, strict=True):
            for _ in range(times):
                balancer.count([name])
        biases = balancer.update().values()
        assert all(abs(bias) <= bound for bias in biases)
        assert sum(biases) == pytest.approx(0, abs=1e-9)


def test_an_expert_that_joins_starts_even_and_one_that_leaves_is_forgotten():
    balancer = LoadBalancer("ab", rate=0.1)
    balancer.count("a")
    balancer.update()
    balancer.join("c")
    assert balancer.state()["biases"]["c"] == 0
    balancer.leave("a")
    balancer.count(["a", "c"])
    assert balancer.state()["counts"] == {"b": 0, "c": 1}
    assert sum(balancer.update().values()) == pytest.approx(0)
    with pytest.raises(NotBalanced):
        balancer.leave("a")


def test_a_restored_balancer_goes_on_where_the_other_was():
    one = LoadBalancer("abc", rate=0.1, bound=0.3)
    one.count("aab")
    one.update()
    one.count("b")
    other = LoadBalancer.restored(json.loads(json.dumps(one.state())))
    assert other.state() == one.state()
    assert other.update() == one.update()


@pytest.mark.parametrize(
    "change",
    [{"rate": -1.0}, {"bound": math.nan}, {"biases": {"a": 2.0}}, {"biases": {"a": math.nan}}, {"counts": {"b": 1}},
     {"counts": {"a": -1}}],
)  # fmt: skip
def test_a_state_that_cannot_be_is_refused(change):
    state = {"rate": 0.1, "bound": 1.0, "biases": {"a": 0.5}, "counts": {"a": 3}}
    LoadBalancer.restored(state)
    with pytest.raises(BalanceMalformed):
        LoadBalancer.restored({**state, **change})


def test_counting_from_many_threads_loses_nothing():
    balancer = LoadBalancer("ab")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: [balancer.count("ab") for _ in range(500)], range(8)))
    assert balancer.state()["counts"] == {"a": 4000, "b": 4000}


def test_figures_tell_even_from_collapsed_from_dead():
    even = load_figures({"a": 5, "b": 5, "c": 5})
    assert even == (15, 0.0, pytest.approx(1.0), 0.0, ())
    collapsed = load_figures({"a": 9, "b": 0, "c": 0})
    assert collapsed == (9, pytest.approx(2.0), 0.0, pytest.approx(math.sqrt(2)), ("b", "c"))
    half = load_figures({"a": 2, "b": 2, "c": 0, "d": 0})
    assert half.entropy == pytest.approx(0.5)
    assert load_figures({"a": 0}).dead == load_figures({}).dead == ()
    assert load_figures({"a": 3}).entropy == 1.0


def test_balancing_evens_the_load_of_near_equals_and_leaves_clear_cases_alone():
    names = ["a", "b", "c"]
    random = np.random.default_rng(0)
    balancer = LoadBalancer(names, rate=0.02, bound=0.5)
    policy = Policy(balance_bound=0.5)
    biases = dict.fromkeys(names, 0.0)
    first = last = balancer.figures()
    for window in range(40):
        for _ in range(25):
            # "a" is a little likelier almost always.
            gate = gate_of(dict(zip(names, np.exp(random.normal([0.25, 0, 0], 0.2)), strict=True)))
            conditions = Conditions(loads={name: Load(balance=bias) for name, bias in biases.items()})
            balancer.count(decide(gate, ANY, snapshot_of(gate), policy, 0, conditions).experts)
        last = balancer.figures()
        first = first if window else last
        biases = dict(balancer.update())
    assert last.max_violation < first.max_violation / 2
    clear = gate_of({"a": 0.9, "b": 0.05, "c": 0.05})
    conditions = Conditions(loads={name: Load(balance=bias) for name, bias in biases.items()})
    assert decide(clear, ANY, snapshot_of(clear), policy, 0, conditions).experts == ["a"]
