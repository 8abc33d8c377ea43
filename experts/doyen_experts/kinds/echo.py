"""Kind `echo`: gives the question back. For tests, benchmarks and a first look; it knows nothing."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

from pydantic import BaseModel, ConfigDict, Field

from doyen_experts.contract import Answer, Delta, Expert, ExpertRequest, ExpertSpec, Resources, TextEncoder
from doyen_experts.limits import AnswerStopped, Cancelled, bounded, pause, usage
from doyen_experts.registry import parsed_config
from doyen_router.errors import Unavailable


class EchoConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    prefix: str = ""
    delay_seconds: float = Field(default=0.0, ge=0, le=600)
    chunks_per_second: float | None = Field(default=None, gt=0)
    fail_rate: float = Field(default=0.0, ge=0, le=1)


class EchoFailed(Unavailable):
    code = "echo_failed"

    def __init__(self, name: str) -> None:
        super().__init__(f"the echo expert {name!r} failed as its fail_rate asks", retry_after_seconds=1)


class EchoExpert:
    def __init__(self, name: str, config: EchoConfig, encoder: TextEncoder) -> None:
        self._name = name
        self._config = config
        self._encoder = encoder

    def answer(self, requests: Sequence[ExpertRequest]) -> list[Answer | Exception]:
        results: list[Answer | Exception] = []
        for request in requests:
            try:
                pause(request, self._config.delay_seconds)
                results.append(self._answered(request))
            except (AnswerStopped, EchoFailed) as error:
                results.append(error)
        return results

    def stream(self, request: ExpertRequest) -> Iterator[Delta]:
        try:
            pause(request, self._config.delay_seconds)
            answer = self._answered(request)
            gap = 1 / self._config.chunks_per_second if self._config.chunks_per_second else 0.0
            for piece in re.findall(r"\s*\S+|\s+$", answer.text):
                pause(request, gap)
                yield Delta(piece)
        except Cancelled:
            return
        yield Delta("", answer)

    def close(self) -> None:
        """Holds nothing."""

    def _answered(self, request: ExpertRequest) -> Answer:
        # Seeded by the request: the same request fails again, on every replica.
        if random.Random(request.id).random() < self._config.fail_rate:  # noqa: S311 - no secret is drawn
            raise EchoFailed(self._name)
        text, reason = bounded(self._config.prefix + request.question, request, self._encoder)
        return Answer(text=text, usage=usage(self._encoder, request, text), finish_reason=reason)


class EchoKind:
    config_model: type[BaseModel] = EchoConfig
    uses_store = False
    concurrency = 64
    max_batch = 64

    def open(self, spec: ExpertSpec, resources: Resources) -> Expert:
        return EchoExpert(spec.name, parsed_config(EchoConfig, spec.config, kind_name=spec.kind), resources.encoder)
