"""How experts do: waiting, health, and the tokens that an answer is expected to take."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.workers.conftest import Bench, request

from doyen_platform.experts.loads import HALF_LIFE_SECONDS, LiveLoads
from doyen_platform.experts.tokens import BEFORE_ANY, ExpectedTokens
from doyen_router.errors import Invalid
from doyen_router.gate.decision import Load, Policy
from doyen_workers.dispatch import DeadlineExceeded, Dispatcher, ExpertFailed, Lane, Overloaded

FAILED = ExpertFailed("law", "it broke")
TRADES = Policy(fit_tolerance=0.2)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def loads_of(clock: Clock, **lanes: Lane) -> LiveLoads:
    return LiveLoads(lambda: lanes, clock=clock)


def test_an_expert_that_does_well_has_no_load_to_tell_of(clock: Clock) -> None:
    loads = loads_of(clock, law=Lane(0, 1, 2.0))
    loads.note("law", None)
    assert loads.health("law") == 1.0
    assert loads.of(TRADES, ["law", "tax"], {}) == {}


def test_failures_lower_health_and_time_and_good_work_mend_it(clock: Clock) -> None:
    loads = loads_of(clock)
    for _ in range(20):
        loads.note("law", FAILED)
    ill = loads.health("law")
    assert ill < 0.05
    clock.now += HALF_LIFE_SECONDS
    assert loads.health("law") == pytest.approx((1 + ill) / 2, abs=0.01)
    for _ in range(10):
        loads.note("law", None)
    assert loads.health("law") > 0.9
    clock.now += 10 * HALF_LIFE_SECONDS
    assert loads.health("law") == 1.0
    assert loads.of(Policy(), ["law"], {}) == {}


@pytest.mark.parametrize(
    ("failure", "healthy"),
    [
        (Invalid("too long"), True),
        (Overloaded("law", waiting=9, retry_after_seconds=1), True),
        (DeadlineExceeded("law"), False),
        (RuntimeError("a defect"), False),
        (FAILED, False),
    ],
)
def test_only_what_the_expert_is_to_blame_for_makes_it_ill(clock: Clock, failure: Exception, healthy: bool) -> None:
    loads = loads_of(clock)
    loads.note("law", failure)
    assert (loads.health("law") == 1.0) is healthy


def test_waiting_is_told_to_a_policy_that_trades_fit_for_it_and_of_the_callers_experts_alone(clock: Clock) -> None:
    loads = loads_of(clock, law=Lane(4, 1, 0.5, 2.5), hidden=Lane(4, 1, 0.5, 2.5))
    assert loads.of(TRADES, ["law", "tax"], {}) == {"law": Load(wait_ms=2500.0)}
    assert loads.of(Policy(), ["law", "tax"], {}) == {}
    assert loads.of(Policy(), ["law", "tax"], {"tax": 0.1, "gone": 0.2}) == {"tax": Load(balance=0.1)}


def test_a_lane_tells_what_the_next_request_would_wait(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.put("a", concurrency=2, max_batch=1)

    async def scenario(dispatcher: Dispatcher) -> None:
        for flag in ("f0", "f1", "f2", "f3"):
            task = asyncio.create_task(dispatcher.answer("a", request(f"wait {flag} x")))
            await asyncio.sleep(0.15)
            bench.raise_flag(flag)
            await task
        lane = dispatcher.lanes()["a"]
        assert lane.wait_seconds == 0.0
        assert 0.1 < lane.service_seconds < 0.6
        tasks = []
        expected = (0.0, 0.5, 1.0)  # of a request's time, when one, two and three are there already
        for number, share in enumerate(expected):
            tasks.append(asyncio.create_task(dispatcher.answer("a", request(f"wait end {number}"))))
            if number < 2:
                await bench.noted("asked", f"wait end {number}")
            await asyncio.sleep(0.02)
            lane = dispatcher.lanes()["a"]
            assert lane.wait_seconds == pytest.approx(share * lane.service_seconds)
        bench.raise_flag("end")
        await asyncio.gather(*tasks)

    bench.run(scenario)
    bench.host.close()


def test_expected_tokens_move_in_steps() -> None:
    tokens = ExpectedTokens()
    assert tokens.expected("law") == BEFORE_ANY
    assert tokens.note("law", 200)
    first = tokens.expected("law")
    assert first == 200
    assert not any(tokens.note("law", count) for count in (190, 210, 230, 170) * 20)
    assert tokens.expected("law") == first
    changes = sum(tokens.note("law", 800) for _ in range(200))
    assert 2 <= changes <= 8
    assert tokens.expected("law") == pytest.approx(800, rel=0.25)
    assert tokens.expected("tax") == BEFORE_ANY
