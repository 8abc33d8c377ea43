"""Who changed what."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from doyen_platform.database.table import Id, Json, Table, UtcTime, new_id, utc_now


class AuditRow(Table):
    __tablename__ = "audit"
    __table_args__ = (Index(None, "subject"),)

    id: Mapped[uuid.UUID] = mapped_column(Id, primary_key=True, default=new_id)
    created_at: Mapped[dt.datetime] = mapped_column(UtcTime, default=utc_now)
    key_id: Mapped[uuid.UUID | None] = mapped_column(Id)  # None: the platform itself
    tenant_id: Mapped[str | None] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(200))
    details: Mapped[dict[str, Any]] = mapped_column(
        Json, default=dict
    )  # Any: what the action says of itself; no secrets
