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
from doyen_platform.experts.states import ExpertState
from doyen_platform.gates.keeper import GateKeeper
from doyen_platform.policies.live import LivePolicies, RoutingPolicy
from doyen_router.encoder.microbatch import BatchedEncoder
from doyen_router.errors import NotFound, Unavailable
from doyen_router.gate.decide import decide, pin
from doyen_router.gate.decision import Choice, Snapshot

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


@dataclass(frozen=True, slots=True)
class Routed:
    """A choice, with all that is needed to make it again. `vector` is the exact embedding; the gate saw `features`."""

    decision_id: uuid.UUID
    choice: Choice
    policy: RoutingPolicy
    snapshot: Snapshot
    gate_version: str | None
    seed: int
    vector: Vector | None
    features: npt.NDArray[np.float16] | None
    encode_ms: float
    decide_ms: float


class Routing:
    def __init__(
        self, encoder: BatchedEncoder, keeper: GateKeeper, experts: LiveExperts, policies: LivePolicies
    ) -> None:
        self._encoder = encoder
        self._keeper = keeper
        self._experts = experts
        self._policies = policies

    async def route(self, model: str, text: str, tenant: str) -> Routed:
        """`model` is `auto`, `auto:<policy>`, or an expert's name, which bypasses the gate.

        Raises ModelNotFound, PolicyNotFound, ExpertUnavailable.
        """
        if model == AUTO or model.startswith(AUTO + ":"):
            return await self._by_gate(self._policies.get(model.partition(":")[2] or None, tenant), text, tenant)
        return await self._pinned(model, text, tenant)

    async def _by_gate(self, policy: RoutingPolicy, text: str, tenant: str) -> Routed:
        started = time.perf_counter()
        vector = await self._encoder.encode_one(text)
        encoded = time.perf_counter()
        # Rounded before the decision, so that what is stored is exactly what the gate saw.
        features = vector.astype(np.float16)
        decision_id, gate, snapshot = new_id(), self._keeper.current, self._experts.snapshot(tenant)
        seed = decision_id.int & 0x7FFF_FFFF
        choice = _without_strangers(decide(gate, features.astype(np.float32), snapshot, policy.policy, seed), snapshot)
        decided = time.perf_counter()
        return Routed(
            decision_id=decision_id,
            choice=choice,
            policy=policy,
            snapshot=snapshot,
            gate_version=gate.version,
            seed=seed,
            vector=vector,
            features=features,
            encode_ms=(encoded - started) * 1e3,
            decide_ms=(decided - encoded) * 1e3,
        )

    async def _pinned(self, name: str, text: str, tenant: str) -> Routed:
        expert = self._experts.find(name, tenant)
        if expert is None:
            raise ModelNotFound(name)
        if expert.state != ExpertState.ACTIVE:
            raise ExpertUnavailable(name, expert.state.value)
        started = time.perf_counter()
        vector = await self._encoder.encode_one(text) if expert.uses_vector else None
        encoded = time.perf_counter()
        decision_id, snapshot = new_id(), self._experts.snapshot(tenant)
        choice = pin(name, snapshot)
        return Routed(
            decision_id=decision_id,
            choice=choice,
            policy=self._policies.get(None, tenant),
            snapshot=snapshot,
            gate_version=None,
            seed=decision_id.int & 0x7FFF_FFFF,
            vector=vector,
            features=None,
            encode_ms=(encoded - started) * 1e3,
            decide_ms=(time.perf_counter() - encoded) * 1e3,
        )


def _without_strangers(choice: Choice, snapshot: Snapshot) -> Choice:
    """The gate knows every tenant's experts; nobody hears the names of another tenant's."""
    own = {candidate.name for candidate in snapshot.candidates}
    return replace(choice, masked={name: reason for name, reason in choice.masked.items() if name in own})
