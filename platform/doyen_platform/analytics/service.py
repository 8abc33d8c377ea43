"""Sums over decisions and executions in a window of time, for one tenant or all."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from doyen_platform.analytics.schemas import ExpertSummary, Percentiles, Summary
from doyen_platform.decisions.models import DecisionRow, ExecutionRow

Row = type[DecisionRow] | type[ExecutionRow]


@dataclass(frozen=True, slots=True)
class Window:
    """From `since` until before `until`; `tenant` None is all tenants."""

    since: dt.datetime
    until: dt.datetime
    tenant: str | None

    def covers(self, row: Row) -> list[ColumnElement[bool]]:
        conditions = [row.created_at >= self.since, row.created_at < self.until]
        return conditions if self.tenant is None else [*conditions, row.tenant_id == self.tenant]


def summarise(session: Session, window: Window) -> Summary:
    totals = select(
        func.count(),
        _count_if(DecisionRow.abstained),
        _count_if(DecisionRow.outcome == "failed"),
        func.avg(case((DecisionRow.abstained, None), else_=DecisionRow.confidence)),
    ).where(*window.covers(DecisionRow))
    count, abstained, failed, confidence = session.execute(totals).one()
    reasons = select(DecisionRow.reason, func.count()).where(*window.covers(DecisionRow)).group_by(DecisionRow.reason)
    return Summary(
        since=window.since,
        until=window.until,
        tenant=window.tenant,
        decisions=count,
        abstained=abstained,
        abstention_rate=abstained / count if count else 0.0,
        failed=failed,
        confidence=confidence,
        total_ms=_percentiles(session, window, DecisionRow, DecisionRow.total_ms, None).get(None),
        reasons={reason: times for reason, times in session.execute(reasons)},
        experts=_experts(session, window, count),
    )


def _experts(session: Session, window: Window, decisions: int) -> list[ExpertSummary]:
    chosen = (
        select(DecisionRow.expert, func.count(), func.avg(DecisionRow.confidence))
        .where(DecisionRow.expert.is_not(None), *window.covers(DecisionRow))
        .group_by(DecisionRow.expert)
    )
    by_expert = {expert: (count, confidence) for expert, count, confidence in session.execute(chosen) if expert}
    worked = (
        select(
            ExecutionRow.expert,
            _count_if(ExecutionRow.state == "not_found").label("not_found"),
            _count_if(ExecutionRow.state == "failed").label("failed"),
            func.sum(ExecutionRow.prompt_tokens).label("read"),
            func.sum(ExecutionRow.completion_tokens).label("written"),
            func.sum(ExecutionRow.cost_usd).label("cost"),
        )
        .where(*window.covers(ExecutionRow))
        .group_by(ExecutionRow.expert)
    )
    work = {row.expert: row for row in session.execute(worked)}
    durations = _percentiles(session, window, ExecutionRow, ExecutionRow.duration_ms, ExecutionRow.expert)
    summaries = []
    for expert in by_expert.keys() | work.keys():
        count, confidence = by_expert.get(expert, (0, 0.0))
        done = work.get(expert)
        summaries.append(
            ExpertSummary(
                expert=expert,
                decisions=count,
                share=count / decisions if decisions else 0.0,
                confidence=confidence,
                not_found=done.not_found if done else 0,
                failed=done.failed if done else 0,
                duration_ms=durations.get(expert),
                prompt_tokens=done.read if done else 0,
                completion_tokens=done.written if done else 0,
                cost_usd=done.cost if done else 0.0,
            )
        )
    return sorted(summaries, key=lambda summary: (-summary.decisions, summary.expert))


def _count_if(condition: ColumnElement[bool] | InstrumentedAttribute[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _percentiles(
    session: Session,
    window: Window,
    row: Row,
    value: InstrumentedAttribute[float],
    group: InstrumentedAttribute[str] | None,
) -> dict[str | None, Percentiles]:
    """Nearest rank, by window functions that both databases have. Without a group, under the key None."""
    name = group if group is not None else func.coalesce(None, "")
    ranked = (
        select(
            name.label("name"),
            value.label("value"),
            func.row_number().over(partition_by=group, order_by=value).label("rank"),
            func.count().over(partition_by=group).label("count"),
        )
        .where(*window.covers(row))
        .subquery()
    )

    def at(share: float) -> ColumnElement[float]:
        return func.min(case((ranked.c.rank >= share * ranked.c.count, ranked.c.value)))

    query = select(ranked.c.name, at(0.50), at(0.95), at(0.99)).group_by(ranked.c.name)
    return {
        (None if group is None else name): Percentiles(p50=p50, p95=p95, p99=p99)
        for name, p50, p95, p99 in session.execute(query)
    }
