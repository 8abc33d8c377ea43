"""`/v1/routing/decisions`, feedback, and replay."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, status

from doyen_platform.composition import Platform
from doyen_platform.database.storable import Moment
from doyen_platform.decisions import service
from doyen_platform.decisions.replay import NotReplayable, redecide, replay
from doyen_platform.decisions.schemas import (
    DecisionList,
    ExplainedDecision,
    FeedbackRequest,
    FeedbackView,
    ReplayView,
    decision_view,
)
from doyen_platform.experts.schemas import ExpertName
from doyen_platform.keys.access import Admin, App
from doyen_platform.routing.explaining import what_spoke
from doyen_platform.routing.schemas import grounds
from doyen_platform.web.reference import OPENAI_ERRORS, problems
from doyen_router.gate.decision import RouteReason

router = APIRouter(prefix="/v1/routing", tags=["routing"])
admin_router = APIRouter(prefix="/admin/decisions", tags=["admin: gates"])


@router.get("/decisions", operation_id="listDecisions", responses=OPENAI_ERRORS)
def list_decisions(
    request: Request,
    caller: App,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: uuid.UUID | None = None,
    order: Literal["asc", "desc"] = "desc",
    expert: Annotated[ExpertName | None, Query()] = None,
    reason: RouteReason | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
) -> DecisionList:
    """The tenant's decisions, newest first. The next page is `after=<last_id>`."""
    platform: Platform = request.app.state.platform
    platform.recorder.flush()
    with platform.database.read() as session:
        rows = service.list_decisions(
            session,
            caller,
            limit=limit + 1,
            after=after,
            newest_first=order == "desc",
            expert=expert,
            reason=reason,
            since=since,
            until=until,
        )
        page = rows[:limit]
        executions = service.executions_of(session, [row.id for row in page])
        data = [decision_view(row, executions[row.id]) for row in page]
    return DecisionList(
        data=data,
        first_id=data[0].id if data else None,
        last_id=data[-1].id if data else None,
        has_more=len(rows) > limit,
    )


@router.get("/decisions/{decision_id}", operation_id="getDecision", responses=OPENAI_ERRORS)
def get_decision(request: Request, caller: App, decision_id: uuid.UUID) -> ExplainedDecision:
    """What was decided, what came of it, and why: the latter by deciding again from what was stored."""
    platform: Platform = request.app.state.platform
    platform.recorder.flush()
    with platform.database.read() as session:
        row = service.get_decision(session, caller, decision_id)
        view = decision_view(row, service.executions_of(session, [row.id])[row.id]).model_dump()
        try:
            again = redecide(session, platform.keeper, platform.seal, row)
        except NotReplayable as error:
            return ExplainedDecision(**view, unexplained=error.missing)
        spoke = what_spoke(
            session,
            caller,
            again.gate,
            again.features_F,
            again.choice,
            again.policy,
            again.conditions,
            current=platform.keeper.current,
        )
    choice = again.choice
    return ExplainedDecision(**view, runner_up=choice.runner_up, masked=dict(choice.masked), grounds=grounds(spoke))


@router.post("/feedback", operation_id="giveFeedback", status_code=status.HTTP_201_CREATED, responses=OPENAI_ERRORS)
def give_feedback(request: Request, caller: App, body: FeedbackRequest) -> FeedbackView:
    """Says whether a decision was right, and who should have answered."""
    platform: Platform = request.app.state.platform
    platform.recorder.flush()
    with platform.database.write() as session:
        row, labelled = service.give_feedback(
            session,
            caller,
            body.decision_id,
            verdict=body.verdict,
            expert=body.expert,
            score=body.score,
            comment=body.comment,
        )
        return FeedbackView(
            id=row.id,
            decision_id=row.decision_id,
            verdict=row.verdict,
            expert=row.expert,
            score=row.score,
            comment=row.comment,
            became_example=labelled,
            created_at=row.created_at,
        )


@admin_router.post("/{decision_id}/replay", operation_id="replayDecision", responses=problems(404))
def replay_decision(request: Request, caller: Admin, decision_id: uuid.UUID) -> ReplayView:
    """Decides again from what was stored, and tells whether the choice is the same."""
    platform: Platform = request.app.state.platform
    platform.recorder.flush()
    with platform.database.read() as session:
        row = service.get_decision(session, caller, decision_id)
        done = replay(session, platform.keeper, platform.seal, row)
    return ReplayView(
        decision_id=done.decision_id,
        identical=done.identical,
        recorded=done.recorded,
        replayed=done.replayed,
        differences=done.differences,
    )
