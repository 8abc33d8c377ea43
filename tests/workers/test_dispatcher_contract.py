"""What every dispatcher promises: answers, order, batches, deadlines, cancellation, isolation."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest
from tests.conftest import until
from tests.workers.conftest import Bench, request

from doyen_router.errors import Conflict, Unavailable
from doyen_workers.dispatch import DeadlineExceeded, Dispatcher, ExpertFailed, ExpertNotHosted, Overloaded


async def started(bench: Bench, dispatcher: Dispatcher, expert: str, question: str) -> asyncio.Task[object]:
    """A request that the expert works on by now."""
    task = asyncio.create_task(dispatcher.answer(expert, request(question)))
    await bench.noted("asked", question)
    return task


def test_it_brings_the_answer(bench: Bench) -> None:
    bench.put("a")
    answer = bench.run(lambda dispatcher: dispatcher.answer("a", request("say good day")))
    assert answer.text == "good day"


def test_the_deltas_join_to_the_text_and_the_last_one_carries_the_answer(bench: Bench) -> None:
    bench.put("a")

    async def scenario(dispatcher: Dispatcher) -> None:
        deltas = [delta async for delta in dispatcher.stream("a", request("say one two three"))]
        assert "".join(delta.text for delta in deltas) == "one two three"
        assert [delta.answer is not None for delta in deltas] == [False, False, False, True]
        assert deltas[-1].answer is not None
        assert deltas[-1].answer.text == "one two three"

    bench.run(scenario)


def test_what_waits_together_travels_together_in_order_and_never_more_than_the_kind_takes(bench: Bench) -> None:
    bench.put("a", max_batch=4)

    async def scenario(dispatcher: Dispatcher) -> None:
        first = await started(bench, dispatcher, "a", "wait go first")
        rest = [asyncio.create_task(dispatcher.answer("a", request(f"say {number}"))) for number in range(10)]
        await asyncio.sleep(0.1)
        bench.raise_flag("go")
        assert [answer.text for answer in await asyncio.gather(*rest)] == [str(number) for number in range(10)]
        await first

    bench.run(scenario)
    batches = [note.questions for note in bench.notes("asked")][1:]
    assert [question for batch in batches for question in batch] == [f"say {number}" for number in range(10)]
    assert [len(batch) for batch in batches] == [4, 4, 2]


def test_a_request_that_expires_while_it_waits_never_reaches_the_expert(bench: Bench) -> None:
    bench.put("a", max_batch=1)

    async def scenario(dispatcher: Dispatcher) -> None:
        first = await started(bench, dispatcher, "a", "wait go first")
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            await dispatcher.answer("a", request("say late", seconds=0.2))
        assert time.monotonic() - began < 1.0
        with pytest.raises(DeadlineExceeded):
            await dispatcher.answer("a", request("say past", seconds=-1.0))
        bench.raise_flag("go")
        await first
        await dispatcher.answer("a", request("say after"))

    bench.run(scenario)
    assert [note.questions for note in bench.notes("asked")] == [["wait go first"], ["say after"]]


def test_a_deadline_ends_the_wait_for_a_running_expert_and_cancels_it(bench: Bench) -> None:
    bench.put("a")

    async def scenario(dispatcher: Dispatcher) -> None:
        with pytest.raises(DeadlineExceeded):
            await dispatcher.answer("a", request("wait never x", seconds=0.3))
        await bench.noted("stopped", "wait never x", seconds=0.5)
        with pytest.raises(DeadlineExceeded):
            async for _ in dispatcher.stream("a", request("endless", seconds=0.3)):
                pass
        await bench.noted("stopped", "endless", seconds=0.5)

    bench.run(scenario)


def test_cancelling_the_task_cancels_the_work_within_half_a_second(bench: Bench) -> None:
    bench.put("a")

    async def scenario(dispatcher: Dispatcher) -> None:
        task = await started(bench, dispatcher, "a", "wait never x")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await bench.noted("stopped", "wait never x", seconds=0.5)
        assert (await dispatcher.answer("a", request("say still here"))).text == "still here"

    bench.run(scenario)


def test_closing_a_stream_stops_the_expert_within_half_a_second(bench: Bench) -> None:
    bench.put("a")

    async def scenario(dispatcher: Dispatcher) -> None:
        async with contextlib.aclosing(dispatcher.stream("a", request("endless"))) as deltas:  # type: ignore[type-var]
            async for _ in deltas:
                break
        await bench.noted("stopped", "endless", seconds=0.5)

    bench.run(scenario)


def test_the_callers_own_cancellation_ends_the_wait_too(bench: Bench) -> None:
    bench.put("a")

    async def scenario(dispatcher: Dispatcher) -> None:
        gone = False
        asked = request("wait never x", is_cancelled=lambda: gone)
        task = asyncio.create_task(dispatcher.answer("a", asked))
        await bench.noted("asked")
        gone = True
        with pytest.raises((Unavailable, Conflict)):
            await asyncio.wait_for(task, 2)
        with pytest.raises(Unavailable):
            await asyncio.wait_for(dispatcher.answer("a", asked), 2)

    bench.run(scenario)


def test_a_full_queue_refuses_and_harms_nobody_else(bench: Bench) -> None:
    bench.max_waiting = 3
    bench.put("a", max_batch=1)
    bench.put("b")

    async def scenario(dispatcher: Dispatcher) -> None:
        first = await started(bench, dispatcher, "a", "wait go first")
        waiting = [asyncio.create_task(dispatcher.answer("a", request(f"say {number}"))) for number in range(3)]
        await asyncio.sleep(0.1)
        with pytest.raises(Overloaded) as refusal:
            await dispatcher.answer("a", request("say too much"))
        assert refusal.value.retry_after_seconds is not None
        assert refusal.value.retry_after_seconds > 0
        assert (await dispatcher.answer("b", request("say free"))).text == "free"
        assert dispatcher.lanes()["a"].waiting == 3

        waiting[0].cancel()
        await asyncio.sleep(0.1)
        waiting.append(asyncio.create_task(dispatcher.answer("a", request("say in its place"))))
        await asyncio.sleep(0.1)
        bench.raise_flag("go")
        answers = await asyncio.gather(*waiting[1:])
        assert [answer.text for answer in answers] == ["1", "2", "in its place"]
        await first

    bench.run(scenario)


def test_an_unknown_expert_is_told_as_such(bench: Bench) -> None:
    async def scenario(dispatcher: Dispatcher) -> None:
        with pytest.raises(ExpertNotHosted):
            await dispatcher.answer("nobody", request("say x"))
        with pytest.raises(ExpertNotHosted):
            await anext(aiter(dispatcher.stream("nobody", request("say x"))))

    bench.run(scenario)


@pytest.mark.parametrize("question", ["raise my secret", "exit my secret", "fail my secret", "junk my secret"])
def test_an_expert_that_breaks_is_told_without_the_prompt_and_goes_on(bench: Bench, question: str) -> None:
    bench.put("a")

    async def scenario(dispatcher: Dispatcher) -> None:
        for _ in range(3):
            with pytest.raises(ExpertFailed) as failure:
                await dispatcher.answer("a", request(question))
            assert "secret" not in str(failure.value)
            assert failure.value.detail
        assert (await dispatcher.answer("a", request("say fine"))).text == "fine"

    bench.run(scenario)


def test_a_stream_that_breaks_is_told_so(bench: Bench) -> None:
    bench.put("a")

    async def scenario(dispatcher: Dispatcher) -> None:
        with pytest.raises(ExpertFailed):
            await anext(aiter(dispatcher.stream("a", request("raise x"))))
        assert (await dispatcher.answer("a", request("say fine"))).text == "fine"

    bench.run(scenario)


def test_an_experts_own_error_passes_as_it_is(bench: Bench) -> None:
    bench.put("a")

    async def scenario(dispatcher: Dispatcher) -> None:
        with pytest.raises(Conflict, match="the expert's own error"):
            await dispatcher.answer("a", request("refuse"))

    bench.run(scenario)


@pytest.mark.parametrize("bad", ["fail x", "raise x", "exit x", "junk x", "refuse x"])
def test_one_that_fails_does_not_fail_those_that_travel_with_it(bench: Bench, bad: str) -> None:
    bench.put("a", max_batch=8)

    async def scenario(dispatcher: Dispatcher) -> None:
        first = await started(bench, dispatcher, "a", "wait go first")
        questions = ["say 0", "say 1", bad, "say 3"]
        tasks = [asyncio.create_task(dispatcher.answer("a", request(question))) for question in questions]
        await asyncio.sleep(0.1)
        bench.raise_flag("go")
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [getattr(result, "text", None) for result in results] == ["0", "1", None, "3"]
        assert isinstance(results[2], ExpertFailed | Conflict)
        await first

    bench.run(scenario)


def test_a_slow_expert_delays_no_other(bench: Bench) -> None:
    bench.put("slow", concurrency=2, max_batch=1)
    bench.put("fast")

    async def scenario(dispatcher: Dispatcher) -> None:
        slow = [asyncio.create_task(dispatcher.answer("slow", request("wait go x"))) for _ in range(20)]
        await bench.noted("asked", "wait go x")
        for number in range(20):
            assert (await dispatcher.answer("fast", request(f"say {number}", seconds=5))).text == str(number)
        assert not any(task.done() for task in slow)
        bench.raise_flag("go")
        await asyncio.gather(*slow)

    bench.run(scenario)


def test_swapping_versions_under_load_fails_nobody_and_closes_each_old_one_once(bench: Bench) -> None:
    bench.put("a", concurrency=4, max_batch=4)
    bench.max_waiting = 1000

    async def scenario(dispatcher: Dispatcher) -> None:
        async def ask() -> list[str]:
            return [(await dispatcher.answer("a", request("say version"))).text for _ in range(40)]

        asking = [asyncio.create_task(ask()) for _ in range(8)]
        for version in range(2, 12):
            await asyncio.to_thread(bench.put, "a", version=version, concurrency=version % 3 + 1, max_batch=version)
            await asyncio.sleep(0.01)
        for texts in await asyncio.gather(*asking):
            versions = [int(text.removeprefix("version (v").removesuffix(")")) for text in texts]
            assert versions == sorted(versions), "an older version answered after a newer one"
        assert (await dispatcher.answer("a", request("say version"))).text == "version (v11)"

    bench.run(scenario)
    assert sorted(note.version for note in bench.notes("closed")) == list(range(1, 11))
    last_use = {note.version: place for place, note in enumerate(bench.notes()) if note.event == "answered"}
    closings = {note.version: place for place, note in enumerate(bench.notes()) if note.event == "closed"}
    assert all(place < closings[version] for version, place in last_use.items() if version in closings)


def test_dropping_an_expert_under_load_lets_running_work_finish(bench: Bench) -> None:
    bench.put("a", max_batch=1)

    async def scenario(dispatcher: Dispatcher) -> None:
        running = await started(bench, dispatcher, "a", "wait go done")
        waiting = asyncio.create_task(dispatcher.answer("a", request("say x")))
        await asyncio.sleep(0.05)
        bench.drop("a")
        with pytest.raises(ExpertNotHosted):
            await dispatcher.answer("a", request("say y"))
        assert not bench.notes("closed")
        bench.raise_flag("go")
        answer = await running
        assert getattr(answer, "text", None) == "done"
        with pytest.raises(ExpertNotHosted):
            await waiting
        await bench.noted("closed")
        # An answer leaves before its lane counts it as done, so that a quiet lane owes nobody an answer.
        await asyncio.to_thread(until, lambda: "a" not in dispatcher.lanes())
        bench.put("a", version=2)
        assert (await dispatcher.answer("a", request("say version"))).text == "version (v2)"

    bench.run(scenario)


def test_close_lets_running_work_finish_and_refuses_the_rest(bench: Bench) -> None:
    bench.put("a", max_batch=1)
    bench.put("b")

    async def scenario(dispatcher: Dispatcher) -> None:
        running = await started(bench, dispatcher, "a", "wait go done")
        waiting = asyncio.create_task(dispatcher.answer("a", request("say waiting")))
        await asyncio.sleep(0.05)
        closing = asyncio.create_task(dispatcher.close())
        with pytest.raises(Unavailable):
            await asyncio.wait_for(waiting, 2)
        for expert in ("a", "b"):
            with pytest.raises(Unavailable):
                await dispatcher.answer(expert, request("say late"))
        assert not closing.done()
        bench.raise_flag("go")
        answer = await running
        assert getattr(answer, "text", None) == "done"
        await asyncio.wait_for(closing, 5)

    bench.run(scenario)


def test_lanes_tell_how_busy_each_expert_is(bench: Bench) -> None:
    bench.put("a", max_batch=1)

    async def scenario(dispatcher: Dispatcher) -> None:
        first = await started(bench, dispatcher, "a", "wait go first")
        second = asyncio.create_task(dispatcher.answer("a", request("say second")))
        await asyncio.sleep(0.05)
        lane = dispatcher.lanes()["a"]
        assert (lane.waiting, lane.running) == (1, 1)
        bench.raise_flag("go")
        await asyncio.gather(first, second)
        await asyncio.sleep(0.05)
        lane = dispatcher.lanes()["a"]
        assert (lane.waiting, lane.running) == (0, 0)
        assert lane.service_seconds > 0

    bench.run(scenario)
