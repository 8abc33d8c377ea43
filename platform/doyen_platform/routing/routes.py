"""`POST /v1/routing/explain`: a dry run of the gate."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from doyen_experts.contract import Message
from doyen_platform.composition import Platform
from doyen_platform.decisions.conditions import to_json as conditions_json
from doyen_platform.keys.access import App, Principal
from doyen_platform.routing.conversation import reading
from doyen_platform.routing.explaining import Spoke, what_spoke
from doyen_platform.routing.hints import RequestHints
from doyen_platform.routing.schemas import (
    AdjustmentView,
    ChosenView,
    ExplainRequest,
    Explanation,
    PartView,
    PolicyUsed,
    grounds,
)
from doyen_platform.routing.service import Routed
from doyen_platform.sessions.key import derived
from doyen_platform.web.reference import OPENAI_ERRORS
from doyen_router.errors import DoyenError, Invalid

router = APIRouter(prefix="/v1/routing", tags=["routing"])


@router.post("/explain", operation_id="explainRouting", responses=OPENAI_ERRORS)
async def explain(request: Request, body: ExplainRequest, caller: App, hints: RequestHints) -> Explanation:
    """Where a chat request with these messages and headers would go, and why."""
    platform: Platform = request.app.state.platform
    if (body.input is None) == (body.messages is None):
        raise Invalid("send either 'input' or 'messages'", param="input")
    messages = [Message("user", body.input)] if body.input is not None else [m.message() for m in body.messages or []]
    read = reading(messages)
    if not read.text:
        raise Invalid("there is no text to route", param="input" if body.input is not None else "messages")
    hints = hints.in_session(derived(messages, (), str(caller.key_id)))
    routed = await platform.desk.routing.route(body.model, read.text, caller.home, hints)
    choice, policy = routed.choice, routed.policy
    return Explanation(
        text=read.text,
        parts=[PartView(**asdict(part)) for part in read.parts],
        read_as=read.reason.value,
        cut_chars=read.cut_chars,
        chosen=[ChosenView(**asdict(chosen)) for chosen in choice.chosen],
        probabilities=dict(choice.probabilities),
        confidence=choice.confidence,
        runner_up=choice.runner_up,
        inside=choice.inside,
        inside_floor=choice.inside_floor,
        abstained=choice.abstained,
        reason=choice.reason.value,
        masked=dict(choice.masked),
        adjustments=[AdjustmentView(**asdict(adjustment)) for adjustment in choice.adjustments],
        propensity=choice.propensity,
        conditions=conditions_json(routed.conditions),
        session=None if hints.session is None else str(hints.session),
        grounds=grounds(await run_in_threadpool(_spoke, platform, caller, routed)),
        policy=PolicyUsed(
            name=policy.policy.name,
            selection=policy.policy.selection,
            top_k=policy.policy.top_k,
            mass=policy.policy.mass,
            floor=policy.policy.floor,
            on_abstain=policy.policy.on_abstain,
            combination=policy.combination,
        ),
        gate_version=routed.gate_version,
        encode_ms=routed.encode_ms,
        decide_ms=routed.decide_ms,
    )


def _spoke(platform: Platform, caller: Principal, routed: Routed) -> Spoke:
    if routed.gate_version is None or routed.features is None:
        return Spoke()
    try:
        gate = platform.keeper.gate(routed.gate_version)
    except DoyenError:  # replaced and removed in this moment
        return Spoke()
    with platform.database.read() as session:
        return what_spoke(
            session,
            caller,
            gate,
            routed.features.astype(np.float32),
            routed.choice,
            routed.policy.policy,
            routed.conditions,
            current=platform.keeper.current,
        )
