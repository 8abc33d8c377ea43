"""Named routing policies, asked for as `auto:<name>`."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from doyen_platform.database.table import Json, Table, UtcTime, utc_now


class PolicyRow(Table):
    __tablename__ = "policies"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    tenant_id: Mapped[str | None] = mapped_column(ForeignKey("tenants.id"))  # None: for all tenants
    body: Mapped[dict[str, Any]] = mapped_column(Json)  # Any: a PolicyBody, validated before it is stored
    updated_at: Mapped[dt.datetime] = mapped_column(UtcTime, default=utc_now, onupdate=utc_now)
