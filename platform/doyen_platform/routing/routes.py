"""`POST /v1/routing/explain`: a dry run of the gate."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Request

from doyen_experts.contract import Message
from doyen_platform.composition import Platform
from doyen_platform.keys.access import App
from doyen_platform.routing.conversation import asked_text, routing_text
from doyen_platform.routing.schemas import AdjustmentView, ChosenView, ExplainRequest, Explanation, PolicyUsed
from doyen_platform.web.reference import OPENAI_ERRORS
from doyen_router.errors import Invalid

router = APIRouter(prefix="/v1/routing", tags=["routing"])


@router.post("/explain", operation_id="explainRouting", responses=OPENAI_ERRORS)
async def explain(request: Request, body: ExplainRequest, caller: App) -> Explanation:
    platform: Platform = request.app.state.platform
    if (body.input is None) == (body.messages is None):
        raise Invalid("send either 'input' or 'messages'", param="input")
    messages = [Message("user", body.input)] if body.input is not None else [m.message() for m in body.messages or []]
    text = routing_text(asked_text(messages))
    if not text:
        raise Invalid("there is no text to route", param="input" if body.input is not None else "messages")
    routed = await platform.desk.routing.route(body.model, text, caller.home)
    choice, policy = routed.choice, routed.policy
    return Explanation(
        text=text,
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
