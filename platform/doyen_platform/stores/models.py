"""The documents of experts, and the chunks that are searched."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from doyen_platform.database.table import Id, Json, Table, UtcTime, new_id, utc_now


class DocumentRow(Table):
    __tablename__ = "documents"
    __table_args__ = (Index(None, "expert_id", "state"), Index(None, "expert_id", "sha256", unique=True))

    id: Mapped[uuid.UUID] = mapped_column(Id, primary_key=True, default=new_id)
    expert_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("experts.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    media_type: Mapped[str] = mapped_column(String(128))
    text: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))  # of title, source and text: the same document is kept once
    details: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # Any: the owner's own metadata
    state: Mapped[str] = mapped_column(String(16))  # see DocumentState
    reason: Mapped[str | None] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(default=0)
    chunk_count: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[dt.datetime] = mapped_column(UtcTime, default=utc_now)
    updated_at: Mapped[dt.datetime] = mapped_column(UtcTime, default=utc_now, onupdate=utc_now)


class ChunkRow(Table):
    """A chunk is a span of its document's text; the text itself is stored once, in the document."""

    __tablename__ = "chunks"
    __table_args__ = (Index(None, "document_id", "ordinal", unique=True), Index(None, "expert_id"))

    id: Mapped[uuid.UUID] = mapped_column(Id, primary_key=True, default=new_id)
    document_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"))
    expert_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("experts.id", ondelete="CASCADE"))
    ordinal: Mapped[int]
    chunk_key: Mapped[str] = mapped_column(String(64))  # the chunk's id in indexes and citations
    heading: Mapped[str] = mapped_column(Text)
    start: Mapped[int]
    end: Mapped[int]
    encoder: Mapped[str] = mapped_column(String(64))  # identity of the encoder that made the vector
    vector: Mapped[bytes] = mapped_column(LargeBinary)  # float32, little-endian, unit length
