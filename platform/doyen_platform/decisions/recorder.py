"""Keeps every decision, off the request path: a journal on disk first, the database in batches after.

`record` costs one write to a file; the journal survives a killed process, and a database that is away. Writing a
journal again is harmless: rows have ids, and those that are there already are skipped.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from sqlalchemy import Table as SqlTable
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError
from sqlalchemy.orm import Session

from doyen_platform.database.transactions import Database
from doyen_platform.decisions.journal import Journal, Segment
from doyen_platform.decisions.models import DecisionRow, ExecutionRow, RoutingContext
from doyen_platform.decisions.record import DecisionRecord

log = logging.getLogger(__name__)

BATCH_BYTES = 1 << 20  # a record has one kilobyte, or a whole prompt
ENOUGH_ROWS = 500
SEGMENT_ROWS = 5_000
HELD_BYTES = 32 << 20
KNOWN_CONTEXTS = 10_000
LINGER_SECONDS = 0.05
RETRY_SECONDS = 1.0


class Recorder:
    """Thread-safe. `flush` waits until everything recorded before it is in the database.

    A record that the journal cannot take (its disk is full) is held in memory, as long as there is room: no request
    fails because it could not be recorded. `lost` counts what found no room.
    """

    def __init__(self, database: Database, directory: Path) -> None:
        self._database = database
        self._journal = Journal(directory)
        lock = threading.Lock()
        self._work = threading.Condition(lock)  # for the recorder's own thread
        self._progress = threading.Condition(lock)  # for those that flush
        self._held: deque[bytes] = deque()
        self._held_bytes = 0
        self._recorded = 0
        self._delivered = 0
        self.lost = 0
        self._known_contexts: set[str] = set()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def record(self, record: DecisionRecord) -> None:
        """Never raises: the request that it tells of has its answer, and keeps it."""
        try:
            line = record.to_json() + b"\n"
        except (ValueError, TypeError) as error:
            self.lost += 1
            log.error("decision %s cannot be written as JSON and is lost: %s", record.id, error)
            return
        with self._work:
            try:
                self._journal.append(line)
            except OSError as error:
                if not self._hold(line, error):
                    return
            self._recorded += 1
            self._work.notify()

    def backlog(self) -> int:
        """Recorded by this process and not yet in the database."""
        with self._work:
            return self._recorded - self._delivered

    def flush(self, timeout_seconds: float = 5.0) -> bool:
        """False when the database took too long: the journal keeps what is missing."""
        with self._progress:
            target = self._recorded
            return self._progress.wait_for(lambda: self._delivered >= target, timeout_seconds)

    def close(self) -> None:
        """Delivers what it can, and leaves the rest in the journal for the next start; so also what comes later."""
        with self._work:
            self._closing = True
            self._work.notify()
        self._thread.join(timeout=10)
        with self._work:
            while self._held:
                try:
                    self._journal.append(self._held[0])
                except OSError as error:
                    self.lost += len(self._held)
                    log.error("%d decisions are lost: the journal cannot take them: %s", len(self._held), error)
                    break
                self._held.popleft()
            self._journal.rotate()

    def _hold(self, line: bytes, error: OSError) -> bool:
        if not self._held:
            log.error("the journal cannot be written, decisions are held in memory: %s", error)
        if self._held_bytes + len(line) <= HELD_BYTES:
            self._held.append(line)
            self._held_bytes += len(line)
            return True
        self.lost += 1
        if self.lost % 1000 == 1:
            log.error("%d decisions are lost: the journal cannot be written, and memory has no room", self.lost)
        return False

    def _run(self) -> None:
        while True:
            try:
                if not self._has_work():
                    return
                while (segment := self._next_segment()) is not None:
                    self._deliver_segment(segment)
                self._deliver_held()
            except Exception as error:  # nothing was removed, and the thread must live: the next try may go better
                log.warning("decisions wait in the journal: %s: %s", type(error).__name__, error)
                with self._work:
                    if self._closing:
                        return
                    self._work.wait_for(lambda: self._closing, RETRY_SECONDS)

    def _has_work(self) -> bool:
        """Waits for it, and a little longer for company. False when everything is done and the end has come."""
        with self._work:
            self._work.wait_for(lambda: self._closing or self._is_waiting())
            self._work.wait_for(lambda: self._closing or self._journal.written >= ENOUGH_ROWS, LINGER_SECONDS)
            return self._is_waiting()

    def _is_waiting(self) -> bool:
        return bool(self._journal.written or self._journal.ready or self._held)

    def _next_segment(self) -> Segment | None:
        with self._work:
            # While the database is away the open segment grows: few large files, not one for each try.
            if not self._journal.ready or self._journal.written >= SEGMENT_ROWS:
                self._journal.rotate()
            return self._journal.ready[0] if self._journal.ready else None

    def _deliver_segment(self, segment: Segment) -> None:
        try:
            with segment.path.open("rb") as file:
                while lines := file.readlines(BATCH_BYTES):
                    self._deliver(lines, segment.path.stem)
        except FileNotFoundError:
            log.info("segment %s has gone: another process delivered it", segment.path.name)
        with self._progress:
            self._journal.remove(segment)
            self._delivered += segment.records
            self._progress.notify_all()

    def _deliver_held(self) -> None:
        while lines := self._next_held():
            self._deliver(lines, "held")
            with self._progress:
                for line in lines:
                    self._held.popleft()
                    self._held_bytes -= len(line)
                self._delivered += len(lines)
                self._progress.notify_all()

    def _next_held(self) -> list[bytes]:
        with self._work:
            return list(islice(self._held, ENOUGH_ROWS))

    def _deliver(self, lines: Sequence[bytes], source: str) -> None:
        records: list[DecisionRecord] = []
        for line in lines:
            try:
                records.append(DecisionRecord.from_json(line))
            except ValueError as error:
                # Only the last line of a killed process can be cut; what it told of was never answered in full.
                log.warning("a line of journal segment %s cannot be read and is put aside: %s", source, error)
                self._journal.reject([line], source)
        self._insert(records, source)

    def _insert(self, records: Sequence[DecisionRecord], source: str) -> None:
        """A row that the database will never take is put aside, so that it does not hold up all that come after."""
        if not records:
            return
        try:
            with self._database.write() as session:
                self._insert_rows(session, records)
        except Exception as error:
            if not _is_refused(error):
                raise
            if len(records) > 1:
                middle = len(records) // 2
                self._insert(records[:middle], source)
                self._insert(records[middle:], source)
            else:
                log.error("decision %s is refused by the database and put aside: %s", records[0].id, error)
                self._journal.reject([records[0].to_json()], source)
            return
        if len(self._known_contexts) > KNOWN_CONTEXTS:
            self._known_contexts.clear()
        self._known_contexts.update(record.context_id for record in records if record.context_id)

    def _insert_rows(self, session: Session, records: Sequence[DecisionRecord]) -> None:
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


def _is_refused(error: Exception) -> bool:
    """True when the row is at fault. A missing table, say, is not: an operator will mend it, and the rows are good."""
    if isinstance(error, DBAPIError):
        return isinstance(error, DataError | IntegrityError)
    return isinstance(error, StatementError | ValueError | TypeError | OverflowError)
