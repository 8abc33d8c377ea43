"""Keeps every decision, off the request path: a journal on disk first, the database in batches after.

`record` costs one write to a file; the journal survives a killed process, and a database that is away. Writing a
journal again is harmless: rows have ids, and those that are there already are skipped.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Table as SqlTable
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from doyen_platform.database.transactions import Database
from doyen_platform.decisions.models import DecisionRow, ExecutionRow, RoutingContext
from doyen_platform.decisions.record import DecisionRecord
from doyen_router.errors import DoyenError

log = logging.getLogger(__name__)

BATCH_ROWS = 500
LINGER_SECONDS = 0.05
RETRY_SECONDS = 1.0


class Recorder:
    """Thread-safe. `flush` waits until everything recorded before it is in the database."""

    def __init__(self, database: Database, directory: Path) -> None:
        self._database = database
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        # Segments that an earlier process left come first; their numbers go on from there.
        self._ready = sorted(directory.glob("*.jsonl"))
        self._inherited = frozenset(self._ready)
        self._number = int(self._ready[-1].stem) if self._ready else 0
        self._segment = self._next_segment()
        self._written = 0  # records in the open segment
        self._recorded = 0
        self._delivered = 0
        self._known_contexts: set[str] = set()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def record(self, record: DecisionRecord) -> None:
        line = record.to_json() + b"\n"
        with self._changed:
            self._file.write(line)
            self._written += 1
            self._recorded += 1
            self._changed.notify()

    def backlog(self) -> int:
        """Recorded by this process and not yet in the database."""
        with self._lock:
            return self._recorded - self._delivered

    def flush(self, timeout_seconds: float = 5.0) -> bool:
        """False when the database took too long: the journal keeps what is missing."""
        with self._changed:
            target = self._recorded
            return self._changed.wait_for(lambda: self._delivered >= target, timeout_seconds)

    def close(self) -> None:
        """Delivers what it can, and leaves the rest in the journal for the next start."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout=10)
        self._file.close()

    def _next_segment(self) -> Path:
        self._number += 1
        path = self._directory / f"{self._number:012d}.jsonl"
        self._file = path.open("ab", buffering=0)  # unbuffered: what was recorded is with the system, not with us
        return path

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._written or self._ready or self._closing, timeout=RETRY_SECONDS)
                if self._closing and not self._written and not self._ready:
                    self._segment.unlink(missing_ok=True)
                    return
                if not self._closing and self._written < BATCH_ROWS:
                    self._changed.wait_for(lambda: self._closing or self._written >= BATCH_ROWS, LINGER_SECONDS)
                if self._written:
                    self._file.close()
                    self._ready.append(self._segment)
                    self._segment, self._written = self._next_segment(), 0
                segments = list(self._ready)
            for segment in segments:
                try:
                    count = self._deliver(segment)
                except DoyenError as error:
                    log.warning("decisions wait in the journal: %s", error)
                    if self._closing:
                        return
                    threading.Event().wait(RETRY_SECONDS)
                    break
                with self._changed:
                    self._ready.remove(segment)
                    self._delivered += count
                    self._changed.notify_all()
                segment.unlink(missing_ok=True)

    def _deliver(self, segment: Path) -> int:
        """Returns how many of the segment's records this process had recorded."""
        records: list[DecisionRecord] = []
        count = 0
        with segment.open("rb") as file:
            for line in file:
                count += 1
                try:
                    records.append(DecisionRecord.from_json(line))
                except (ValueError, KeyError, TypeError) as error:
                    # Only the last line of a killed process can be cut; what it told of was never answered in full.
                    log.warning("a journal line of %s cannot be read: %s", segment.name, error)
        for start in range(0, len(records), BATCH_ROWS):
            batch = records[start : start + BATCH_ROWS]
            with self._database.write() as session:
                self._insert(session, batch)
            self._known_contexts.update(record.context_id for record in batch if record.context_id)
        return 0 if segment in self._inherited else count

    def _insert(self, session: Session, records: Sequence[DecisionRecord]) -> None:
        contexts: dict[str, dict[str, object]] = {
            record.context_id: {"id": record.context_id, "body": record.context}
            for record in records
            if record.context_id and record.context_id not in self._known_contexts
        }
        self._insert_new(session, RoutingContext.__table__, list(contexts.values()))
        self._insert_new(session, DecisionRow.__table__, [record.row() for record in records])
        self._insert_new(
            session, ExecutionRow.__table__, [row for record in records for row in record.execution_rows()]
        )

    def _insert_new(self, session: Session, table: object, rows: Sequence[dict[str, object]]) -> None:
        assert isinstance(table, SqlTable)
        if rows:
            insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
            session.execute(insert(table).on_conflict_do_nothing(), rows)
