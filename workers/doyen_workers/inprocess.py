"""The dispatcher of the embedded platform: a bounded lane of threads for each expert. It does not know about HTTP.

One lane an expert, so that a slow one never holds a thread that another needs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator
from dataclasses import replace

from doyen_experts.contract import Answer, Delta, ExpertRequest
from doyen_workers.dispatch import DeadlineExceeded, ExpertFailed, Lane
from doyen_workers.hosting import ExpertHost
from doyen_workers.lane import IDLE_THREAD_SECONDS, LaneThreads, Stopping, Task

log = logging.getLogger(__name__)

CLOSE_SECONDS = 30.0
CANCEL_SECONDS = 2.0


class InProcessDispatcher:
    """Runs experts in threads of this process, behind the `Dispatcher` protocol."""

    def __init__(
        self,
        host: ExpertHost,
        *,
        max_waiting: int = 256,
        idle_thread_seconds: float = IDLE_THREAD_SECONDS,
        close_seconds: float = CLOSE_SECONDS,
    ) -> None:
        self._host = host
        self._max_waiting = max_waiting
        self._idle_thread_seconds = idle_thread_seconds
        self._close_seconds = close_seconds
        self._lanes: dict[str, LaneThreads] = {}
        self._closed = False

    async def answer(self, expert: str, request: ExpertRequest) -> Answer:
        async with contextlib.aclosing(self._events(expert, request, streams=False)) as events:
            async for event in events:
                if isinstance(event, Answer):
                    return event
        raise ExpertFailed(expert, "the lane ended without an answer")

    async def stream(self, expert: str, request: ExpertRequest) -> AsyncGenerator[Delta]:
        async with contextlib.aclosing(self._events(expert, request, streams=True)) as events:
            async for event in events:
                if isinstance(event, Delta):
                    yield event
                    if event.answer is not None:
                        return

    def lanes(self) -> dict[str, Lane]:
        """Those of hosted experts that were asked, and of dropped ones that still have work."""
        self._forget_dropped()
        return {name: lane.state() for name, lane in self._lanes.items()}

    async def close(self) -> None:
        """What still runs after `close_seconds` is cancelled; an expert that ignores even that keeps its thread."""
        self._closed = True
        for lane in self._lanes.values():
            lane.close()
        busy = await self._busy(self._close_seconds)
        for lane in busy:
            lane.cancel_running()
        if busy:
            for lane in await self._busy(CANCEL_SECONDS):
                log.warning("expert %s does not stop: its thread is left behind", lane.name)

    async def _busy(self, seconds: float) -> list[LaneThreads]:
        """The lanes that are not quiet after so long, waited for together."""
        until = time.monotonic() + seconds
        lanes = list(self._lanes.values())
        quiet = [await asyncio.to_thread(lane.wait_until_quiet, until) for lane in lanes]
        return [lane for lane, is_quiet in zip(lanes, quiet, strict=True) if not is_quiet]

    async def _events(self, expert: str, request: ExpertRequest, *, streams: bool) -> AsyncGenerator[Answer | Delta]:
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[Answer | Delta | Exception] = asyncio.Queue()

        def deliver(event: Answer | Delta | Exception) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has gone: nobody waits any more
                loop.call_soon_threadsafe(arrived.put_nowait, event)

        task = Task(request, streams, deliver)
        caller_cancelled = request.is_cancelled
        task.request = replace(request, is_cancelled=lambda: task.cancelled.is_set() or caller_cancelled())
        lane = self._lane(expert)
        lane.put(task)
        try:
            while True:
                remaining = request.remaining_seconds()
                if remaining is not None and remaining <= 0:
                    raise DeadlineExceeded(expert)
                try:
                    async with asyncio.timeout(remaining):
                        event = await arrived.get()
                except TimeoutError:
                    raise DeadlineExceeded(expert) from None
                if isinstance(event, Exception):
                    raise event
                task.credits.release()
                yield event
        finally:
            task.cancelled.set()
            lane.withdraw(task)

    def _lane(self, expert: str) -> LaneThreads:
        if self._closed:
            raise Stopping
        lane = self._lanes.get(expert)
        if lane is None:
            self._host.kind_of(expert)  # raises ExpertNotHosted
            self._forget_dropped()
            lane = self._lanes[expert] = LaneThreads(
                expert, self._host, max_waiting=self._max_waiting, idle_seconds=self._idle_thread_seconds
            )
        return lane

    def _forget_dropped(self) -> None:
        hosted = set(self._host.names())
        for name in [name for name, lane in self._lanes.items() if name not in hosted and lane.is_empty()]:
            del self._lanes[name]
