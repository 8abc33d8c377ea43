"""What the admin API takes and shows of gate versions."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from doyen_platform.gates.states import GateState

Version = Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$")]


class TrainRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    promote: bool = Field(default=False, description="let it decide as soon as it is trained")


class GateView(BaseModel):
    id: uuid.UUID
    version: str | None
    parent: str | None
    origin: str
    state: GateState
    reason: str | None = Field(description="progress while it is trained, or why it failed")
    card: dict[str, Any]  # Any: the artifact's card: data, metrics, thresholds
    created_at: dt.datetime
    promoted_at: dt.datetime | None


class GateList(BaseModel):
    data: list[GateView]
    has_more: bool
    last_id: uuid.UUID | None
