"""Brings experts to life and takes them down again: index, open, imprint into the gate, show to requests.

Each step is repeatable, so that after a kill the same call finishes what was begun.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import uuid
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from pathlib import Path

from doyen_experts.contract import ExpertSpec
from doyen_experts.registry import kind as find_kind
from doyen_platform.database.transactions import Database
from doyen_platform.experts.live import LiveExperts
from doyen_platform.experts.models import ExpertRow
from doyen_platform.experts.service import find_expert, list_experts, set_state
from doyen_platform.experts.states import ExpertState
from doyen_platform.gates.keeper import GateKeeper
from doyen_platform.stores.indexing import Indexer
from doyen_platform.stores.service import experts_with_queued_documents
from doyen_router.errors import DoyenError
from doyen_router.gate.confusion import Confusion
from doyen_workers.hosting import ExpertHost

log = logging.getLogger(__name__)

MOST_WAITING = 16


@dataclass(frozen=True, slots=True)
class Activated:
    """`confusion` is there when this activation imprinted the expert into the gate."""

    state: ExpertState
    confusion: list[Confusion]


class Activator:
    """One activation at a time for each expert, several experts at once."""

    def __init__(
        self,
        database: Database,
        live: LiveExperts,
        keeper: GateKeeper,
        host: ExpertHost,
        indexer: Indexer,
        *,
        threads: int,
    ) -> None:
        self._database = database
        self._live = live
        self._keeper = keeper
        self._host = host
        self._indexer = indexer
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="activation")
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._waiting = threading.BoundedSemaphore(MOST_WAITING)
        self._closing = threading.Event()

    def open_all(self) -> None:
        """At start: serves what was served before, and goes on in the background with what was not finished."""
        with self._database.read() as session:
            rows = list_experts(session)
            unfinished = experts_with_queued_documents(session)
        self._indexer.sweep({row.id for row in rows})
        for row in rows:
            # Opened first even when there is more to do: what served before serves meanwhile.
            is_open = row.state != ExpertState.LOADING and self._open_as_it_was(row)
            is_known = row.is_generalist or row.name in self._keeper.current.experts
            if not (is_open and is_known) or row.state == ExpertState.FAILED or row.id in unfinished:
                self.submit(row.name)
        self._live.refresh()

    def submit(self, name: str) -> Future[Activated | None]:
        """Brings this expert to what the registry says, in the background. None when it exists no more."""
        return self._pool.submit(self._activate, name)

    def wait(self, name: str, seconds: float) -> Activated | None:
        """Brings it up and waits for it; None when it takes longer, and goes on in the background.

        Only so many may wait at once: each holds one of the threads that all routes share.
        """
        future = self.submit(name)
        if not self._waiting.acquire(blocking=False):
            return None
        try:
            return future.result(timeout=seconds)
        except FutureTimeout:
            return None
        finally:
            self._waiting.release()

    @contextlib.contextmanager
    def between(self, name: str) -> Iterator[None]:
        """The block runs between two activations of this expert, never during one."""
        with self._locks[name]:
            yield

    def show(self) -> None:
        """Makes a change of state or tenancy visible to requests."""
        self._live.refresh()

    def take_down(self, name: str, expert_id: uuid.UUID) -> None:
        """After the expert's rows are gone: out of sight first, then out of the gate, the host and the disk."""
        with self._locks[name]:
            self._live.refresh()
            self._indexer.forget(expert_id)
            with self._database.read() as session:
                if find_expert(session, name) is not None:
                    return  # another has taken the name meanwhile
            self._keeper.drop(name)
            self._host.drop(name)

    def close(self) -> None:
        self._closing.set()
        self._indexer.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _open_as_it_was(self, row: ExpertRow) -> bool:
        try:
            path = self._store_path(row)
            if find_kind(row.current.kind).uses_store and path is None:
                return False
            self._host.put(self._spec(row, path))
        except Exception as error:
            log.warning("expert %s did not open as it was, building it anew: %s", row.name, error)
            return False
        return True

    def _activate(self, name: str) -> Activated | None:
        if self._closing.is_set():
            return None
        with self._locks[name]:
            try:
                return self._bring_up(name)
            except Exception as error:
                if self._closing.is_set():
                    return None
                log.warning("expert %s could not be activated", name, exc_info=error)
                reason = str(error) if isinstance(error, DoyenError) else f"{type(error).__name__}: {error}"
                return self._failed(name, reason)

    def _failed(self, name: str, reason: str) -> Activated:
        """Out of service, unless an older version is open: then that one goes on serving."""
        state = ExpertState.FAILED
        with self._database.write() as session:
            row = find_expert(session, name)
            if row is not None:
                serving = self._host.version_of(name)
                if row.state == ExpertState.PAUSED:
                    state = ExpertState.PAUSED
                elif row.state == ExpertState.ACTIVE and serving is not None and serving < row.version:
                    reason = f"version {row.version} was refused: {reason}"
                    row.version, state = serving, ExpertState.ACTIVE
                set_state(session, None, row, state, reason)
        self._live.refresh()
        return Activated(state, [])

    def _bring_up(self, name: str) -> Activated | None:
        with self._database.read() as session:
            row = find_expert(session, name)
        if row is None:
            return None
        generation: Path | None = None
        if find_kind(row.current.kind).uses_store:
            generation = self._indexer.index(row.id)
        self._host.put(self._spec(row, generation))
        confusion: list[Confusion] = []
        if row.is_generalist:
            self._keeper.drop(name)  # it may have been an expert of the gate before
        else:
            confusion = self._keeper.imprint(name)
        with self._database.write() as session:
            stored = find_expert(session, name)
            if stored is None:
                return None
            stored.store_generation = generation.name if generation else None
            if stored.state != ExpertState.PAUSED:
                set_state(session, None, stored, ExpertState.ACTIVE, None)
            state = ExpertState(stored.state)
        self._live.refresh()
        if generation is not None:
            self._indexer.forget(row.id, keep=[generation])
        return Activated(state, confusion)

    def _store_path(self, row: ExpertRow) -> Path | None:
        return self._indexer.root(row.id) / row.store_generation if row.store_generation else None

    def _spec(self, row: ExpertRow, store_path: Path | None) -> ExpertSpec:
        current = row.current
        return ExpertSpec(row.name, current.kind, row.version, current.description, current.config, store_path)
