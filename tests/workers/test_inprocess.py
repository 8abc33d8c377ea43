"""What only the dispatcher in this process promises: its threads, its memory, its end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import time
import weakref

import pytest
from tests.conftest import until
from tests.workers.conftest import Bench, request

from doyen_router.errors import Unavailable
from doyen_workers.dispatch import Dispatcher
from doyen_workers.lane import DELTAS_AHEAD


def lane_threads() -> list[threading.Thread]:
    """Of the bench's own experts: a platform that other tests share has threads too."""
    return [thread for thread in threading.enumerate() if thread.name in ("expert-a", "expert-b")]


def test_no_thread_is_left_after_close(bench: Bench) -> None:
    bench.put("a", concurrency=8, max_batch=1)

    async def scenario(dispatcher: Dispatcher) -> None:
        await asyncio.gather(*(dispatcher.answer("a", request(f"say {number}")) for number in range(32)))
        assert 1 <= len(lane_threads()) <= 8

    bench.run(scenario)
    until(lambda: not lane_threads(), seconds=2)


def test_idle_threads_go_and_come_back_with_work(bench: Bench) -> None:
    bench.put("a")

    async def scenario(dispatcher: Dispatcher) -> None:
        for number in range(15):
            # Round the moment at which an idle thread leaves, where a wake-up could be lost.
            await asyncio.sleep(0.095 + number * 0.0007)
            assert (await dispatcher.answer("a", request(f"say {number}", seconds=2))).text == str(number)
        await asyncio.sleep(0.5)
        assert not lane_threads()

    bench.run(scenario)


def test_no_more_threads_use_a_version_than_its_kind_allows(bench: Bench) -> None:
    bench.put("a", concurrency=8, max_batch=1)

    async def scenario(dispatcher: Dispatcher) -> None:
        old = [asyncio.create_task(dispatcher.answer("a", request(f"wait old {number}"))) for number in range(8)]
        await asyncio.to_thread(until, lambda: len(bench.notes("asked")) == 8)
        bench.put("a", version=2, concurrency=1, max_batch=1)
        new = [asyncio.create_task(dispatcher.answer("a", request(f"wait new {number}"))) for number in range(8)]
        bench.raise_flag("old")
        await asyncio.gather(*old)
        await asyncio.sleep(0.2)
        assert len([note for note in bench.notes("asked") if note.version == 2]) == 1
        bench.raise_flag("new")
        await asyncio.gather(*new)

    bench.run(scenario)
    events = [note.event for note in bench.notes() if note.version == 2]
    assert events == ["opened"] + ["asked", "answered"] * 8


def test_a_slow_reader_stops_the_expert_instead_of_filling_memory(bench: Bench) -> None:
    bench.put("a")

    async def scenario(dispatcher: Dispatcher) -> None:
        async with contextlib.aclosing(dispatcher.stream("a", request("flood 5000"))) as deltas:  # type: ignore[type-var]
            await anext(deltas)
            await asyncio.sleep(0.3)
            assert len(bench.notes("flooded")) <= DELTAS_AHEAD // 50 + 2
            rest = [delta async for delta in deltas]
        assert len(rest) == 5000
        assert rest[-1].answer is not None

    bench.run(scenario)


def test_a_reader_that_stands_still_holds_the_expert_no_longer_than_its_deadline(bench: Bench) -> None:
    bench.put("a", concurrency=1)

    async def scenario(dispatcher: Dispatcher) -> None:
        stalled = aiter(dispatcher.stream("a", request("flood 100000", seconds=0.5)))
        await anext(stalled)
        assert (await dispatcher.answer("a", request("say free", seconds=3))).text == "free"
        await stalled.aclose()  # type: ignore[attr-defined]  # it is a generator

    bench.run(scenario)


def test_closing_a_stream_wakes_the_expert_that_waits_for_its_reader(bench: Bench) -> None:
    bench.put("a", concurrency=1)

    async def scenario(dispatcher: Dispatcher) -> None:
        stalled = aiter(dispatcher.stream("a", request("flood 100000", seconds=None)))
        await anext(stalled)
        await asyncio.sleep(0.1)
        await stalled.aclose()  # type: ignore[attr-defined]  # it is a generator
        assert (await dispatcher.answer("a", request("say free", seconds=0.5))).text == "free"

    bench.run(scenario)


def test_close_does_not_wait_for_ever_for_an_expert_that_hangs(bench: Bench) -> None:
    bench.close_seconds = 0.2
    bench.put("a")
    bench.put("b")

    async def scenario(dispatcher: Dispatcher) -> None:
        hanging = asyncio.create_task(dispatcher.answer("a", request("block never x")))
        obedient = asyncio.create_task(dispatcher.answer("b", request("wait never x")))
        await bench.noted("asked", "block")
        await bench.noted("asked", "wait")
        began = time.monotonic()
        await dispatcher.close()
        assert time.monotonic() - began < 4
        for task in (hanging, obedient):
            with pytest.raises(Unavailable):
                await task
        await bench.noted("stopped", "wait never x")

    bench.run(scenario)
    bench.raise_flag("never")
    until(lambda: not lane_threads(), seconds=2)


def test_a_version_that_does_not_open_leaves_the_old_one_serving(bench: Bench) -> None:
    bench.put("a")

    async def scenario(dispatcher: Dispatcher) -> None:
        with pytest.raises(RuntimeError, match="does not open"):
            bench.put("a", version=2, open_fails=True)
        assert (await dispatcher.answer("a", request("say version"))).text == "version (v1)"

    bench.run(scenario)
    assert not bench.notes("closed")


def test_a_version_that_does_not_close_harms_neither_the_swap_nor_the_answers(bench: Bench) -> None:
    bench.put("a", close_fails=True)

    async def scenario(dispatcher: Dispatcher) -> None:
        running = asyncio.create_task(dispatcher.answer("a", request("wait go done")))
        await bench.noted("asked")
        bench.put("a", version=2, close_fails=True)
        bench.raise_flag("go")
        assert (await running).text == "done"
        await bench.noted("closed")
        bench.put("a", version=3)
        assert (await dispatcher.answer("a", request("say version"))).text == "version (v3)"

    bench.run(scenario)


def test_the_same_version_is_not_opened_again(bench: Bench) -> None:
    bench.put("a")
    bench.put("a")
    assert len(bench.notes("opened")) == 1


def test_a_dropped_expert_is_forgotten(bench: Bench) -> None:
    async def scenario(dispatcher: Dispatcher) -> None:
        for number in range(50):
            bench.put(f"e{number}")
            await dispatcher.answer(f"e{number}", request("say x"))
            bench.drop(f"e{number}")
        await asyncio.sleep(0.1)
        assert not dispatcher.lanes()

    bench.run(scenario)
    assert len(bench.notes("closed")) == 50


def test_answers_are_not_kept(bench: Bench) -> None:
    """An idle lane holds on to nothing of the requests that it served."""
    bench.put("a", concurrency=4, max_batch=1)

    async def scenario(dispatcher: Dispatcher) -> None:
        class Marker:
            def __call__(self) -> bool:
                return False

        markers = []
        for _ in range(20):
            marker = Marker()
            markers.append(weakref.ref(marker))
            await dispatcher.answer("a", request("say x", is_cancelled=marker))
            del marker
        await asyncio.sleep(0.3)
        gc.collect()
        assert not any(marker() for marker in markers)

    bench.run(scenario)


def test_many_at_once_all_get_their_own_answer(bench: Bench) -> None:
    bench.max_waiting = 5000
    for name in ("a", "b", "c"):
        bench.put(name, concurrency=3, max_batch=16)

    async def scenario(dispatcher: Dispatcher) -> None:
        asked = [(f"say {number}", "abc"[number % 3]) for number in range(1500)]
        answers = await asyncio.gather(*(dispatcher.answer(expert, request(text)) for text, expert in asked))
        assert [answer.text for answer in answers] == [str(number) for number in range(1500)]

    bench.run(scenario)
    sizes = [len(note.questions) for note in bench.notes("asked")]
    assert max(sizes) <= 16
    assert sum(sizes) == 1500
