"""What cannot be delivered, or not be written: it is put aside or held, told, and blocks nothing else."""

from __future__ import annotations

import errno
import io
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.platform.decisions.conftest import AwayDatabase, counts, files, make_record, run_child, stored, write_journal

from doyen_platform.database.migrations import downgrade, upgrade
from doyen_platform.database.transactions import Database
from doyen_platform.decisions import recorder as recorder_module
from doyen_platform.decisions.recorder import Recorder


def test_a_missing_table_is_no_fault_of_the_rows(database: Database, journal: Path) -> None:
    """A migration that was forgotten must not put every decision aside."""
    downgrade(database, "base")
    recorder = Recorder(database, journal)
    recorder.record(make_record())
    assert recorder.flush(0.5) is False
    upgrade(database)
    assert recorder.flush(10)
    assert counts(database)[0] == 1
    recorder.close()
    assert files(journal) == []


def test_a_cut_last_line_is_put_aside_and_the_rest_delivered(
    database: Database, journal: Path, caplog: pytest.LogCaptureFixture
) -> None:
    records = [make_record() for _ in range(3)]
    lines = [record.to_json() + b"\n" for record in records]
    write_journal(journal, lines[0], lines[1], lines[2][:200])
    with caplog.at_level(logging.WARNING):
        Recorder(database, journal).close()
    assert stored(database) == {str(record.id) for record in records[:2]}
    assert "cannot be read" in caplog.text
    assert "Who was it" not in caplog.text
    assert files(journal) == ["rejected/000000000001.jsonl"]


@pytest.mark.parametrize(
    "poison",
    [{"confidence": float("nan")}, {"prompt": "a\x00b"}, {"requested_model": "m" * 500}, {"seed": 2**62}],
    ids=["null", "nul", "long", "wide"],
)
def test_a_row_that_the_database_never_takes_is_put_aside_and_blocks_nothing(
    database: Database, journal: Path, caplog: pytest.LogCaptureFixture, poison: dict[str, Any]
) -> None:
    recorder = Recorder(database, journal)
    bad = make_record(**poison)
    good = [make_record() for _ in range(20)]
    for record in [*good[:7], bad, *good[7:]]:
        recorder.record(record)
    assert recorder.flush(10)
    recorder.record(later := make_record())
    assert recorder.flush(10)
    recorder.close()
    found = stored(database)
    assert {str(record.id) for record in [*good, later]} <= found
    if str(bad.id) in found:
        assert database.is_sqlite, "SQLite takes long strings, wide numbers and NUL"
        assert files(journal) == []
        return
    (rejected,) = files(journal)
    assert rejected.startswith("rejected/")
    line = (journal / rejected).read_bytes()
    assert str(bad.id).encode() in line
    assert line.endswith(b"\n")
    assert "put aside" in caplog.text
    assert "Who was it" not in caplog.text


def test_a_rejected_line_is_not_tried_again_at_the_next_start(database: Database, journal: Path) -> None:
    write_journal(journal, make_record(confidence=float("nan")).to_json() + b"\n")
    for _ in range(2):
        Recorder(database, journal).close()
    assert files(journal) == ["rejected/000000000001.jsonl"]
    assert (journal / files(journal)[0]).read_bytes().count(b"\n") == 1


def test_what_cannot_be_json_is_counted_and_fails_no_request(database: Database, journal: Path) -> None:
    recorder = Recorder(database, journal)
    recorder.record(make_record(prompt="\ud800"))
    recorder.record(make_record())
    assert recorder.flush()
    assert recorder.lost == 1
    assert counts(database)[0] == 1
    recorder.close()


class FullDisk(io.FileIO):
    """Takes half a line and then nothing more, as a full disk does."""

    is_full = False

    def write(self, line: Any) -> int:
        if FullDisk.is_full:
            super().write(line[: len(line) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(line)


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bool], None]]:
    monkeypatch.setattr("doyen_platform.decisions.journal.io.FileIO", FullDisk)

    def fill(is_full: bool) -> None:
        FullDisk.is_full = is_full

    yield fill
    fill(False)


def test_a_full_disk_fails_no_request_and_loses_nothing_while_the_database_is_there(
    database: Database, journal: Path, full_disk: Callable[[bool], None]
) -> None:
    recorder = Recorder(database, journal)
    records = [make_record() for _ in range(60)]
    for number, record in enumerate(records):
        full_disk(20 <= number < 40)
        recorder.record(record)
    assert recorder.flush(10)
    assert stored(database) == {str(record.id) for record in records}
    recorder.close()
    assert recorder.lost == 0
    assert files(journal) == []


def test_a_full_disk_and_no_database_hold_a_bounded_memory_and_tell_what_was_lost(
    away: AwayDatabase,
    journal: Path,
    full_disk: Callable[[bool], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    line = len(make_record().to_json()) + 1
    monkeypatch.setattr(recorder_module, "HELD_BYTES", 50 * line)
    recorder = Recorder(away, journal)
    away.away = True
    recorder.record(make_record())
    full_disk(True)
    for _ in range(80):
        recorder.record(make_record())
    assert recorder.lost == 30
    assert recorder.backlog() == 51
    assert "lost" in caplog.text
    full_disk(False)
    recorder.close()
    assert counts(away)[0] == 0
    away.away = False
    Recorder(away, journal).close()
    assert counts(away)[0] == 51


LIMITED = """
import resource, sys
from pathlib import Path
from doyen_platform.database.transactions import Database
from doyen_platform.decisions.recorder import Recorder
from tests.platform.decisions.conftest import make_record

recorder = Recorder(Database(sys.argv[1]), Path(sys.argv[2]))
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))
for _ in range(200):
    recorder.record(make_record(prompt="x" * 1000))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(recorder.flush(20), recorder.lost)
recorder.close()
"""


def test_a_system_that_refuses_to_write_is_outlived(database: Database, journal: Path) -> None:
    done = run_child(LIMITED, database.url, str(journal))
    assert done.stdout.split() == ["True", "0"], done.stderr
    assert counts(database)[0] == 200
    assert files(journal) == []
