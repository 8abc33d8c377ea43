"""What of the gate's material spoke for a choice, as far as the caller may read it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from doyen_platform.experts.models import ExpertRow
from doyen_platform.gates.examples import ExampleOrigin
from doyen_platform.gates.models import ExampleRow
from doyen_platform.keys.access import Principal
from doyen_router.encoder.contract import Vector
from doyen_router.gate.decision import Choice, Conditions, Policy
from doyen_router.gate.explanation import Candidacy, Likeness, explain
from doyen_router.gate.gate import Gate

NEAREST = 3


@dataclass(frozen=True, slots=True)
class Spoke:
    """Empty when no gate was asked, or it knew nobody who could be chosen."""

    candidates: Sequence[Candidacy] = ()
    examples: Sequence[Likeness] = ()
    passages: Sequence[Likeness] = ()


def what_spoke(
    session: Session,
    caller: Principal,
    gate: Gate | None,
    features_F: Vector | None,
    choice: Choice,
    policy: Policy,
    conditions: Conditions,
    *,
    current: Gate,
) -> Spoke:
    """For people, off the request path: it reads the database. `current` is the gate that decides now.

    An old gate still holds texts that were deleted since: none of them is shown.
    """
    if gate is None or features_F is None or not choice.probabilities:
        return Spoke()
    rows = session.scalars(select(ExpertRow).where(ExpertRow.name.in_(list(choice.probabilities))))
    experts = {row.name: row for row in rows if caller.sees(row.tenant_id)}
    told = explain(
        gate,
        features_F,
        choice,
        context=conditions.context,
        evidence=policy.evidence,
        only=experts.keys(),
        count=NEAREST,
    )
    held = {name: set(current.passage_texts(name)) for name in experts if name in current.experts}
    return Spoke(
        told.candidates,
        _readable(session, caller, experts, told.examples),
        [one for one in told.passages if one.text in held.get(one.expert, ())],
    )


def _readable(
    session: Session, caller: Principal, experts: dict[str, ExpertRow], examples: Sequence[Likeness]
) -> list[Likeness]:
    """Those that the registry holds. Of a shared expert, only the platform reads what feedback made of prompts."""
    digests = {hashlib.sha256(one.text.encode(errors="surrogatepass")).hexdigest() for one in examples}
    query = (
        select(ExpertRow, ExampleRow.text, ExampleRow.origin)
        .join(ExpertRow, ExpertRow.id == ExampleRow.expert_id)
        .where(ExpertRow.name.in_(experts), ExampleRow.sha256.in_(digests))
    )
    known = {(row.name, row.current.description) for row in experts.values()}
    known |= {
        (row.name, text)
        for row, text, origin in session.execute(query)
        if origin != ExampleOrigin.FEEDBACK or caller.owns(row.tenant_id)
    }
    return [one for one in examples if (one.expert, one.text) in known]
