"""What the analytics API shows."""

from __future__ import annotations

import datetime as dt

from pydantic import BaseModel, Field


class Percentiles(BaseModel):
    p50: float
    p95: float
    p99: float


class ExpertSummary(BaseModel):
    expert: str
    decisions: int
    share: float = Field(description="of all decisions in the window")
    confidence: float = Field(description="mean")
    not_found: int
    failed: int
    duration_ms: Percentiles | None
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float


class Summary(BaseModel):
    since: dt.datetime
    until: dt.datetime
    tenant: str | None = Field(description="null: all tenants")
    decisions: int
    abstained: int
    abstention_rate: float
    failed: int
    confidence: float | None = Field(description="mean over the decisions that did not abstain")
    total_ms: Percentiles | None
    reasons: dict[str, int]
    experts: list[ExpertSummary]
