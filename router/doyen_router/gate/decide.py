"""The decision: a pure function of gate, vector, snapshot, policy and seed. The same five give the same choice, always.

Legend: D dimensions, E experts of the gate, K those that may be chosen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from doyen_router.encoder.contract import Vector
from doyen_router.errors import Invalid, NotFound
from doyen_router.gate.decision import Candidate, Choice, Chosen, Policy, RouteReason, Snapshot
from doyen_router.gate.gate import Gate
from doyen_router.gate.inside import inside, raw_score

DENIED = "denied by the policy"
NOT_ALLOWED = "not among the experts that the policy allows"
UNKNOWN_TO_GATE = "the gate has no rows for it"
NOT_A_CANDIDATE = "not an expert of this caller"


class ExpertNotCandidate(NotFound):
    def __init__(self, name: str, reason: str | None = None) -> None:
        super().__init__(f"no expert {name!r} may be asked" + (f": {reason}" if reason else ""))
        self.reason = reason


class VectorMismatch(Invalid):
    def __init__(self, found: tuple[int, ...], expected: int) -> None:
        super().__init__(f"the gate takes a vector of {expected} numbers, this one has the shape {found}")


def decide(gate: Gate | None, vector_D: Vector, snapshot: Snapshot, policy: Policy, seed: int = 0) -> Choice:
    """Never raises for lack of an expert: `chosen` is then empty. `seed` is for policies that explore."""
    masked, eligible = _masked(snapshot, policy)
    if gate is None:
        return _abstained(RouteReason.NO_GATE, snapshot, policy, masked)
    if vector_D.shape != (gate.card.encoder_dimensions,):
        raise VectorMismatch(vector_D.shape, gate.card.encoder_dimensions)
    generalist = snapshot.generalist
    in_gate = gate.card.experts
    names = [name for name in in_gate if name in eligible]
    if len(names) < len(eligible):
        masked.update((name, UNKNOWN_TO_GATE) for name in eligible if name not in in_gate and name != generalist)
    if len(names) < len(in_gate):
        masked = {name: NOT_A_CANDIDATE for name in in_gate if name not in eligible} | masked
    if not names:
        return _abstained(RouteReason.NO_EXPERT, snapshot, policy, masked)

    logits_E, nearness_E = gate.scores(vector_D)
    if len(names) == len(in_gate):
        logits_K, nearness_K = logits_E, nearness_E
    else:
        places = [place for place, name in enumerate(gate.experts) if name in eligible]
        logits_K, nearness_K = logits_E[places], nearness_E[places]
    # Energy and nearness of those who may answer: knowledge that this caller may not use does not make a text known.
    logits_K = logits_K.astype(np.float64)
    highest = float(logits_K.max())
    energy = highest + math.log(float(np.exp(logits_K - highest).sum()))
    score = inside(gate.card.inside, raw_score(gate.card.inside, energy, float(nearness_K.max())))
    floor = gate.card.inside.floor if policy.inside_floor is None else policy.inside_floor
    shares_K = np.exp((logits_K - highest) / gate.card.temperature)
    shares_K /= shares_K.sum()
    ranked = np.argsort(-shares_K, kind="stable")
    probabilities = dict(zip(names, shares_K.tolist(), strict=True))
    best = names[ranked[0]]
    reason = RouteReason.GATE
    if score < floor:
        reason = RouteReason.OUT_OF_DOMAIN
    elif probabilities[best] < policy.floor:
        reason = RouteReason.LOW_CONFIDENCE
    if reason is not RouteReason.GATE:
        return _abstained(
            reason, snapshot, policy, masked, probabilities, probabilities[best], (score, floor), runner_up=best
        )
    count = _count(shares_K[ranked].tolist(), policy)
    total = float(shares_K[ranked[:count]].sum())
    return Choice(
        chosen=tuple(Chosen(names[place], float(shares_K[place]) / total) for place in ranked[:count]),
        probabilities=probabilities,
        masked=masked,
        confidence=probabilities[best],
        inside=score,
        inside_floor=floor,
        abstained=False,
        reason=reason,
        runner_up=names[ranked[count]] if count < len(names) else None,
    )


def snapshot_of(gate: Gate, generalist: str | None = None) -> Snapshot:
    """All experts of the gate, none masked: the snapshot of a caller who has no registry."""
    names = sorted({*gate.experts, *({generalist} if generalist else set[str]())})
    return Snapshot(tuple(Candidate(name) for name in names), generalist)


def pin(expert: str, snapshot: Snapshot) -> Choice:
    """The caller named the expert. Raises `ExpertNotCandidate` when it is unknown here or masked."""
    candidate = next((candidate for candidate in snapshot.candidates if candidate.name == expert), None)
    if candidate is None or candidate.masked is not None:
        raise ExpertNotCandidate(expert, candidate.masked if candidate else None)
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


def _masked(snapshot: Snapshot, policy: Policy) -> tuple[dict[str, str], set[str]]:
    """Why some may not be chosen, and who may."""
    masked: dict[str, str] = {}
    if not policy.deny and policy.allow is None:
        eligible = {candidate.name for candidate in snapshot.candidates if candidate.masked is None}
        if len(eligible) == len(snapshot.candidates):
            return masked, eligible
    for candidate in snapshot.candidates:
        if candidate.masked is not None:
            masked[candidate.name] = candidate.masked
        elif candidate.name in policy.deny:
            masked[candidate.name] = DENIED
        elif policy.allow is not None and candidate.name not in policy.allow:
            masked[candidate.name] = NOT_ALLOWED
    return masked, {candidate.name for candidate in snapshot.candidates if candidate.name not in masked}


def _count(ranked_shares: list[float], policy: Policy) -> int:
    if policy.selection == "top_k":
        return min(max(policy.top_k, 1), len(ranked_shares))
    reached = 0.0
    for count, share in enumerate(ranked_shares, start=1):
        reached += share
        if reached >= policy.mass:
            return count
    return len(ranked_shares)


def _abstained(
    reason: RouteReason,
    snapshot: Snapshot,
    policy: Policy,
    masked: Mapping[str, str],
    probabilities: Mapping[str, float] | None = None,
    confidence: float = 0.0,
    inside_and_floor: tuple[float, float] = (0.0, 0.0),
    runner_up: str | None = None,
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
    )
