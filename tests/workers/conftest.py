"""A puppet: an expert that does what the question says, and writes down what it was asked, from any process.

The contract tests see dispatchers only through a `Bench`. Another dispatcher is one more way to make one.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from pydantic import BaseModel

from doyen_experts.contract import Answer, Delta, Expert, ExpertRequest, ExpertSpec, Message, Resources, Usage, Vector
from doyen_router.errors import Conflict
from doyen_workers.dispatch import Dispatcher
from doyen_workers.hosting import ExpertHost
from doyen_workers.inprocess import InProcessDispatcher

Result = TypeVar("Result")


class SilentEncoder:
    identity = "silent"

    def encode(self, texts: Sequence[str], *, max_tokens: int | None = None) -> Vector:
        return np.zeros((len(texts), 4), np.float32)

    def count_tokens(self, text: str) -> int:
        return len(text.split())


class Puppet:
    """Verbs: `say TEXT`, `wait FLAG TEXT` (for a file), `block FLAG`, `fail`, `refuse`, `raise`, `exit`,
    `junk`, `endless`, `flood N`.
    """

    def __init__(self, spec: ExpertSpec) -> None:
        self._spec = spec
        self._directory = Path(spec.config["directory"])
        self._note("opened")

    def answer(self, requests: Sequence[ExpertRequest]) -> list[Answer | Exception]:
        self._note("asked", [request.question for request in requests])
        for request in requests:
            match request.question.split()[0]:
                case "raise":
                    raise RuntimeError(f"it cannot be: {request.question}")
                case "exit":
                    raise SystemExit(3)
        results = [self._result(request) for request in requests]
        self._note("answered", [request.question for request in requests])
        return results

    def stream(self, request: ExpertRequest) -> Iterator[Delta]:
        self._note("streamed", [request.question])
        verb, *rest = request.question.split()
        words = itertools.repeat("on") if verb == "endless" else iter(rest)
        if verb == "flood":
            words = itertools.repeat("on", int(rest[0]))
        told = []
        try:
            for number, word in enumerate(words):
                if verb == "raise":
                    raise RuntimeError("it cannot be")
                if request.is_cancelled():
                    self._note("stopped", [request.question])
                    return
                if verb == "endless":
                    time.sleep(0.005)
                told.append(("" if not told else " ") + word)
                if verb == "flood" and number % 50 == 0:
                    self._note(f"flooded {number}")
                yield Delta(told[-1])
        except GeneratorExit:  # who reads it may also close it
            self._note("stopped", [request.question])
            raise
        yield Delta("", self._said("".join(told)))

    def close(self) -> None:
        self._note("closed")
        if self._spec.config.get("close_fails"):
            raise RuntimeError("it does not close")

    def _result(self, request: ExpertRequest) -> Answer | Exception:
        verb, *rest = request.question.split()
        match verb:
            case "fail":
                return RuntimeError(f"this one fails: {request.question}")
            case "refuse":
                return Conflict("the expert's own error")
            case "junk":
                return None  # type: ignore[return-value]  # as a bad plugin would
            case "wait":
                flag = self._directory / rest[0]
                while not flag.exists():
                    if request.is_cancelled():
                        self._note("stopped", [request.question])
                        return Conflict("cancelled")
                    time.sleep(0.01)
                return self._said(" ".join(rest[1:]))
            case "block":
                while not (self._directory / rest[0]).exists():
                    time.sleep(0.01)
        return self._said(" ".join(rest))

    def _said(self, text: str) -> Answer:
        return (
            Answer(f"{text} (v{self._spec.version})", Usage(1, 1)) if text == "version" else Answer(text, Usage(1, 1))
        )

    def _note(self, event: str, questions: Sequence[str] = ()) -> None:
        line = json.dumps([self._spec.name, self._spec.version, event, list(questions)]) + "\n"
        file = os.open(self._directory / "notes.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, line.encode())
        os.close(file)


@dataclass
class PuppetKind:
    concurrency: int
    max_batch: int
    config_model = BaseModel
    uses_store = False

    def open(self, spec: ExpertSpec, resources: Resources) -> Expert:
        if spec.config.get("open_fails"):
            raise RuntimeError("it does not open")
        return Puppet(spec)


def puppet_kind(name: str) -> PuppetKind:
    """`puppet-2-8`: two at once, batches of eight."""
    _, concurrency, max_batch = name.split("-")
    return PuppetKind(int(concurrency), int(max_batch))


@dataclass(frozen=True)
class Note:
    expert: str
    version: int
    event: str
    questions: list[str]


def request(question: str, *, seconds: float | None = 20.0, **more: Any) -> ExpertRequest:  # Any: its fields
    deadline_at = None if seconds is None else time.time() + seconds
    messages = (Message("user", question),)
    return ExpertRequest(uuid.uuid4().hex, messages, question, deadline_at=deadline_at, **more)


class Bench:
    """One dispatcher and the puppets behind it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.host = ExpertHost(Resources(SilentEncoder(), lambda reference: reference), find_kind=puppet_kind)
        self.max_waiting = 64
        self.close_seconds = 10.0

    def make(self) -> Dispatcher:
        return InProcessDispatcher(
            self.host, max_waiting=self.max_waiting, idle_thread_seconds=0.1, close_seconds=self.close_seconds
        )

    def put(self, name: str, *, version: int = 1, concurrency: int = 1, max_batch: int = 8, **config: object) -> None:
        config["directory"] = str(self.directory)
        self.host.put(ExpertSpec(name, f"puppet-{concurrency}-{max_batch}", version, "A puppet.", config))

    def drop(self, name: str) -> None:
        self.host.drop(name)

    def raise_flag(self, name: str) -> None:
        (self.directory / name).touch()

    def notes(self, event: str = "", expert: str = "") -> list[Note]:
        path = self.directory / "notes.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        notes = [Note(*json.loads(line)) for line in lines]
        return [note for note in notes if note.event.startswith(event) and note.expert.startswith(expert)]

    async def noted(self, event: str, question: str = "", *, seconds: float = 5.0) -> None:
        """Waits until a puppet wrote this down."""
        end = time.monotonic() + seconds
        while not any(question in "|".join(note.questions) for note in self.notes(event)):
            assert time.monotonic() < end, f"nobody {event} {question!r} in {seconds} s: {self.notes()}"
            await asyncio.sleep(0.01)

    def run(self, scenario: Callable[[Dispatcher], Awaitable[Result]]) -> Result:
        async def whole() -> Result:
            dispatcher = self.make()
            try:
                return await asyncio.wait_for(scenario(dispatcher), 30)
            finally:
                await dispatcher.close()

        return asyncio.run(whole())


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.host.close()
