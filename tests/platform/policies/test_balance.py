"""A balancer for each policy that asks for one: who is chosen much is lifted less, whoever comes and goes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from doyen_platform.policies.balance import FEWEST_CHOICES, UPDATE_SECONDS, LiveBalance
from doyen_router.gate.decision import Candidate, Choice, Chosen, Policy, RouteReason, Snapshot

EVEN = Policy("even", balance_bound=0.5)
THREE = Snapshot((Candidate("art"), Candidate("general"), Candidate("law"), Candidate("tax")), generalist="general")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def choice(expert: str, reason: RouteReason = RouteReason.GATE) -> Choice:
    return Choice((Chosen(expert, 1.0),), {expert: 1.0}, {}, 1.0, 1.0, 0.0, False, reason)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def crowd(
    balance: LiveBalance, clock: Clock, snapshot: Snapshot = THREE, policy: Policy = EVEN, rounds: int = 3
) -> Mapping[str, float]:
    for _ in range(rounds):
        for _ in range(FEWEST_CHOICES):
            balance.count(policy, "t", snapshot, choice("law"))
        clock.now += UPDATE_SECONDS
        balance.count(policy, "t", snapshot, choice("law"))
    return balance.biases(policy, "t", snapshot)


def test_who_gets_everything_is_lowered_and_the_others_are_lifted(clock: Clock) -> None:
    balance = LiveBalance(clock=clock)
    assert all(bias == 0 for bias in balance.biases(EVEN, "t", THREE).values())
    biases = crowd(balance, clock)
    assert set(biases) == {"art", "law", "tax"}
    assert biases["law"] < 0 < biases["art"] == biases["tax"]
    assert sum(biases.values()) == pytest.approx(0, abs=1e-3)
    assert crowd(balance, clock, rounds=200)["law"] >= -EVEN.balance_bound
    figures = balance.figures()["even"]
    assert (figures.max_violation, set(figures.dead)) == (pytest.approx(2), {"art", "tax"})


def test_a_policy_without_balance_costs_and_tells_nothing(clock: Clock) -> None:
    balance = LiveBalance(clock=clock)
    assert crowd(balance, clock, policy=Policy()) == {}
    assert balance.figures() == {}


def test_tenants_and_changed_policies_are_balanced_apart(clock: Clock) -> None:
    balance = LiveBalance(clock=clock)
    crowd(balance, clock)
    assert not any(balance.biases(EVEN, "another", THREE).values())
    assert not any(balance.biases(Policy("even", balance_bound=0.5, deny=("art",)), "t", THREE).values())


def test_experts_come_and_go_and_those_that_may_not_be_chosen_do_not_count(clock: Clock) -> None:
    balance = LiveBalance(clock=clock)
    crowd(balance, clock)
    paused = Snapshot((Candidate("law"), Candidate("new"), Candidate("tax", masked="paused")))
    assert set(crowd(balance, clock, paused)) == {"law", "new"}
    back = crowd(balance, clock, Snapshot((*THREE.candidates, Candidate("new")), generalist="general"))
    assert set(back) == {"art", "law", "tax", "new"}


def test_what_the_gate_did_not_choose_is_no_load(clock: Clock) -> None:
    balance = LiveBalance(clock=clock)
    for reason in (RouteReason.PINNED, RouteReason.OUT_OF_DOMAIN, RouteReason.BASELINE):
        for _ in range(2 * FEWEST_CHOICES):
            clock.now += UPDATE_SECONDS
            balance.count(EVEN, "t", THREE, choice("law", reason))
    assert balance.figures() == {}
