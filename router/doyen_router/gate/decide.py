"""The decision: a pure function of gate, features, snapshot, policy, seed and conditions; replayable bit for bit.

Masks first; then the gate judges, and may abstain; then adjustments and exploration move who is chosen, never weights;
then the masks once more. Legend: F features, E experts of the gate, K those that may be chosen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from doyen_router.encoder.contract import Vector
from doyen_router.errors import Invalid, NotFound
from doyen_router.gate.baselines import BASELINES, baseline
from doyen_router.gate.decision import (
    NO_CONDITIONS,
    Adjustment,
    Candidate,
    Choice,
    Chosen,
    Conditions,
    Policy,
    RouteReason,
    Snapshot,
)
from doyen_router.gate.gate import Gate
from doyen_router.gate.masks import NOT_A_CANDIDATE, UNKNOWN_TO_GATE, check_masks, mask_reason, masks
from doyen_router.gate.picking import Allowed, adjustments_of, picked


class ExpertNotCandidate(NotFound):
    def __init__(self, name: str, reason: str | None = None) -> None:
        super().__init__(f"no expert {name!r} may be asked" + (f": {reason}" if reason else ""))
        self.reason = reason


class VectorMismatch(Invalid):
    def __init__(self, found: tuple[int, ...], expected: int) -> None:
        super().__init__(f"the gate takes a vector of {expected} numbers, this one has the shape {found}")


class FeaturesNotFinite(Invalid):
    def __init__(self) -> None:
        super().__init__("the features hold numbers that are not finite: encode the text again", param="features")


def decide(
    gate: Gate | None,
    features_F: Vector,
    snapshot: Snapshot,
    policy: Policy,
    seed: int = 0,
    conditions: Conditions = NO_CONDITIONS,
) -> Choice:
    """Never raises for lack of an expert: `chosen` is then empty. `seed` is for policies that explore, and `random`.

    Raises `VectorMismatch` and `FeaturesNotFinite` for features that the gate cannot judge.
    """
    masked = masks(snapshot, policy, conditions)
    if policy.selection in BASELINES:
        choice = _baseline(features_F, snapshot, policy, seed, conditions, masked)
    elif gate is None:
        choice = _abstained(RouteReason.NO_GATE, snapshot, policy, masked)
    else:
        choice = _by_gate(gate, features_F, snapshot, policy, seed, conditions, masked)
    check_masks(choice.experts, snapshot, policy, conditions)
    return choice


def snapshot_of(gate: Gate, generalist: str | None = None) -> Snapshot:
    """All experts of the gate, none masked: the snapshot of a caller who has no registry."""
    names = sorted({*gate.experts, *({generalist} if generalist else set[str]())})
    return Snapshot(tuple(Candidate(name) for name in names), generalist)


def pin(
    expert: str, snapshot: Snapshot, policy: Policy | None = None, conditions: Conditions = NO_CONDITIONS
) -> Choice:
    """The caller named the expert. Every mask holds all the same: raises `ExpertNotCandidate` when one applies."""
    candidate = next((candidate for candidate in snapshot.candidates if candidate.name == expert), None)
    reason = None if candidate is None else mask_reason(candidate, policy or Policy(), conditions)
    if candidate is None or reason is not None:
        raise ExpertNotCandidate(expert, reason)
    return Choice(
        chosen=(Chosen(expert, 1.0),),
        probabilities={expert: 1.0},
        masked={},
        confidence=1.0,
        inside=1.0,
        inside_floor=0.0,
        abstained=False,
        reason=RouteReason.PINNED,
    )


def _by_gate(
    gate: Gate,
    features_F: Vector,
    snapshot: Snapshot,
    policy: Policy,
    seed: int,
    conditions: Conditions,
    masked: dict[str, str],
) -> Choice:
    if features_F.shape != (gate.dimensions,):
        raise VectorMismatch(features_F.shape, gate.dimensions)
    allowed, masked = _allowed(gate, snapshot, masked)
    if not allowed.names:
        return _abstained(RouteReason.NO_EXPERT, snapshot, policy, masked)
    judgement = gate.judge(features_F, conditions.context, evidence=policy.evidence)
    logits_K = judgement.logits_E if allowed.places is None else judgement.logits_E[allowed.places]
    shares_K = gate.shares(logits_K, allowed.places)
    probabilities = dict(zip(allowed.names, shares_K.tolist(), strict=True))
    best = int(shares_K.argmax())
    confidence = probabilities[allowed.names[best]]
    if not math.isfinite(confidence):
        raise FeaturesNotFinite
    inside = gate.inside(judgement, allowed.places)
    inside_floor = gate.card.inside.floor if policy.inside_floor is None else policy.inside_floor
    if inside < inside_floor or confidence < policy.floor:
        return _abstained(
            RouteReason.OUT_OF_DOMAIN if inside < inside_floor else RouteReason.LOW_CONFIDENCE,
            snapshot,
            policy,
            masked,
            probabilities,
            confidence,
            (inside, inside_floor),
            runner_up=allowed.names[best],
            adjustments=adjustments_of(allowed, judgement, [best], {}),
        )
    picks = picked(gate, allowed, shares_K, snapshot, policy, seed, conditions)
    chosen = [allowed.names[place] for place in picks.chosen]
    weights = _weights([probabilities[name] for name in chosen])
    return Choice(
        chosen=tuple(map(Chosen, chosen, weights, picks.inclusion)),
        probabilities=probabilities,
        masked=masked,
        confidence=probabilities[chosen[0]],
        inside=inside,
        inside_floor=inside_floor,
        abstained=False,
        reason=RouteReason.GATE,
        runner_up=None if picks.runner_up is None else allowed.names[picks.runner_up],
        adjustments=adjustments_of(allowed, judgement, picks.told, picks.moved),
        propensity=picks.propensity,
    )


def _allowed(gate: Gate, snapshot: Snapshot, masked: dict[str, str]) -> tuple[Allowed, dict[str, str]]:
    """Who may be chosen, in the gate's order, and the masks of all others, also of experts that only the gate knows."""
    in_gate, generalist = gate.card.experts, snapshot.generalist
    allowed = {candidate.name for candidate in snapshot.candidates if candidate.name not in masked}
    complete = in_gate.keys() <= allowed
    if complete and len(allowed) == len(in_gate) + (generalist in allowed and generalist not in in_gate):
        return Allowed(gate.experts, None), masked
    # By the snapshot's order and the gate's, not the set's: a record has the same bytes in every process.
    for candidate in snapshot.candidates:
        name = candidate.name
        if name in allowed and name not in in_gate and name != generalist:
            masked[name] = UNKNOWN_TO_GATE
    if complete:
        return Allowed(gate.experts, None), masked
    places = np.array([place for place, name in enumerate(gate.experts) if name in allowed], dtype=np.intp)
    strangers = {name: NOT_A_CANDIDATE for name in gate.experts if name not in allowed}
    return Allowed([gate.experts[place] for place in places], places), strangers | masked


def _weights(shares: list[float]) -> list[float]:
    total = math.fsum(shares)
    return [share / total for share in shares] if total > 0 else [1 / len(shares)] * len(shares)


def _baseline(
    features_F: Vector,
    snapshot: Snapshot,
    policy: Policy,
    seed: int,
    conditions: Conditions,
    masked: dict[str, str],
) -> Choice:
    # The generalist is who answers when nobody else may; only by name is it a baseline.
    names = [
        candidate.name
        for candidate in snapshot.candidates
        if candidate.name not in masked and (candidate.name != snapshot.generalist or policy.selection == "fixed")
    ]
    if policy.selection == "fixed" and policy.fixed not in names:
        if policy.fixed is not None:
            masked.setdefault(policy.fixed, NOT_A_CANDIDATE)
        names = []
    if not names:
        return _abstained(RouteReason.NO_EXPERT, snapshot, policy, masked)
    return baseline(names, features_F, policy, seed, conditions, masked)


def _abstained(
    reason: RouteReason,
    snapshot: Snapshot,
    policy: Policy,
    masked: Mapping[str, str],
    probabilities: Mapping[str, float] | None = None,
    confidence: float = 0.0,
    inside_and_floor: tuple[float, float] = (0.0, 0.0),
    runner_up: str | None = None,
    adjustments: tuple[Adjustment, ...] = (),
) -> Choice:
    generalist = snapshot.generalist
    known = any(candidate.name == generalist for candidate in snapshot.candidates)
    answers = policy.on_abstain == "generalist" and generalist is not None and known and generalist not in masked
    return Choice(
        chosen=(Chosen(generalist, 1.0),) if answers and generalist is not None else (),
        probabilities=probabilities or {},
        masked=masked,
        confidence=confidence,
        inside=inside_and_floor[0],
        inside_floor=inside_and_floor[1],
        abstained=True,
        reason=reason,
        runner_up=runner_up,
        adjustments=adjustments,
    )
