"""What goes over the wire to an OpenAI-compatible server and what comes back. It knows no connection."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from doyen_experts.contract import ExpertRequest, FinishReason


class WireError(ValueError):
    """The other side does not speak the protocol."""


class Message(BaseModel):
    content: str | None = None


class Choice(BaseModel):
    message: Message = Field(default_factory=Message)
    delta: Message = Field(default_factory=Message)
    finish_reason: str | None = None


class TokenCount(BaseModel):
    prompt_tokens: int = Field(default=0, ge=0)
    completion_tokens: int = Field(default=0, ge=0)


class Completion(BaseModel):
    """A whole answer or one chunk of a stream; some servers end a stream with a chunk that has only `usage`."""

    choices: list[Choice] = Field(default_factory=list)
    usage: TokenCount | None = None
    error: Any = None  # Any: servers put a text or an object here; only its presence counts

    @property
    def text(self) -> str:
        return (self.choices[0].message.content or self.choices[0].delta.content or "") if self.choices else ""

    @property
    def finish_reason(self) -> FinishReason | None:
        reason = self.choices[0].finish_reason if self.choices else None
        if reason is None:
            return None
        return "length" if reason == "length" else "stop"


def completion(content: str | bytes) -> Completion:
    """Raises WireError."""
    try:
        return Completion.model_validate_json(content)
    except ValidationError as error:
        raise WireError(f"{error.error_count()} fields are not as expected") from None


def body(request: ExpertRequest, *, model: str, system_prompt: str | None, stream: bool) -> bytes:
    messages = [{"role": message.role, "content": message.content} for message in request.messages]
    if system_prompt:
        messages.insert(0, {"role": "system", "content": system_prompt})
    fields: dict[str, object] = {
        "model": model,
        "messages": messages,
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": list(request.stop) or None,
        "seed": request.seed,
        "stream": stream,
        "stream_options": {"include_usage": True} if stream else None,
    }
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()
