"""The waiting line of one expert in this process, and the threads that empty it. It does not know about event loops."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from doyen_experts.contract import Answer, Delta, Expert, ExpertRequest
from doyen_experts.limits import Cancelled
from doyen_router.errors import DoyenError, Unavailable
from doyen_workers.dispatch import ExpertFailed, Lane, Overloaded
from doyen_workers.hosting import ExpertHost

log = logging.getLogger(__name__)

IDLE_THREAD_SECONDS = 10.0
DELTAS_AHEAD = 256  # a reader this far behind stops the expert, so that memory stays bounded
CREDIT_POLL_SECONDS = 0.2
NEWEST_SHARE = 0.1  # of the newest request in the running mean of the service time


class Stopping(Unavailable):
    code = "stopping"

    def __init__(self) -> None:
        super().__init__("the platform is stopping", retry_after_seconds=1.0)


@dataclass(eq=False)
class Task:
    """A request in a lane. `deliver` is called from the lane's threads with a Delta, an Answer, or an exception."""

    request: ExpertRequest
    streams: bool
    deliver: Callable[[Answer | Delta | Exception], None]
    cancelled: threading.Event = field(default_factory=threading.Event)
    credits: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(DELTAS_AHEAD))

    def is_wanted(self) -> bool:
        remaining = self.request.remaining_seconds()
        return not self.request.is_cancelled() and (remaining is None or remaining > 0)


class LaneThreads:
    """As many threads as the expert's kind allows, started when work comes, gone when there was none for a while."""

    def __init__(self, name: str, host: ExpertHost, *, max_waiting: int, idle_seconds: float) -> None:
        self.name = name
        self._host = host
        self._max_waiting = max_waiting
        self._idle_seconds = idle_seconds
        self._waiting: deque[Task] = deque()
        self._running: list[Task] = []
        self._threads = 0
        self._idle = 0
        self._service_seconds = 0.0
        lock = threading.RLock()
        self._condition = threading.Condition(lock)  # work came, or the end
        self._quiet = threading.Condition(lock)  # a batch ended
        self._closed = False

    def put(self, task: Task) -> None:
        concurrency = self._host.kind_of(self.name).concurrency
        with self._condition:
            if self._closed:
                raise Stopping
            if len(self._waiting) >= self._max_waiting:
                raise self._overloaded(concurrency)
            self._waiting.append(task)
            if self._idle >= len(self._waiting):
                self._condition.notify()
            elif self._threads < concurrency:
                self._start_thread()

    def withdraw(self, task: Task) -> None:
        """A request that nobody waits for must not keep another out of the line."""
        with self._condition:
            if task in self._waiting:
                self._waiting.remove(task)

    def state(self) -> Lane:
        concurrency = self._concurrency()
        with self._condition:
            free = max(0, concurrency - self._threads + self._idle)
            # When all threads are busy, one of them gets free after a `concurrency`th of a request's time.
            before = max(0, len(self._waiting) + 1 - free)
            wait_seconds = before * self._service_seconds / concurrency
            return Lane(len(self._waiting), len(self._running), self._service_seconds, wait_seconds)

    def is_empty(self) -> bool:
        with self._condition:
            return not self._waiting and not self._running

    def close(self) -> None:
        """Refuses what waits, and lets the threads go once they are idle."""
        with self._condition:
            self._closed = True
            refused = list(self._waiting)
            self._waiting.clear()
            self._condition.notify_all()
        for task in refused:
            task.deliver(Stopping())

    def wait_until_quiet(self, until: float) -> bool:
        """False when something still ran at the moment `until` of the monotonic clock."""
        with self._quiet:
            return self._quiet.wait_for(lambda: not self._running, max(0.0, until - time.monotonic()))

    def cancel_running(self) -> None:
        with self._condition:
            for task in self._running:
                task.cancelled.set()
                task.deliver(Stopping())

    def _overloaded(self, concurrency: int) -> Overloaded:
        seconds = self._service_seconds * len(self._waiting) / concurrency
        return Overloaded(self.name, waiting=len(self._waiting), retry_after_seconds=max(1.0, seconds))

    def _start_thread(self) -> None:
        try:
            threading.Thread(target=self._run, name=f"expert-{self.name}", daemon=True).start()
            self._threads += 1
        except RuntimeError:  # the system gives no more threads
            if self._threads == 0:
                self._waiting.pop()
                raise self._overloaded(1) from None

    def _run(self) -> None:
        while batch := self._take():
            started = time.perf_counter()
            if batch[0].streams:
                self._stream(batch[0])
            else:
                self._answer(batch)
            seconds = (time.perf_counter() - started) / len(batch)
            with self._condition:  # only now, after the answers have left: `wait_until_quiet` must not miss one
                for task in batch:
                    self._running.remove(task)
                self._quiet.notify_all()
                share = NEWEST_SHARE if self._service_seconds else 1.0
                self._service_seconds += share * (seconds - self._service_seconds)

    def _take(self) -> list[Task]:
        """The next batch: one streaming task, or the plain ones at the head of the line. Empty: the thread may go."""
        with self._condition:
            while not self._waiting:
                self._idle += 1
                signalled = self._condition.wait(self._idle_seconds)
                self._idle -= 1
                if not self._waiting and (self._closed or not signalled):
                    self._threads -= 1
                    return []
            batch = [self._waiting.popleft()]
            most = self._most()
            while len(batch) < most and self._waiting and not (batch[0].streams or self._waiting[0].streams):
                batch.append(self._waiting.popleft())
            self._running += batch
            return batch

    def _concurrency(self) -> int:
        try:
            return max(1, self._host.kind_of(self.name).concurrency)
        except DoyenError:  # dropped, and still has work
            return 1

    def _most(self) -> int:
        try:
            return self._host.kind_of(self.name).max_batch
        except DoyenError:  # dropped meanwhile: the call itself will tell
            return 1

    def _answer(self, batch: Sequence[Task]) -> None:
        try:
            with self._host.borrow(self.name) as loan:
                # The version may have changed since the batch was made.
                for start in range(0, len(batch), loan.max_batch):
                    self._ask(loan.expert, batch[start : start + loan.max_batch])
        except DoyenError as error:
            for task in batch:
                task.deliver(error)

    def _ask(self, expert: Expert, batch: Sequence[Task]) -> None:
        tasks = [task for task in batch if self._is_wanted(task)]
        if not tasks:
            return
        results: list[Answer | Exception]
        try:
            results = expert.answer([task.request for task in tasks])
            if len(results) != len(tasks):
                raise RuntimeError(f"{len(results)} answers for {len(tasks)} requests")
        except BaseException as error:  # a plugin may even call sys.exit
            if len(tasks) > 1:
                # It should have been returned, not raised: one bad request must not fail those that travel with it.
                for task in tasks:
                    self._ask(expert, [task])
                return
            results = [self._explained(error)]
        for task, result in zip(tasks, results, strict=True):
            task.deliver(result if isinstance(result, Answer) else self._explained(result))

    def _stream(self, task: Task) -> None:
        try:
            with self._host.borrow(self.name) as loan:
                if self._is_wanted(task):
                    self._send(loan.expert, task)
        except BaseException as error:  # as above
            task.deliver(Cancelled() if task.request.is_cancelled() else self._explained(error))

    def _send(self, expert: Expert, task: Task) -> None:
        for delta in expert.stream(task.request):
            while not task.credits.acquire(timeout=CREDIT_POLL_SECONDS):
                if not task.is_wanted():  # a reader that stands still must not hold the expert for ever
                    break
            if not self._is_wanted(task):
                return
            task.deliver(delta)
            if delta.answer is not None:
                return
        raise RuntimeError("the stream ended without an answer")

    def _is_wanted(self, task: Task) -> bool:
        """Tells whoever still waits that it is too late; a deadline, the waiting side sees by itself."""
        if task.request.is_cancelled():
            task.deliver(Cancelled())
        return task.is_wanted()

    def _explained(self, error: object) -> Exception:
        """What the caller gets for what the expert raised, or gave in place of an answer."""
        if isinstance(error, DoyenError):
            return error
        if not isinstance(error, BaseException):
            error = TypeError(f"it gave a {type(error).__name__} in place of an answer")
        log.warning("expert %s failed", self.name, exc_info=error)
        return ExpertFailed(self.name, f"{type(error).__name__}: {error}")
