"""Deciding again from what was stored: the same gate version, features, snapshot, policy, conditions and seed."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy.orm import Session

from doyen_platform.decisions import conditions as stored_conditions
from doyen_platform.decisions.context import address, from_json
from doyen_platform.decisions.models import DecisionRow, RoutingContext
from doyen_platform.decisions.sealing import Seal, SealBroken
from doyen_platform.gates.keeper import GateKeeper
from doyen_platform.policies.live import for_named
from doyen_platform.routing.service import without_strangers
from doyen_router.encoder.contract import Vector
from doyen_router.errors import DoyenError
from doyen_router.gate.decide import decide, pin
from doyen_router.gate.decision import Choice, Conditions, Policy, RouteReason, Snapshot
from doyen_router.gate.gate import Gate


@dataclass(frozen=True, slots=True)
class Replay:
    """`identical` is None when it cannot be replayed: `differences` says what is missing."""

    decision_id: uuid.UUID
    identical: bool | None
    recorded: list[str]
    replayed: list[str] | None
    differences: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Redecided:
    """`gate` and `features_F` are None for a decision that named its expert: no gate was asked."""

    choice: Choice
    policy: Policy
    conditions: Conditions
    gate: Gate | None
    features_F: Vector | None


class NotReplayable(DoyenError):
    """`missing` names each input that is gone or changed."""

    code = "not_replayable"

    def __init__(self, missing: list[str]) -> None:
        super().__init__("; ".join(missing))
        self.missing = missing


def redecide(session: Session, keeper: GateKeeper, seal: Seal, row: DecisionRow) -> Redecided:
    """Raises `NotReplayable`."""
    pinned = row.reason == RouteReason.PINNED
    missing: list[str] = []
    inputs = _context(session, row, missing)
    gate, features_F = (None, None) if pinned else _seen(keeper, seal, row, missing)
    if missing or inputs is None:
        raise NotReplayable(missing)
    policy, snapshot = inputs
    conditions = stored_conditions.from_json(row.conditions)
    try:
        if gate is None or features_F is None:
            choice = pin(str(row.expert), snapshot, for_named(policy), conditions)
        else:
            choice = decide(gate, features_F, snapshot, policy, row.seed, conditions)
    except DoyenError as error:
        raise NotReplayable([f"the inputs do not go together any more: {error}"]) from error
    return Redecided(without_strangers(choice, snapshot), policy, conditions, gate, features_F)


def replay(session: Session, keeper: GateKeeper, seal: Seal, row: DecisionRow) -> Replay:
    """The identical choice, or which input changed."""
    recorded = [str(expert) for expert, _, _ in row.chosen]
    try:
        choice = redecide(session, keeper, seal, row).choice
    except NotReplayable as error:
        return Replay(row.id, None, recorded, None, error.missing)
    differences = [
        f"{name}: recorded {before!r}, replayed {now!r}"
        for name, before, now in (
            ("chosen", [list(one) for one in row.chosen], [[c.expert, c.weight, c.propensity] for c in choice.chosen]),
            ("reason", row.reason, choice.reason.value),
            ("abstained", row.abstained, choice.abstained),
            ("confidence", row.confidence, choice.confidence),
            ("inside", row.inside, choice.inside),
            ("inside_floor", row.inside_floor, choice.inside_floor),
            ("probabilities", row.probabilities, dict(choice.probabilities)),
            ("adjustments", row.adjustments or [], [[a.name, a.expert, a.size] for a in choice.adjustments]),
            ("propensity", row.propensity, choice.propensity),
        )
        if before != now
    ]
    if differences:
        differences.append("all inputs are as recorded: the program that decides is another one")
    return Replay(row.id, not differences, recorded, choice.experts, differences)


def _context(session: Session, row: DecisionRow, missing: list[str]) -> tuple[Policy, Snapshot] | None:
    stored = session.get(RoutingContext, row.context_id) if row.context_id else None
    if stored is None:
        missing.append("policy and snapshot: the routing context is gone")
        return None
    if address(stored.body) != stored.id:
        missing.append("policy and snapshot: the routing context was altered")
        return None
    try:
        return from_json(stored.body)
    except (KeyError, TypeError) as error:
        missing.append(f"policy and snapshot: another version of Doyen wrote them: {error}")
        return None


def _seen(keeper: GateKeeper, seal: Seal, row: DecisionRow, missing: list[str]) -> tuple[Gate | None, Vector | None]:
    gate = features_F = None
    if row.features is None:
        missing.append("features: the tenant stores nothing of its prompts")
    else:
        try:
            features_F = np.frombuffer(seal.opened(row.id, row.features), "<f2").astype(np.float32)
        except SealBroken:
            missing.append("features: sealed with another key, or altered since")
    try:
        gate = keeper.gate(row.gate_version or "")
    except DoyenError as error:
        missing.append(f"gate version: {error}")
    if gate is not None and features_F is not None and len(features_F) != gate.dimensions:
        missing.append(f"features: {len(features_F)} numbers are stored, the gate takes {gate.dimensions}")
    return gate, features_F
