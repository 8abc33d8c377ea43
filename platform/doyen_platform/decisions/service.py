"""Reading decisions, and judging them (feedback). Deciding again is in `replay`."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from doyen_platform.decisions.conditions import from_json
from doyen_platform.decisions.models import DecisionRow, ExecutionRow, Feedback
from doyen_platform.decisions.prompts import is_hash
from doyen_platform.experts.service import find_expert
from doyen_platform.gates.examples import ExampleOrigin, NewExample, add_examples
from doyen_platform.keys.access import Principal
from doyen_platform.routing.conversation import routing_text
from doyen_platform.tenants.service import get_tenant
from doyen_platform.tenants.storage import PromptStorage
from doyen_router.errors import Invalid, NotFound
from doyen_router.gate.decision import RouteReason


class DecisionNotFound(NotFound):
    code = "decision_not_found"

    def __init__(self, decision_id: uuid.UUID) -> None:
        super().__init__(f"no decision has the id {decision_id}")


def get_decision(session: Session, caller: Principal, decision_id: uuid.UUID) -> DecisionRow:
    row = session.get(DecisionRow, decision_id)
    if row is None or not caller.sees(row.tenant_id):
        raise DecisionNotFound(decision_id)
    return row


def executions_of(session: Session, decision_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[ExecutionRow]]:
    found: dict[uuid.UUID, list[ExecutionRow]] = {decision_id: [] for decision_id in decision_ids}
    query = select(ExecutionRow).where(ExecutionRow.decision_id.in_(decision_ids)).order_by(ExecutionRow.weight.desc())
    for row in session.scalars(query):
        found[row.decision_id].append(row)
    return found


def list_decisions(
    session: Session,
    caller: Principal,
    *,
    limit: int,
    after: uuid.UUID | None,
    newest_first: bool,
    expert: str | None,
    reason: RouteReason | None,
    since: dt.datetime | None,
    until: dt.datetime | None,
) -> list[DecisionRow]:
    """Pages by id, which is by time."""
    query = select(DecisionRow).options(defer(DecisionRow.features)).limit(limit)
    if caller.tenant is not None:
        query = query.where(DecisionRow.tenant_id == caller.tenant)
    if expert is not None:
        query = query.where(DecisionRow.expert == expert)
    if reason is not None:
        query = query.where(DecisionRow.reason == reason.value)
    if since is not None:
        query = query.where(DecisionRow.created_at >= since)
    if until is not None:
        query = query.where(DecisionRow.created_at < until)
    if after is not None:
        query = query.where(DecisionRow.id < after if newest_first else DecisionRow.id > after)
    return list(session.scalars(query.order_by(DecisionRow.id.desc() if newest_first else DecisionRow.id)))


def give_feedback(
    session: Session,
    caller: Principal,
    decision_id: uuid.UUID,
    *,
    verdict: str,
    expert: str | None,
    score: float | None,
    comment: str | None,
) -> tuple[Feedback, bool]:
    """Also makes a labelled example when the right expert is known and the tenant stores prompts in full.

    Returns the feedback, and whether an example was made.
    """
    decision = get_decision(session, caller, decision_id)
    right = expert or (decision.expert if verdict == "right" else None)
    labelled = False
    if right is not None:
        row = find_expert(session, right)
        if row is not None and not caller.sees(row.tenant_id):
            row = None
        if row is None and expert is not None:
            raise Invalid(f"no expert is called {right!r}", param="expert")
        stores_in_full = get_tenant(session, decision.tenant_id).prompt_storage == PromptStorage.FULL
        if row is not None and decision.prompt and stores_in_full and not is_hash(decision.prompt):
            example = NewExample(routing_text(decision.prompt), context=_learnable(decision))
            labelled = add_examples(session, row, [example], ExampleOrigin.FEEDBACK) == 1
    feedback = Feedback(
        decision_id=decision_id,
        tenant_id=decision.tenant_id,
        key_id=caller.key_id,
        verdict=verdict,
        expert=right,
        score=score,
        comment=comment,
    )
    session.add(feedback)
    session.flush()
    return feedback, labelled


def _learnable(decision: DecisionRow) -> dict[str, str]:
    """The context it was made with, but for the tenant: masks say whose experts a tenant has, and who gives feedback
    must not become a reason to choose an expert."""
    context = from_json(decision.conditions).context
    return {name: value for name, value in context.items() if name != "tenant"}
