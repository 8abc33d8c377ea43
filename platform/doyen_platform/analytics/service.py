"""Sums over decisions and executions in a window of time, for one tenant or all."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from doyen_platform.analytics.schemas import ExpertSummary, Percentiles, Summary
from doyen_platform.decisions.models import DecisionRow, ExecutionRow

Row = type[DecisionRow] | type[ExecutionRow]


def summarise(session: Session, *, tenant: str | None, since: dt.datetime, until: dt.datetime) -> Summary:
    def window(query: Any, row: Row) -> Any:  # Any: whatever columns the query has
        query = query.where(row.created_at >= since, row.created_at < until)
        return query if tenant is None else query.where(row.tenant_id == tenant)

    abstained = func.sum(case((DecisionRow.abstained, 1), else_=0))
    failed = func.sum(case((DecisionRow.outcome == "failed", 1), else_=0))
    sure = func.avg(case((DecisionRow.abstained, None), else_=DecisionRow.confidence))
    count, abstentions, failures, confidence = session.execute(
        window(select(func.count(), abstained, failed, sure), DecisionRow)
    ).one()
    reasons = window(select(DecisionRow.reason, func.count()), DecisionRow).group_by(DecisionRow.reason)
    return Summary(
        since=since,
        until=until,
        tenant=tenant,
        decisions=count,
        abstained=abstentions or 0,
        abstention_rate=(abstentions or 0) / count if count else 0.0,
        failed=failures or 0,
        confidence=confidence,
        total_ms=_percentiles(session, window, DecisionRow, DecisionRow.total_ms, None).get(None),
        reasons=dict(session.execute(reasons).tuples().all()),
        experts=_experts(session, window, count),
    )


def _experts(session: Session, window: Any, decisions: int) -> list[ExpertSummary]:  # Any: a closure over the window
    chosen = window(select(DecisionRow.expert, func.count(), func.avg(DecisionRow.confidence)), DecisionRow)
    by_expert = {
        expert: (count, confidence)
        for expert, count, confidence in session.execute(
            chosen.where(DecisionRow.expert.is_not(None)).group_by(DecisionRow.expert)
        )
    }
    worked = window(
        select(
            ExecutionRow.expert,
            func.sum(case((ExecutionRow.state == "not_found", 1), else_=0)),
            func.sum(case((ExecutionRow.state == "failed", 1), else_=0)),
            func.sum(ExecutionRow.prompt_tokens),
            func.sum(ExecutionRow.completion_tokens),
            func.sum(ExecutionRow.cost_usd),
        ),
        ExecutionRow,
    ).group_by(ExecutionRow.expert)
    work = {expert: sums for expert, *sums in session.execute(worked)}
    durations = _percentiles(session, window, ExecutionRow, ExecutionRow.duration_ms, ExecutionRow.expert)
    summaries = []
    for expert in sorted(by_expert.keys() | work.keys()):
        count, confidence = by_expert.get(expert, (0, 0.0))
        not_found, failed, read, written, cost = work.get(expert, (0, 0, 0, 0, 0.0))
        summaries.append(
            ExpertSummary(
                expert=expert,
                decisions=count,
                share=count / decisions if decisions else 0.0,
                confidence=confidence,
                not_found=not_found,
                failed=failed,
                duration_ms=durations.get(expert),
                prompt_tokens=read,
                completion_tokens=written,
                cost_usd=cost,
            )
        )
    return sorted(summaries, key=lambda summary: -summary.decisions)


def _percentiles(
    session: Session,
    window: Any,  # Any: a closure over the window
    row: Row,
    value: InstrumentedAttribute[float],
    group: InstrumentedAttribute[str] | None,
) -> dict[str | None, Percentiles]:
    """Nearest rank, by window functions that both databases have."""
    ranked = window(
        select(
            (group if group is not None else func.coalesce(None, "")).label("name"),
            value.label("value"),
            func.row_number().over(partition_by=group, order_by=value).label("rank"),
            func.count().over(partition_by=group).label("count"),
        ),
        row,
    ).subquery()

    def at(share: float) -> Any:  # Any: an SQL expression
        return func.min(case((ranked.c.rank >= share * ranked.c.count, ranked.c.value)))

    query = select(ranked.c.name, at(0.50), at(0.95), at(0.99)).group_by(ranked.c.name)
    return {
        (None if group is None else name): Percentiles(p50=p50, p95=p95, p99=p99)
        for name, p50, p95, p99 in session.execute(query)
    }
