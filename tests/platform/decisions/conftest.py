"""Decisions to record, and databases to put them in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from doyen_platform.database.migrations import upgrade
from doyen_platform.database.table import new_id
from doyen_platform.database.transactions import Database
from doyen_platform.decisions.record import DecisionRecord, Execution

Make = Callable[..., DecisionRecord]


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
