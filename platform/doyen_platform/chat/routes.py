"""`POST /v1/chat/completions`, as the OpenAI client expects it."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from doyen_experts.contract import Answer, Delta
from doyen_platform.chat.exchange import Exchange, open_exchange
from doyen_platform.chat.schemas import ChatRequest, citation_json, completion_id, routing_json, usage_json
from doyen_platform.chat.streaming import EventStream, unless_gone
from doyen_platform.composition import Platform
from doyen_platform.keys.access import App
from doyen_platform.routing.hints import RequestHints
from doyen_platform.web.errors import openai_error, status_of
from doyen_platform.web.reference import OPENAI_ERRORS
from doyen_router.errors import DoyenError

log = logging.getLogger(__name__)
router = APIRouter(prefix="/v1", tags=["openai"])

CLIENT_CLOSED_REQUEST = 499


@router.post("/chat/completions", operation_id="createChatCompletion", responses=OPENAI_ERRORS, response_model=None)
async def create_chat_completion(
    request: Request,
    body: ChatRequest,
    caller: App,
    hints: RequestHints,
    x_doyen_debug: Annotated[bool, Header()] = False,
) -> Response:
    """Routes the conversation to an expert and answers.

    `model` is `auto`, `auto:<policy>`, or an expert's name (which bypasses the gate). The answer's `model` is the
    expert that answered; the headers `x-doyen-*` and the field `routing` tell why.
    """
    platform: Platform = request.app.state.platform
    exchange = await open_exchange(platform.desk, caller, body, streamed=bool(body.stream), hints=hints)
    request.state.decision_id = str(exchange.routed.decision_id)  # for the answer of a request that fails
    if body.stream:
        deltas = exchange.stream()
        # The first step before the status: what fails until here is an HTTP error, not a broken stream.
        try:
            first = await unless_gone(request, anext(deltas))
        except ClientDisconnect:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        include_usage = body.stream_options is not None and body.stream_options.include_usage
        events = _events(exchange, first, deltas, include_usage=include_usage)
        return EventStream(events, _headers(exchange, exchange.model, debug=x_doyen_debug))
    try:
        model, answer = await unless_gone(request, exchange.answer())
    except ClientDisconnect:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    completion = {
        "id": completion_id(exchange.routed.decision_id),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": answer.text, "refusal": None},
                "logprobs": None,
                "finish_reason": answer.finish_reason,
            }
        ],
        "usage": usage_json(exchange.answers),
        "citations": [citation_json(citation) for citation in answer.citations],
        "routing": routing_json(exchange.routed),
    }
    return Response(
        orjson.dumps(completion, option=orjson.OPT_SERIALIZE_NUMPY),
        media_type="application/json",
        headers=_headers(exchange, model, debug=x_doyen_debug),
    )


async def _events(
    exchange: Exchange, first: Delta, rest: AsyncGenerator[Delta], *, include_usage: bool
) -> AsyncGenerator[bytes]:
    shared: dict[str, Any] = {
        "id": completion_id(exchange.routed.decision_id),
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": exchange.model,
    }
    if include_usage:
        shared["usage"] = None

    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:  # Any: JSON
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return orjson.dumps(shared | {"choices": [choice]} | more, option=orjson.OPT_SERIALIZE_NUMPY)

    try:
        yield chunk({"role": "assistant", "content": ""}, routing=routing_json(exchange.routed))
        answer: Answer | None = None
        if first.text:
            yield chunk({"content": first.text})
        answer = first.answer
        async for delta in rest:
            if delta.text:
                yield chunk({"content": delta.text})
            answer = delta.answer or answer
        finish = answer.finish_reason if answer else "stop"
        citations = [citation_json(citation) for citation in answer.citations] if answer else []
        yield chunk({}, finish, citations=citations)
        if include_usage:
            usage = {"choices": [], "usage": usage_json(exchange.answers)}
            yield orjson.dumps(shared | usage)
    except DoyenError as error:
        yield orjson.dumps(openai_error(status_of(error), str(error), code=error.code))
    except Exception as error:
        log.error("a stream broke", exc_info=error)
        yield orjson.dumps(openai_error(500, "an error of the platform itself", code="internal_error"))
    finally:
        await rest.aclose()


def _headers(exchange: Exchange, model: str, *, debug: bool) -> dict[str, str]:
    routed, choice = exchange.routed, exchange.routed.choice
    headers = {
        "x-doyen-decision-id": str(routed.decision_id),
        "x-doyen-expert": model,
        "x-doyen-confidence": f"{choice.confidence:.4f}",
        "x-doyen-gate-version": routed.gate_version or "none",
        "x-doyen-abstained": str(choice.abstained).lower(),
        "x-doyen-route-reason": choice.reason.value,
        "x-doyen-overhead-ms": f"{exchange.overhead_ms:.2f}",
    }
    if debug:
        probabilities = sorted(choice.probabilities.items(), key=lambda one: -one[1])[:20]
        headers |= {
            "x-doyen-policy": routed.policy.policy.name,
            "x-doyen-probabilities": ",".join(f"{name}={probability:.4f}" for name, probability in probabilities),
            "x-doyen-masked": ",".join(f"{name}={reason}" for name, reason in choice.masked.items()),
            "x-doyen-inside": f"{choice.inside:.4f}",
            "x-doyen-inside-floor": f"{choice.inside_floor:.4f}",
            "x-doyen-session": str(routed.hints.session or "none"),
            "x-doyen-adjustments": ",".join(f"{a.name}:{a.expert}={a.size:+.4f}" for a in choice.adjustments),
            "x-doyen-propensity": f"{choice.propensity:.6f}",
            "x-doyen-encode-ms": f"{routed.encode_ms:.2f}",
            "x-doyen-decide-ms": f"{routed.decide_ms:.2f}",
            "x-doyen-runner-up": choice.runner_up or "none",
        }
    return headers
