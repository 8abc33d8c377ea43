"""One decision as it travels from the request to the database: plain values, JSON on the way. It knows no table."""

from __future__ import annotations

import base64
import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import orjson


@dataclass(frozen=True, slots=True)
class Execution:
    """One expert's part in answering. `state`: answered, not_found, failed, cancelled."""

    id: uuid.UUID
    expert: str
    weight: float
    state: str
    duration_ms: float
    error: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """`context` is the policy and snapshot of the decision and `context_id` its content hash (see `context`)."""

    id: uuid.UUID
    created_at: dt.datetime
    tenant_id: str
    key_id: uuid.UUID
    route: str
    requested_model: str
    gate_version: str | None
    context_id: str | None
    context: Mapping[str, Any] | None  # Any: JSON
    seed: int
    features: bytes | None  # sealed
    prompt: str | None
    reason: str
    abstained: bool
    expert: str | None
    chosen: list[tuple[str, float, float]]
    probabilities: Mapping[str, float]
    confidence: float
    inside: float
    inside_floor: float
    outcome: str
    error: str | None
    streamed: bool
    encode_ms: float
    decide_ms: float
    expert_ms: float
    total_ms: float
    executions: tuple[Execution, ...] = field(default=())
    # A journal of an older version has lines without these.
    conditions: Mapping[str, Any] | None = None  # Any: JSON
    adjustments: list[tuple[str, str, float]] = field(default_factory=list)
    propensity: float = 1.0
    session: str | None = None

    def to_json(self) -> bytes:
        return orjson.dumps(self, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY)

    @classmethod
    def from_json(cls, line: bytes) -> Self:
        """Raises ValueError for a line that was cut or altered."""
        values = orjson.loads(line)
        try:
            return cls._from_values(values)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a decision: {type(error).__name__}: {error}") from error

    @classmethod
    def _from_values(cls, values: dict[str, Any]) -> Self:  # Any: JSON
        values["id"] = uuid.UUID(values["id"])
        values["key_id"] = uuid.UUID(values["key_id"])
        values["created_at"] = dt.datetime.fromisoformat(values["created_at"])
        values["chosen"] = [tuple(one) for one in values["chosen"]]
        values["adjustments"] = [tuple(one) for one in values.get("adjustments", ())]
        if values["features"] is not None:
            values["features"] = base64.b64decode(values["features"], validate=True)
        values["executions"] = tuple(Execution(**{**one, "id": uuid.UUID(one["id"])}) for one in values["executions"])
        return cls(**values)

    def row(self) -> dict[str, Any]:  # Any: column values
        values = {name: getattr(self, name) for name in self.__slots__ if name not in ("context", "executions")}
        values["chosen"] = [list(one) for one in self.chosen]
        values["probabilities"] = dict(self.probabilities)
        values["conditions"] = dict(self.conditions) if self.conditions else None
        values["adjustments"] = [list(one) for one in self.adjustments] or None
        return values

    def execution_rows(self) -> list[dict[str, Any]]:  # Any: column values
        shared = {"decision_id": self.id, "created_at": self.created_at, "tenant_id": self.tenant_id}
        return [asdict(execution) | shared for execution in self.executions]


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)
