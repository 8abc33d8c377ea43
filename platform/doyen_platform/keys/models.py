"""API keys. Only a digest is kept: a stolen database opens nothing."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from doyen_platform.database.table import Id, Json, Table, UtcTime, new_id, utc_now


class Key(Table):
    __tablename__ = "keys"
    __table_args__ = (Index(None, "digest", unique=True),)

    id: Mapped[uuid.UUID] = mapped_column(Id, primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(200))
    tenant_id: Mapped[str | None] = mapped_column(ForeignKey("tenants.id"))  # None: acts for every tenant (admins only)
    scopes: Mapped[list[str]] = mapped_column(Json)
    hint: Mapped[str] = mapped_column(String(16))  # the first characters, so that people can tell keys apart
    digest: Mapped[str] = mapped_column(String(64))  # SHA-256 of the whole key
    created_at: Mapped[dt.datetime] = mapped_column(UtcTime, default=utc_now)
    expires_at: Mapped[dt.datetime | None] = mapped_column(UtcTime)
    revoked_at: Mapped[dt.datetime | None] = mapped_column(UtcTime)
