"""The dispatcher of the embedded platform: a bounded lane of threads for each expert. It does not know about HTTP.

One lane an expert, so that a slow one never holds a thread that another needs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace

from doyen_experts.contract import Answer, Delta, ExpertRequest
from doyen_router.errors import DoyenError, Unavailable
from doyen_workers.dispatch import DeadlineExceeded, ExpertFailed, Lane, Overloaded
from doyen_workers.hosting import ExpertHost

log = logging.getLogger(__name__)

IDLE_THREAD_SECONDS = 10.0
DELTAS_AHEAD = 256  # a reader this far behind stops the expert, so that memory stays bounded


@dataclass(eq=False)
class _Task:
    """A request in a lane. `deliver` is called from the lane's threads with a Delta, an Answer, or an exception."""

    request: ExpertRequest
    streams: bool
    deliver: Callable[[Answer | Delta | Exception], None]
    cancelled: threading.Event = field(default_factory=threading.Event)
    credits: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(DELTAS_AHEAD))


class _LaneThreads:
    """The waiting line of one expert and the threads that empty it."""

    def __init__(self, name: str, host: ExpertHost, *, max_waiting: int) -> None:
        self.name = name
        self._host = host
        self._max_waiting = max_waiting
        self._waiting: deque[_Task] = deque()
        self._running = 0
        self._threads = 0
        self._idle = 0
        self._service_seconds = 0.0
        lock = threading.RLock()
        self._condition = threading.Condition(lock)  # work came, or the end
        self._quiet = threading.Condition(lock)  # a batch ended
        self._closed = False

    def put(self, task: _Task) -> None:
        concurrency = self._host.kind_of(self.name).concurrency
        with self._condition:
            if self._closed:
                raise Unavailable("the platform is stopping", retry_after_seconds=1.0)
            if len(self._waiting) >= self._max_waiting:
                waits = self._service_seconds * len(self._waiting) / max(1, concurrency)
                raise Overloaded(self.name, waiting=len(self._waiting), retry_after_seconds=max(1.0, waits))
            self._waiting.append(task)
            if self._idle >= len(self._waiting):
                self._condition.notify()
            elif self._threads < concurrency:
                self._threads += 1
                threading.Thread(target=self._run, name=f"expert-{self.name}", daemon=True).start()

    def state(self) -> Lane:
        with self._condition:
            return Lane(len(self._waiting), self._running, self._service_seconds)

    def close(self) -> list[_Task]:
        """Stops the threads once they are idle; returns what never ran."""
        with self._condition:
            self._closed = True
            refused = list(self._waiting)
            self._waiting.clear()
            self._condition.notify_all()
        return refused

    def wait_until_quiet(self) -> None:
        with self._condition:
            self._quiet.wait_for(lambda: self._running == 0)

    def _run(self) -> None:
        while (batch := self._take()) is not None:
            started = time.perf_counter()
            try:
                if batch[0].streams:
                    self._stream(batch[0])
                else:
                    self._answer(batch)
            finally:
                seconds = (time.perf_counter() - started) / len(batch)
                with self._condition:
                    self._running -= len(batch)
                    self._quiet.notify_all()
                    self._service_seconds += 0.1 * (seconds - self._service_seconds)

    def _take(self) -> list[_Task] | None:
        """The next batch: one streaming task, or the plain ones at the head of the line, as many as the kind takes."""
        with self._condition:
            while not self._waiting:
                self._idle += 1
                signalled = self._condition.wait(IDLE_THREAD_SECONDS)
                self._idle -= 1
                if not self._waiting and (self._closed or not signalled):
                    self._threads -= 1
                    return None
            batch = [self._waiting.popleft()]
            with contextlib.suppress(DoyenError):  # dropped meanwhile: the call itself will tell
                most = self._host.kind_of(self.name).max_batch
                while len(batch) < most and self._waiting and not (batch[0].streams or self._waiting[0].streams):
                    batch.append(self._waiting.popleft())
            self._running += len(batch)
            return batch

    def _answer(self, batch: Sequence[_Task]) -> None:
        tasks = [task for task in batch if self._is_wanted(task)]
        if not tasks:
            return
        results: list[Answer | Exception]
        try:
            with self._host.borrow(self.name) as expert:
                results = expert.answer([task.request for task in tasks])
            if len(results) != len(tasks):
                raise RuntimeError(f"{len(results)} answers for {len(tasks)} requests")
        except Exception as error:
            results = [error] * len(tasks)
        for task, result in zip(tasks, results, strict=True):
            task.deliver(self._explained(result) if isinstance(result, Exception) else result)

    def _stream(self, task: _Task) -> None:
        if not self._is_wanted(task):
            return
        try:
            with self._host.borrow(self.name) as expert:
                for delta in expert.stream(task.request):
                    while not task.credits.acquire(timeout=1.0):
                        if task.request.is_cancelled():
                            return
                    if task.request.is_cancelled():
                        return
                    task.deliver(delta)
                    if delta.answer is not None:
                        return
            raise RuntimeError("the stream ended without an answer")
        except Exception as error:
            task.deliver(self._explained(error))

    def _is_wanted(self, task: _Task) -> bool:
        remaining = task.request.remaining_seconds()
        return not task.request.is_cancelled() and (remaining is None or remaining > 0)

    def _explained(self, error: Exception) -> Exception:
        if isinstance(error, DoyenError):
            return error
        log.warning("expert %s failed", self.name, exc_info=error)
        return ExpertFailed(self.name, f"{type(error).__name__}: {error}")


class InProcessDispatcher:
    """Runs experts in threads of this process, behind the `Dispatcher` protocol."""

    def __init__(self, host: ExpertHost, *, max_waiting: int = 256) -> None:
        self._host = host
        self._max_waiting = max_waiting
        self._lanes: dict[str, _LaneThreads] = {}

    async def answer(self, expert: str, request: ExpertRequest) -> Answer:
        async with contextlib.aclosing(self._events(expert, request, streams=False)) as events:
            async for event in events:
                if isinstance(event, Answer):
                    return event
        raise ExpertFailed(expert, "the lane ended without an answer")

    async def stream(self, expert: str, request: ExpertRequest) -> AsyncIterator[Delta]:
        async with contextlib.aclosing(self._events(expert, request, streams=True)) as events:
            async for event in events:
                if isinstance(event, Delta):
                    yield event
                    if event.answer is not None:
                        return

    def lanes(self) -> dict[str, Lane]:
        return {name: lane.state() for name, lane in list(self._lanes.items())}

    async def close(self) -> None:
        for lane in self._lanes.values():
            for task in lane.close():
                task.deliver(Unavailable("the platform is stopping", retry_after_seconds=1.0))
        for lane in self._lanes.values():
            await asyncio.to_thread(lane.wait_until_quiet)

    async def _events(self, expert: str, request: ExpertRequest, *, streams: bool) -> AsyncGenerator[Answer | Delta]:
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[Answer | Delta | Exception] = asyncio.Queue()

        def deliver(event: Answer | Delta | Exception) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has gone: nobody waits any more
                loop.call_soon_threadsafe(arrived.put_nowait, event)

        task = _Task(request, streams, deliver)
        caller_cancelled = request.is_cancelled
        task.request = replace(request, is_cancelled=lambda: task.cancelled.is_set() or caller_cancelled())
        self._lane(expert).put(task)
        try:
            while True:
                try:
                    event = await asyncio.wait_for(arrived.get(), request.remaining_seconds())
                except TimeoutError:
                    raise DeadlineExceeded(expert) from None
                if isinstance(event, Exception):
                    raise event
                task.credits.release()
                yield event
        finally:
            task.cancelled.set()

    def _lane(self, expert: str) -> _LaneThreads:
        lane = self._lanes.get(expert)
        if lane is None:
            self._host.kind_of(expert)
            lane = self._lanes[expert] = _LaneThreads(expert, self._host, max_waiting=self._max_waiting)
        return lane
