"""No decision is lost, none is there twice, and no request waits or fails because of it."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tests.conftest import until
from tests.platform.decisions.conftest import AwayDatabase, counts, files, make_record, run_child, stored, write_journal

from doyen_platform.database.migrations import upgrade
from doyen_platform.database.transactions import Database
from doyen_platform.decisions import recorder as recorder_module
from doyen_platform.decisions.models import DecisionRow, RoutingContext
from doyen_platform.decisions.record import DecisionRecord
from doyen_platform.decisions.recorder import Recorder


def test_every_record_of_many_threads_arrives_exactly_once(database: Database, journal: Path) -> None:
    recorder = Recorder(database, journal)
    slowest = 0.0

    def record_many() -> None:
        nonlocal slowest
        for _ in range(1250):
            record = make_record()
            started = time.perf_counter()
            recorder.record(record)
            slowest = max(slowest, time.perf_counter() - started)

    threads = [threading.Thread(target=record_many) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert recorder.flush(60)
    assert recorder.backlog() == 0
    assert counts(database) == (10_000, 10_000, 1)
    recorder.close()
    assert files(journal) == []
    assert slowest < 1.0


def test_what_comes_out_of_the_database_is_what_was_recorded(database: Database, journal: Path) -> None:
    recorder = Recorder(database, journal)
    record = make_record()
    recorder.record(record)
    assert recorder.flush()
    with database.read() as session:
        row = session.get_one(DecisionRow, record.id)
        assert row.created_at == record.created_at
        assert row.features == record.features
        assert row.prompt == record.prompt
        assert row.chosen == [["history", 1.0, 1.0]]
        assert row.probabilities == record.probabilities
        assert row.seed == record.seed
        assert session.get_one(RoutingContext, record.context_id).body == record.context
    recorder.close()


def test_while_the_database_is_away_decisions_wait_on_disk_and_come_later_in_order(
    away: AwayDatabase, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "SEGMENT_ROWS", 1000)
    recorder = Recorder(away, journal)
    away.away = True
    records = [make_record(prompt="x" * 2000) for _ in range(3000)]
    for record in records[:1000]:
        recorder.record(record)
    until(lambda: away.tries >= 5)
    for record in records[1000:]:
        recorder.record(record)
    assert recorder.flush(0.2) is False
    assert recorder.backlog() == 3000
    assert not recorder._held, "memory holds what the disk could"
    assert len(files(journal)) < 10
    order: list[DecisionRecord] = []
    insert = recorder._insert_rows

    def watched(session: Any, rows: Any) -> None:
        order.extend(rows)
        insert(session, rows)

    monkeypatch.setattr(recorder, "_insert_rows", watched)
    away.away = False
    assert recorder.flush(30)
    assert [record.id for record in order] == [record.id for record in records]
    assert counts(away)[0] == 3000
    recorder.close()
    assert files(journal) == []


def test_a_server_that_really_goes_away_is_waited_for(postgres_url: str, journal: Path) -> None:
    database = Database(postgres_url)
    upgrade(database)
    server = Database(postgres_url.rsplit("/", 1)[0] + "/postgres")
    name = postgres_url.rsplit("/", 1)[1]
    recorder = Recorder(database, journal)

    def administer(*statements: str) -> None:
        with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in statements:
                connection.execute(text(statement))

    kill = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    records = [make_record() for _ in range(200)]
    for record in records[:100]:
        recorder.record(record)
    administer(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false', kill)
    for record in records[100:]:
        recorder.record(record)
    assert recorder.flush(0.5) is False
    administer(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    assert recorder.flush(20)
    assert stored(database) == {str(record.id) for record in records}
    recorder.close()
    server.close()
    database.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from doyen_platform.database.transactions import Database
from doyen_platform.decisions.recorder import Recorder
from tests.platform.decisions.conftest import make_record

recorder = Recorder(Database(sys.argv[1]), Path(sys.argv[2]))
for number in range(2000):
    record = make_record()
    recorder.record(record)
    os.write(1, f"{record.id}\\n".encode())
    if number == 1234:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_recorded_the_next_one_delivers(database: Database, journal: Path) -> None:
    done = run_child(KILLED, database.url, str(journal))
    assert done.returncode == -signal.SIGKILL, done.stderr
    recorded = set(done.stdout.split())
    assert len(recorded) == 1235
    recorder = Recorder(database, journal)
    recorder.close()
    assert stored(database) == recorded
    assert counts(database)[1] == 1235
    assert files(journal) == []


def test_the_same_journal_twice_gives_no_duplicates(database: Database, journal: Path) -> None:
    lines = [make_record().to_json() + b"\n" for _ in range(50)]
    for _ in range(2):
        write_journal(journal, *lines)
        write_journal(journal, *lines[20:], number=2)
        Recorder(database, journal).close()
    assert counts(database) == (50, 50, 1)


def test_close_delivers_what_was_recorded_and_later_records_wait_for_the_next_start(
    database: Database, journal: Path
) -> None:
    recorder = Recorder(database, journal)
    for _ in range(10):
        recorder.record(make_record())
    recorder.close()
    assert counts(database)[0] == 10
    recorder.record(make_record())
    assert counts(database)[0] == 10
    recorder._journal.rotate()  # as the end of the process does
    Recorder(database, journal).close()
    assert counts(database)[0] == 11


def test_close_does_not_wait_for_a_database_that_is_away(away: AwayDatabase, journal: Path) -> None:
    recorder = Recorder(away, journal)
    away.away = True
    recorder.record(make_record())
    started = time.monotonic()
    recorder.close()
    assert time.monotonic() - started < 2
    assert len(files(journal)) == 1
    assert recorder.backlog() == 1


def test_flush_waits_for_what_came_before_and_wakes_everybody(database: Database, journal: Path) -> None:
    recorder = Recorder(database, journal)
    assert recorder.flush(0)
    done: list[bool] = []

    def record_and_flush() -> None:
        record = make_record()
        recorder.record(record)
        done.append(recorder.flush(20) and str(record.id) in stored(database))

    threads = [threading.Thread(target=record_and_flush) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [True] * 16
    recorder.close()


def test_an_idle_recorder_touches_neither_disk_nor_database(away: AwayDatabase, journal: Path) -> None:
    recorder = Recorder(away, journal)
    recorder.record(make_record())
    assert recorder.flush()
    until(lambda: files(journal) == [])
    tries, changed = away.tries, journal.stat().st_mtime_ns
    time.sleep(0.4)
    assert (away.tries, journal.stat().st_mtime_ns) == (tries, changed)
    recorder.close()


def test_two_recorders_on_one_directory_lose_nothing(database: Database, journal: Path) -> None:
    """A second `doyen up` by mistake, or two replicas on one volume."""
    first = Recorder(database, journal)
    records = [make_record() for _ in range(400)]
    for number, record in enumerate(records[:200]):
        first.record(record)
        if number % 50 == 0:
            second = Recorder(database, journal)
            second.record(records[200 + number])
            second.close()
    assert first.flush(10)
    first.close()
    expected = {str(record.id) for record in [*records[:200], *records[200:400:50]]}
    assert stored(database) == expected
    assert files(journal) == []
