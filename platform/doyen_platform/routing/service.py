"""From a conversation to a choice of experts. It sends nothing to them and records nothing."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from doyen_experts.contract import Vector
from doyen_platform.database.table import new_id
from doyen_platform.experts.live import LiveExperts
from doyen_platform.experts.loads import LiveLoads
from doyen_platform.gates.keeper import GateKeeper
from doyen_platform.policies.balance import LiveBalance
from doyen_platform.policies.live import LivePolicies, RoutingPolicy, for_named
from doyen_platform.routing.hints import NO_HINTS, Hints
from doyen_platform.sessions.live import LiveSessions
from doyen_router.encoder.microbatch import BatchedEncoder
from doyen_router.errors import Forbidden, NotFound, Unavailable
from doyen_router.gate.decide import ExpertNotCandidate, decide, pin
from doyen_router.gate.decision import Choice, Conditions, Policy, Snapshot
from doyen_router.text_features import featured

AUTO = "auto"


class ModelNotFound(NotFound):
    code = "model_not_found"

    def __init__(self, model: str) -> None:
        super().__init__(
            f"the model {model!r} does not exist or is not for this key: use 'auto', 'auto:<policy>' or an expert"
        )


class ExpertUnavailable(Unavailable):
    code = "expert_unavailable"

    def __init__(self, name: str, state: str) -> None:
        super().__init__(f"the expert {name!r} is {state} and cannot answer now", retry_after_seconds=5.0)


class ExpertMasked(Forbidden):
    """The caller named an expert that must not see this request."""

    code = "expert_masked"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"the expert {name!r} may not answer this request: {reason}; use 'auto' or another expert")
        self.name = name
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Routed:
    """A choice, with all that is needed to make it again. `vector` is the exact embedding; the gate saw `features`."""

    decision_id: uuid.UUID
    choice: Choice
    policy: RoutingPolicy
    snapshot: Snapshot
    conditions: Conditions
    hints: Hints
    gate_version: str | None
    seed: int
    vector: Vector | None
    features: npt.NDArray[np.float16] | None
    encode_ms: float
    decide_ms: float


class Routing:
    def __init__(
        self,
        encoder: BatchedEncoder,
        keeper: GateKeeper,
        experts: LiveExperts,
        policies: LivePolicies,
        loads: LiveLoads,
        sessions: LiveSessions,
        balance: LiveBalance,
    ) -> None:
        self._encoder = encoder
        self._keeper = keeper
        self._experts = experts
        self._policies = policies
        self._loads = loads
        self._sessions = sessions
        self._balance = balance

    async def route(self, model: str, text: str, tenant: str, hints: Hints = NO_HINTS) -> Routed:
        """`model` is `auto`, `auto:<policy>`, or an expert's name, which bypasses the gate, but no mask.

        Raises ModelNotFound, PolicyNotFound, ExpertUnavailable, ExpertMasked. Changes nothing: see `count`.
        """
        if model == AUTO or model.startswith(AUTO + ":"):
            policy = self._policies.get(model.partition(":")[2] or None, tenant)
            return await self._by_gate(policy, text, tenant, hints)
        return await self._pinned(model, text, tenant, hints)

    def count(self, routed: Routed, tenant: str) -> None:
        """The choice is followed: it is load, which others under the policy are balanced against."""
        self._balance.count(routed.policy.policy, tenant, routed.snapshot, routed.choice)

    async def _by_gate(self, policy: RoutingPolicy, text: str, tenant: str, hints: Hints) -> Routed:
        started = time.perf_counter()
        vector = await self._encoder.encode_one(text)
        # Rounded before the decision, so that what is stored is exactly what the gate saw.
        features = featured(vector[None, :], [text])[0].astype(np.float16)
        encoded = time.perf_counter()
        decision_id, gate, snapshot = new_id(), self._keeper.current, self._experts.snapshot(tenant)
        seed = decision_id.int & 0x7FFF_FFFF
        conditions = self._conditions(policy.policy, tenant, snapshot, hints)
        choice = decide(gate, features.astype(np.float32), snapshot, policy.policy, seed, conditions)
        decided = time.perf_counter()
        return Routed(
            decision_id=decision_id,
            choice=without_strangers(choice, snapshot),
            policy=policy,
            snapshot=snapshot,
            conditions=conditions,
            hints=hints,
            gate_version=gate.version,
            seed=seed,
            vector=vector,
            features=features,
            encode_ms=(encoded - started) * 1e3,
            decide_ms=(decided - encoded) * 1e3,
        )

    async def _pinned(self, name: str, text: str, tenant: str, hints: Hints) -> Routed:
        expert = self._experts.find(name, tenant)
        if expert is None:
            raise ModelNotFound(name)
        policy, conditions = self._policies.get(None, tenant), Conditions(data_class=hints.data_class)
        _pin(
            name, self._experts.snapshot(tenant), for_named(policy.policy), conditions
        )  # before anything is made of the text
        started = time.perf_counter()
        vector = await self._encoder.encode_one(text) if expert.uses_vector else None
        encoded = time.perf_counter()
        decision_id, snapshot = new_id(), self._experts.snapshot(tenant)
        choice = _pin(name, snapshot, for_named(policy.policy), conditions)
        return Routed(
            decision_id=decision_id,
            choice=choice,
            policy=policy,
            snapshot=snapshot,
            conditions=conditions,
            hints=hints,
            gate_version=None,
            seed=decision_id.int & 0x7FFF_FFFF,
            vector=vector,
            features=None,
            encode_ms=(encoded - started) * 1e3,
            decide_ms=(time.perf_counter() - encoded) * 1e3,
        )

    def _conditions(self, policy: Policy, tenant: str, snapshot: Snapshot, hints: Hints) -> Conditions:
        names = [candidate.name for candidate in snapshot.candidates]
        previous = self._sessions.previous(tenant, hints.session)
        if previous is not None and previous not in names:
            previous = None
        biases = self._balance.biases(policy, tenant, snapshot)
        return Conditions(
            context=hints.context(tenant, previous),
            previous=previous,
            loads=self._loads.of(policy, names, biases),
            data_class=hints.data_class,
            hash_key=str(hints.session) if policy.selection == "hash" and hints.session else None,
        )


def _pin(name: str, snapshot: Snapshot, policy: Policy, conditions: Conditions) -> Choice:
    state = next((one.masked for one in snapshot.candidates if one.name == name), None)
    if state is not None:
        raise ExpertUnavailable(name, state)
    try:
        return pin(name, snapshot, policy, conditions)
    except ExpertNotCandidate as error:
        if error.reason is None:
            raise ModelNotFound(name) from None
        raise ExpertMasked(name, error.reason) from None


def without_strangers(choice: Choice, snapshot: Snapshot) -> Choice:
    """The gate knows every tenant's experts; nobody hears the names of another tenant's."""
    own = {candidate.name for candidate in snapshot.candidates}
    return replace(choice, masked={name: reason for name, reason in choice.masked.items() if name in own})
