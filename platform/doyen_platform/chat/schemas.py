"""OpenAI's chat completion shapes: what is taken, and what is answered. Unknown fields are accepted and ignored."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from doyen_experts.contract import Answer, Citation, Message, Role
from doyen_platform.database.storable import Unicode
from doyen_platform.routing.service import Routed

Finite = Annotated[float, Field(allow_inf_nan=False)]


class TextPart(BaseModel):
    type: Literal["text"]
    text: Unicode


class ChatMessage(BaseModel):
    model_config = ConfigDict(extra="ignore")

    role: Role
    content: Unicode | list[TextPart] | None = None

    @field_validator("content", mode="before")
    @classmethod
    def _is_text(cls, content: object) -> object:
        """Said here, since a union's own errors tell of each of its forms and of none plainly."""
        if content is None or isinstance(content, str):
            return content
        if not isinstance(content, list):
            raise ValueError("must be a text or a list of text parts")
        for part in content:
            kind = part.get("type") if isinstance(part, dict) else None
            if kind != "text":
                raise ValueError(f"only parts of the type 'text' are taken, not {str(kind)[:40]!r}")
        return content

    def message(self) -> Message:
        if isinstance(self.content, list):
            return Message(self.role, "\n".join(part.text for part in self.content))
        return Message(self.role, self.content or "")


class StreamOptions(BaseModel):
    include_usage: bool = False


class ChatRequest(BaseModel):
    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "examples": [
                {
                    "model": "auto",
                    "messages": [{"role": "user", "content": "How do I declare a one-to-many relationship?"}],
                }
            ]
        },
    )

    model: Annotated[str, Field(min_length=1, max_length=200)]
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=2_000)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    temperature: Annotated[Finite, Field(ge=0, le=2)] | None = None
    top_p: Annotated[Finite, Field(ge=0, le=1)] | None = None
    stop: Unicode | list[Unicode] | None = None
    seed: Annotated[int, Field(ge=-(2**63), le=2**63 - 1)] | None = None
    n: Annotated[int, Field(ge=1, le=1, description="one choice an answer")] | None = None
    tools: Any = None  # Any: experts call none; their names alone are read, to tell one conversation from another

    @field_validator("model")
    @classmethod
    def _no_nul(cls, model: str) -> str:
        if "\x00" in model:
            raise ValueError("a model's name has no NUL characters")
        return model

    def tool_names(self) -> list[str]:
        tools = self.tools if isinstance(self.tools, list) else []
        functions = [tool.get("function") for tool in tools if isinstance(tool, dict)]
        return [str(function.get("name")) for function in functions if isinstance(function, dict)]

    def stops(self) -> tuple[str, ...]:
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(stop for stop in given if stop)


def usage_json(answers: list[Answer]) -> dict[str, int]:
    prompt = sum(answer.usage.prompt_tokens for answer in answers)
    completion = sum(answer.usage.completion_tokens for answer in answers)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def citation_json(citation: Citation) -> dict[str, Any]:  # Any: JSON
    return {
        "document_id": citation.document_id,
        "chunk_id": citation.chunk_id,
        "title": citation.title,
        "source": citation.source,
        "quote": citation.quote,
        "start": citation.start,
        "end": citation.end,
        "score": round(citation.score, 4),
    }


def routing_json(routed: Routed) -> dict[str, Any]:  # Any: JSON
    choice = routed.choice
    return {
        "decision_id": str(routed.decision_id),
        "experts": [{"name": chosen.expert, "weight": chosen.weight} for chosen in choice.chosen],
        "confidence": choice.confidence,
        "inside": choice.inside,
        "abstained": choice.abstained,
        "reason": choice.reason.value,
        "gate_version": routed.gate_version,
    }


def completion_id(decision_id: uuid.UUID) -> str:
    return f"chatcmpl-{decision_id.hex}"
