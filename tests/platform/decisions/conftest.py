"""Decisions to record, and databases to put them in."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from doyen_platform.database.migrations import upgrade
from doyen_platform.database.table import new_id
from doyen_platform.database.transactions import Database, DatabaseUnavailable
from doyen_platform.decisions import recorder as recorder_module
from doyen_platform.decisions.models import DecisionRow, ExecutionRow, RoutingContext
from doyen_platform.decisions.record import DecisionRecord, Execution

REPOSITORY = Path(__file__).parents[3]


def make_record(**more: Any) -> DecisionRecord:  # Any: its fields
    values: dict[str, Any] = {
        "id": new_id(),
        "created_at": dt.datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=dt.UTC),
        "tenant_id": "default",
        "key_id": new_id(),
        "route": "chat.completions",
        "requested_model": "auto",
        "gate_version": "g1",
        "context_id": "c" * 64,
        "context": {"policy": {"name": "default"}, "snapshot": {"candidates": []}},
        "seed": 2**31 - 1,
        "features": b"\x00\x01\xff" * 8,
        "prompt": "Who was it? \u00fc \U0001f600",
        "reason": "gate",
        "abstained": False,
        "expert": "history",
        "chosen": [("history", 1.0, 1.0)],
        "probabilities": {"history": 0.75, "music": 0.25},
        "confidence": 0.75,
        "inside": 0.5,
        "inside_floor": 0.1,
        "outcome": "answered",
        "error": None,
        "streamed": False,
        "encode_ms": 1.5,
        "decide_ms": 0.25,
        "expert_ms": 20.0,
        "total_ms": 22.0,
        "executions": (Execution(new_id(), "history", 1.0, "answered", 20.0, None, 5, 7, 0.001),),
    }
    return DecisionRecord(**(values | more))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Each of the two databases, migrated."""
    made = Database(database_url)
    upgrade(made)
    yield made
    made.close()


class AwayDatabase(Database):
    """Can be taken away."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.away = False
        self.tries = 0

    @contextlib.contextmanager
    def write(self) -> Iterator[Any]:
        self.tries += 1
        if self.away:
            raise DatabaseUnavailable
        with super().write() as session:
            yield session


@pytest.fixture
def away(database_url: str) -> Iterator[AwayDatabase]:
    made = AwayDatabase(database_url)
    upgrade(made)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "RETRY_SECONDS", 0.05)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def counts(database: Database) -> tuple[int, int, int]:
    with database.read() as session:
        tables = (DecisionRow, ExecutionRow, RoutingContext)
        decisions, executions, contexts = (session.scalar(select(func.count()).select_from(table)) for table in tables)
    return decisions or 0, executions or 0, contexts or 0


def stored(database: Database) -> set[str]:
    with database.read() as session:
        return {str(found) for found in session.scalars(select(DecisionRow.id))}


def files(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def write_journal(directory: Path, *lines: bytes, number: int = 1) -> None:
    directory.mkdir(exist_ok=True)
    (directory / f"{number:012d}.jsonl").write_bytes(b"".join(lines))


def run_child(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
