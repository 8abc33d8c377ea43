"""Experts and their versions, as admins registered them."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from doyen_platform.database.table import Id, Json, Table, UtcTime, new_id, utc_now


class ExpertRow(Table):
    __tablename__ = "experts"
    __table_args__ = (Index(None, "name", unique=True),)

    id: Mapped[uuid.UUID] = mapped_column(Id, primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(64))
    tenant_id: Mapped[str | None] = mapped_column(ForeignKey("tenants.id"))  # None: shared by all tenants
    state: Mapped[str] = mapped_column(String(16))  # see ExpertState
    state_reason: Mapped[str | None] = mapped_column(Text)
    is_generalist: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int] = mapped_column(default=1)  # the one that serves
    store_generation: Mapped[str | None] = mapped_column(String(128))  # directory name of the generation that serves
    created_at: Mapped[dt.datetime] = mapped_column(UtcTime, default=utc_now)
    updated_at: Mapped[dt.datetime] = mapped_column(UtcTime, default=utc_now, onupdate=utc_now)

    versions: Mapped[list[ExpertVersion]] = relationship(
        back_populates="expert", order_by="ExpertVersion.version", cascade="all, delete-orphan", passive_deletes=True
    )

    @property
    def current(self) -> ExpertVersion:
        return next(version for version in self.versions if version.version == self.version)


class ExpertVersion(Table):
    __tablename__ = "expert_versions"
    __table_args__ = (UniqueConstraint("expert_id", "version"),)

    id: Mapped[uuid.UUID] = mapped_column(Id, primary_key=True, default=new_id)
    expert_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("experts.id", ondelete="CASCADE"))
    version: Mapped[int]
    kind: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text)
    config: Mapped[dict[str, Any]] = mapped_column(Json)  # Any: each kind has its own, validated before it is stored
    group_path: Mapped[str | None] = mapped_column(String(200))  # "law/contracts", from the top
    region: Mapped[str | None] = mapped_column(String(32))
    data_classes: Mapped[list[str] | None] = mapped_column(Json)  # None: all
    price_request_usd: Mapped[float] = mapped_column(default=0.0, server_default="0")
    price_thousand_tokens_usd: Mapped[float] = mapped_column(default=0.0, server_default="0")
    created_at: Mapped[dt.datetime] = mapped_column(UtcTime, default=utc_now)

    expert: Mapped[ExpertRow] = relationship(back_populates="versions")
