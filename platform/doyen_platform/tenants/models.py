"""Tenants: whose keys, experts and decisions are whose."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from doyen_platform.database.table import Table, UtcTime, utc_now

DEFAULT_TENANT = "default"


class Tenant(Table):
    __tablename__ = "tenants"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)  # a slug, chosen by the admin
    title: Mapped[str] = mapped_column(String(200))
    prompt_storage: Mapped[str] = mapped_column(String(16))  # see PromptStorage
    created_at: Mapped[dt.datetime] = mapped_column(UtcTime, default=utc_now)
