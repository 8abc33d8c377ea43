"""What every kind keeps for a caller: its cancellation, its deadline, its token limit and its stop words."""

from __future__ import annotations

import re
import time
from bisect import bisect_right

from doyen_experts.contract import ExpertRequest, FinishReason, TextEncoder, Usage
from doyen_router.errors import Unavailable

_STEP_SECONDS = 0.05


class AnswerStopped(Unavailable):
    """The caller does not wait any more."""

    code = "answer_stopped"


class Cancelled(AnswerStopped):
    code = "cancelled"

    def __init__(self) -> None:
        super().__init__("the request was cancelled by its caller")


class DeadlinePassed(AnswerStopped):
    code = "deadline_passed"

    def __init__(self) -> None:
        super().__init__("the request's deadline passed before its answer was ready; allow more time or try again")


def check(request: ExpertRequest) -> None:
    """Raises Cancelled or DeadlinePassed."""
    if request.is_cancelled():
        raise Cancelled
    remaining = request.remaining_seconds()
    if remaining is not None and remaining <= 0:
        raise DeadlinePassed


def pause(request: ExpertRequest, seconds: float) -> None:
    """Sleeps, and raises Cancelled or DeadlinePassed within a twentieth of a second of either."""
    until = time.monotonic() + seconds
    check(request)
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, _STEP_SECONDS))
        check(request)


def content_tokens(encoder: TextEncoder, text: str) -> int:
    """Tokens of the text itself, without those the encoder puts round it."""
    return encoder.count_tokens(text) - encoder.count_tokens("")


def usage(encoder: TextEncoder, request: ExpertRequest, text: str) -> Usage:
    prompt = sum(content_tokens(encoder, message.content) for message in request.messages)
    return Usage(prompt_tokens=prompt, completion_tokens=content_tokens(encoder, text))


def bounded(text: str, request: ExpertRequest, encoder: TextEncoder) -> tuple[str, FinishReason]:
    """The text up to the first stop word and to `max_tokens`, cut between words; `length` when tokens ran out."""
    stops = [at for stop in request.stop if stop and (at := text.find(stop)) >= 0]
    if stops:
        text = text[: min(stops)]
    if request.max_tokens is None or content_tokens(encoder, text) <= request.max_tokens:
        return text, "stop"
    ends = [match.end() for match in re.finditer(r"\S+", text)]
    fitting = bisect_right(ends, request.max_tokens, key=lambda end: content_tokens(encoder, text[:end]))
    return text[: ends[fitting - 1]] if fitting else "", "length"
