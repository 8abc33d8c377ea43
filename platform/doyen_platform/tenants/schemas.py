"""What the admin API takes and shows of tenants."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from doyen_platform.tenants.storage import PromptStorage

TenantName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Title = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


class TenantCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: TenantName
    title: Title
    prompt_storage: PromptStorage = PromptStorage.HASH


class TenantPatch(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Title | None = None
    prompt_storage: PromptStorage | None = None


class TenantView(BaseModel):
    id: str
    title: str
    prompt_storage: PromptStorage
    created_at: dt.datetime


class TenantList(BaseModel):
    data: list[TenantView]
