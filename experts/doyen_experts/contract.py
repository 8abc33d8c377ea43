"""What an expert is: the one protocol that built-in kinds and plugins implement. It knows no database and no server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

Vector = npt.NDArray[np.float32]
Role = Literal["system", "user", "assistant", "tool", "developer"]
FinishReason = Literal["stop", "length"]


class TextEncoder(Protocol):
    """The part of `doyen_router.encoder.Encoder` that an expert needs."""

    @property
    def identity(self) -> str: ...

    def encode(self, texts: Sequence[str], *, max_tokens: int | None = None) -> Vector:
        """Unit vectors, shape (len(texts), D)."""
        ...

    def count_tokens(self, text: str) -> int: ...


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class ExpertRequest:
    """One conversation to answer.

    `question` is what the last user turn asks, with its context; `vector` is its embedding when the caller has it from
    the same encoder. `deadline_at` is in seconds since the epoch, so that it survives a hop to another process.
    """

    id: str
    messages: tuple[Message, ...]
    question: str
    vector: Vector | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    deadline_at: float | None = None
    is_cancelled: Callable[[], bool] = field(default=lambda: False, compare=False)

    def remaining_seconds(self) -> float | None:
        return None if self.deadline_at is None else self.deadline_at - time.time()


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a statement comes from. `start` and `end` are character offsets of `quote` in the document's text."""

    document_id: str
    chunk_id: str
    title: str
    source: str
    quote: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Usage:
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Answer:
    """`found` is False when the expert honestly has nothing; `score` in [0, 1] says how well its material fits."""

    text: str
    usage: Usage
    citations: tuple[Citation, ...] = ()
    found: bool = True
    score: float = 1.0
    finish_reason: FinishReason = "stop"
    cost_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Delta:
    """One step of a streamed answer. The last carries the whole `answer`; the texts of all join to its text."""

    text: str
    answer: Answer | None = None


class Expert(Protocol):
    """Answers in a domain. Called from worker threads: several at once when `concurrency` of its kind is above one."""

    def answer(self, requests: Sequence[ExpertRequest]) -> list[Answer | Exception]:
        """One result per request, in order. A request that fails alone is returned as its exception, never raised."""
        ...

    def stream(self, request: ExpertRequest) -> Iterator[Delta]:
        """Looks at `request.is_cancelled()` between deltas and stops early when it is true."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ExpertSpec:
    """One version of an expert, as the registry holds it."""

    name: str
    kind: str
    version: int
    description: str
    config: Mapping[str, Any] = field(default_factory=dict)  # Any: validated by the kind's own config model
    store_path: Path | None = None  # an immutable store generation on this host


@dataclass(frozen=True, slots=True)
class Resources:
    """What a host lends to the experts that it opens."""

    encoder: TextEncoder
    secret: Callable[[str], str]  # resolves a secret reference; raises Invalid when there is none
    allow_private_addresses: bool = False  # the operator lets experts reach loopback and private networks


class ExpertKind(Protocol):
    """What an entry point of the group `doyen.experts` names: a class that is made without arguments."""

    config_model: type[BaseModel]
    uses_store: bool
    concurrency: int  # threads that may call one expert of this kind at once
    max_batch: int  # requests that may travel in one call of `answer`

    def open(self, spec: ExpertSpec, resources: Resources) -> Expert: ...
