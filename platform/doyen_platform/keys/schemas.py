"""What the admin API takes and shows of keys."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from doyen_platform.database.storable import Moment
from doyen_platform.keys.scopes import Scope
from doyen_platform.tenants.schemas import TenantName


class KeyCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
    scopes: Annotated[list[Scope], Field(min_length=1)] = [Scope.APP]
    tenant: TenantName | None = Field(
        default=None, description="unset: the caller's own, or `default`; null: acts for all tenants, admin keys only"
    )
    expires_at: Moment | None = None


class KeyView(BaseModel):
    id: uuid.UUID
    name: str
    tenant: str | None
    scopes: list[Scope]
    hint: str = Field(description="how the key begins")
    created_at: dt.datetime
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None


class KeyCreated(KeyView):
    key: str = Field(description="shown this once; only its digest is kept")


class KeyList(BaseModel):
    data: list[KeyView]
