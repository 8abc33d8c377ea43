"""What is kept of a chat request: its decision and executions, as far as the tenant lets the platform keep them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from doyen_platform.database.table import utc_now
from doyen_platform.decisions.conditions import to_json
from doyen_platform.decisions.prompts import stored_prompt
from doyen_platform.decisions.record import DecisionRecord, Execution
from doyen_platform.decisions.sealing import Seal
from doyen_platform.keys.access import Principal
from doyen_platform.routing.service import Routed
from doyen_platform.tenants.storage import PromptStorage


def decision_record(
    routed: Routed,
    caller: Principal,
    storage: PromptStorage,
    context: tuple[str, Mapping[str, Any]],  # Any: JSON; address and body
    seal: Seal,
    *,
    asked: str,
    requested_model: str,
    streamed: bool,
    outcome: str,
    error: str | None,
    expert_ms: float,
    total_ms: float,
    executions: Sequence[Execution],
) -> DecisionRecord:
    choice, session = routed.choice, routed.hints.session
    keeps = storage != PromptStorage.NOTHING
    # Without features there is no replay, and a session's key is a hash of the conversation or somebody's id.
    conditions = routed.conditions if keeps else replace(routed.conditions, hash_key=None)
    return DecisionRecord(
        id=routed.decision_id,
        created_at=utc_now(),
        tenant_id=caller.home,
        key_id=caller.key_id,
        route="chat.completions",
        requested_model=requested_model,
        gate_version=routed.gate_version,
        context_id=context[0],
        context=context[1],
        seed=routed.seed,
        features=_sealed(routed, seal) if keeps else None,
        prompt=stored_prompt(asked, storage),
        reason=choice.reason.value,
        abstained=choice.abstained,
        expert=choice.chosen[0].expert if choice.chosen else None,
        chosen=[(chosen.expert, chosen.weight, chosen.propensity) for chosen in choice.chosen],
        probabilities=choice.probabilities,
        confidence=choice.confidence,
        inside=choice.inside,
        inside_floor=choice.inside_floor,
        outcome=outcome,
        error=error,
        streamed=streamed,
        encode_ms=routed.encode_ms,
        decide_ms=routed.decide_ms,
        expert_ms=expert_ms,
        total_ms=total_ms,
        executions=tuple(executions),
        conditions=to_json(conditions),
        adjustments=[(one.name, one.expert, one.size) for one in choice.adjustments],
        propensity=choice.propensity,
        session=str(session) if session is not None and keeps else None,
    )


def _sealed(routed: Routed, seal: Seal) -> bytes | None:
    if routed.features is None:
        return None
    return seal.seal(routed.decision_id, routed.features.astype("<f2").tobytes())
