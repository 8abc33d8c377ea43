"""What the admin API takes and shows of documents."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from doyen_platform.database.storable import JsonObject
from doyen_platform.stores.states import DocumentState

MOST_CHARACTERS = 5_000_000

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"^[^\x00\r\n]*$")]
Question = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000, pattern=r"^[^\x00]*$")
]


class DocumentIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Line
    text: Annotated[str, StringConstraints(min_length=1, max_length=MOST_CHARACTERS)]
    source: Line | None = Field(default=None, description="what a citation points at: URL or path; unset: the title")
    metadata: JsonObject = Field(default_factory=dict, description="the owner's own")
    questions: list[Question] | None = Field(
        default=None, description="questions that it answers, for the gate; unset: made of its title and headings"
    )


class DocumentsIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    documents: list[DocumentIn] = Field(min_length=1, max_length=10_000)


class DocumentView(BaseModel):
    id: uuid.UUID
    title: str
    source: str
    media_type: str
    state: DocumentState
    reason: str | None
    attempts: int
    chunks: int
    characters: int
    created_at: dt.datetime
    updated_at: dt.datetime


class DocumentList(BaseModel):
    data: list[DocumentView]
    has_more: bool
    last_id: uuid.UUID | None


class DocumentsAdded(BaseModel):
    data: list[DocumentView]
    known_already: int = Field(description="documents that the store holds already, left as they are")
