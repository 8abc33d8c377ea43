"""What was decided and what came of it. Append-only, without foreign keys: writing never waits, old days can go."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from doyen_platform.database.table import Id, Json, Table, UtcTime, new_id, utc_now


class RoutingContext(Table):
    """Policy and registry snapshot of decisions: the same for thousands of them, so stored once by content."""

    __tablename__ = "routing_contexts"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256 of the body
    body: Mapped[dict[str, Any]] = mapped_column(Json)  # Any: {policy, snapshot}, see decisions/context.py


class DecisionRow(Table):
    __tablename__ = "decisions"
    __table_args__ = (Index(None, "tenant_id", "id"), Index(None, "created_at"))

    id: Mapped[uuid.UUID] = mapped_column(Id, primary_key=True)
    created_at: Mapped[dt.datetime] = mapped_column(UtcTime)
    tenant_id: Mapped[str] = mapped_column(String(64))
    key_id: Mapped[uuid.UUID] = mapped_column(Id)
    route: Mapped[str] = mapped_column(String(64))
    requested_model: Mapped[str] = mapped_column(String(200))
    gate_version: Mapped[str | None] = mapped_column(String(64))
    context_id: Mapped[str | None] = mapped_column(String(64))
    seed: Mapped[int]
    features: Mapped[bytes | None] = mapped_column(LargeBinary)  # float16 vector that the gate saw, sealed
    prompt: Mapped[str | None] = mapped_column(Text)  # as the tenant chose: nothing, a hash, redacted, or full
    reason: Mapped[str] = mapped_column(String(32))
    abstained: Mapped[bool]
    expert: Mapped[str | None] = mapped_column(String(64))  # the first chosen; None when nobody was
    chosen: Mapped[list[Any]] = mapped_column(Json)  # Any: [[expert, weight, propensity], ...]
    probabilities: Mapped[dict[str, float]] = mapped_column(Json)
    confidence: Mapped[float]
    inside: Mapped[float]
    inside_floor: Mapped[float]
    conditions: Mapped[dict[str, Any] | None] = mapped_column(Json)  # Any: see decisions/conditions.py; null: none
    adjustments: Mapped[list[Any] | None] = mapped_column(Json)  # Any: [[name, expert, size], ...]; null: none
    propensity: Mapped[float] = mapped_column(server_default="1")  # of just this set of experts
    session: Mapped[str | None] = mapped_column(String(160))  # given:<id> or derived:<hash>
    outcome: Mapped[str] = mapped_column(String(16))  # answered, not_found, abstained, failed, cancelled
    error: Mapped[str | None] = mapped_column(String(64))
    streamed: Mapped[bool]
    encode_ms: Mapped[float]
    decide_ms: Mapped[float]
    expert_ms: Mapped[float]
    total_ms: Mapped[float]


class ExecutionRow(Table):
    __tablename__ = "executions"
    __table_args__ = (Index(None, "decision_id"), Index(None, "created_at"))

    id: Mapped[uuid.UUID] = mapped_column(Id, primary_key=True)
    decision_id: Mapped[uuid.UUID] = mapped_column(Id)
    created_at: Mapped[dt.datetime] = mapped_column(UtcTime)
    tenant_id: Mapped[str] = mapped_column(String(64))
    expert: Mapped[str] = mapped_column(String(64))
    weight: Mapped[float]
    state: Mapped[str] = mapped_column(String(16))  # answered, not_found, failed, cancelled
    error: Mapped[str | None] = mapped_column(String(64))
    duration_ms: Mapped[float]
    prompt_tokens: Mapped[int]
    completion_tokens: Mapped[int]
    cost_usd: Mapped[float]


class Feedback(Table):
    __tablename__ = "feedback"
    __table_args__ = (Index(None, "decision_id"),)

    id: Mapped[uuid.UUID] = mapped_column(Id, primary_key=True, default=new_id)
    decision_id: Mapped[uuid.UUID] = mapped_column(Id)
    tenant_id: Mapped[str] = mapped_column(String(64))
    key_id: Mapped[uuid.UUID] = mapped_column(Id)
    verdict: Mapped[str] = mapped_column(String(16))  # right, wrong
    expert: Mapped[str | None] = mapped_column(String(64))  # who should have answered
    score: Mapped[float | None]
    comment: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[dt.datetime] = mapped_column(UtcTime, default=utc_now)
