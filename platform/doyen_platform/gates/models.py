"""Versions of the gate, and the labelled examples that they learn from."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from doyen_platform.database.table import Id, Json, Table, UtcTime, new_id, utc_now


class GateVersion(Table):
    __tablename__ = "gate_versions"
    __table_args__ = (Index(None, "state"), Index(None, "version"))

    id: Mapped[uuid.UUID] = mapped_column(Id, primary_key=True, default=new_id)
    version: Mapped[str | None] = mapped_column(String(64))  # content address of the artifact; None while it is made
    parent: Mapped[str | None] = mapped_column(String(64))
    origin: Mapped[str] = mapped_column(String(16))  # trained, imprinted, sketched, pruned, completed
    state: Mapped[str] = mapped_column(String(16))  # see GateState
    reason: Mapped[str | None] = mapped_column(Text)
    card: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # Any: the artifact's card, as JSON
    created_at: Mapped[dt.datetime] = mapped_column(UtcTime, default=utc_now)
    promoted_at: Mapped[dt.datetime | None] = mapped_column(UtcTime)


class ExampleRow(Table):
    __tablename__ = "examples"
    __table_args__ = (Index(None, "expert_id", "sha256", unique=True), Index(None, "document_id"))

    id: Mapped[uuid.UUID] = mapped_column(Id, primary_key=True, default=new_id)
    expert_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("experts.id", ondelete="CASCADE"))
    document_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"))
    text: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
    fine_label: Mapped[str | None] = mapped_column(String(200))
    context: Mapped[dict[str, str] | None] = mapped_column(Json)  # named features of the request; null: none
    origin: Mapped[str] = mapped_column(String(16))  # see ExampleOrigin
    created_at: Mapped[dt.datetime] = mapped_column(UtcTime, default=utc_now)
