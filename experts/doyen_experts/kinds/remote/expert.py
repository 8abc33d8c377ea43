"""The remote expert: one HTTP call a request, retried only while nothing of an answer has come."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import httpx2
from pydantic import BaseModel

from doyen_experts.contract import (
    Answer,
    Delta,
    Expert,
    ExpertRequest,
    ExpertSpec,
    FinishReason,
    Resources,
    TextEncoder,
    Usage,
)
from doyen_experts.kinds.remote import wire
from doyen_experts.kinds.remote.config import RemoteConfig
from doyen_experts.kinds.remote.connection import Connection
from doyen_experts.kinds.remote.errors import PrivateAddressesForbidden, RemoteFailed
from doyen_experts.limits import Cancelled, check, pause, usage
from doyen_experts.registry import parsed_config
from doyen_router.errors import DoyenError

Result = TypeVar("Result")

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 5.0


class RemoteExpert:
    """Thread-safe; connections are kept alive between requests."""

    def __init__(
        self, name: str, config: RemoteConfig, encoder: TextEncoder, secret: Callable[[], str] | None = None
    ) -> None:
        self._name = name
        self._config = config
        self._encoder = encoder
        self._connection = Connection(name, config, secret)

    def answer(self, requests: Sequence[ExpertRequest]) -> list[Answer | Exception]:
        results: list[Answer | Exception] = []
        for request in requests:
            try:
                results.append(self._retried(request, self._whole))
            except DoyenError as error:
                results.append(error)
        return results

    def stream(self, request: ExpertRequest) -> Iterator[Delta]:
        try:
            first, rest = self._retried(request, self._begun)
            yield first
            yield from rest
        except Cancelled:
            return

    def close(self) -> None:
        self._connection.close()

    def _retried(self, request: ExpertRequest, call: Callable[[ExpertRequest], Result]) -> Result:
        attempt = 0
        while True:
            check(request)
            try:
                return call(request)
            except RemoteFailed as failure:
                seconds = _FIRST_PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1)  # noqa: S311 - spreads retries
                seconds = max(seconds, failure.retry_after_seconds or 0)
                left = request.remaining_seconds()
                is_too_late = seconds > _LONGEST_PAUSE_SECONDS or (left is not None and seconds >= left)
                if not failure.is_retryable or attempt == self._config.max_retries or is_too_late:
                    raise
                pause(request, seconds)
                attempt += 1

    def _whole(self, request: ExpertRequest) -> Answer:
        with self._connection.call(request, stream=False) as response:
            content = b"".join(response.iter_bytes())
        try:
            answer = wire.completion(content)
        except wire.WireError as error:
            raise RemoteFailed(self._name, f"sent no chat completion ({error})") from None
        if answer.error is not None or not answer.choices:
            raise RemoteFailed(self._name, "sent an error or no choice")
        return self._finished(request, answer.text, answer.finish_reason or "stop", answer.usage)

    def _begun(self, request: ExpertRequest) -> tuple[Delta, Iterator[Delta]]:
        deltas = self._deltas(request)
        return next(deltas), deltas

    def _deltas(self, request: ExpertRequest) -> Iterator[Delta]:
        parts: list[str] = []
        reason: FinishReason | None = None
        tokens: wire.TokenCount | None = None
        is_done = False
        with self._connection.call(request, stream=True) as response:
            for event in httpx2.EventSource(response):
                is_done = event.data.strip() == "[DONE]"
                if is_done:
                    break
                if not event.data:
                    continue
                try:
                    chunk = wire.completion(event.data)
                except wire.WireError as error:
                    raise RemoteFailed(self._name, f"sent no chat completion chunk ({error})") from None
                if chunk.error is not None or event.event == "error":
                    raise RemoteFailed(self._name, "reported an error while it answered")
                reason, tokens = chunk.finish_reason or reason, chunk.usage or tokens
                if chunk.text:
                    parts.append(chunk.text)
                    yield Delta(chunk.text)
        if not is_done and reason is None:
            raise RemoteFailed(self._name, "ended its answer early")
        yield Delta("", self._finished(request, "".join(parts), reason or "stop", tokens))

    def _finished(
        self, request: ExpertRequest, text: str, reason: FinishReason, tokens: wire.TokenCount | None
    ) -> Answer:
        spent = usage(self._encoder, request, text)
        if tokens is not None:
            spent = Usage(tokens.prompt_tokens, tokens.completion_tokens)
        cost = self._config.cost_usd(spent.prompt_tokens, spent.completion_tokens)
        return Answer(text, spent, finish_reason=reason, cost_usd=cost)


class RemoteKind:
    config_model: type[BaseModel] = RemoteConfig
    uses_store = False
    concurrency = 32
    max_batch = 1  # each request waits for the network on its own thread

    def open(self, spec: ExpertSpec, resources: Resources) -> Expert:
        """Raises Forbidden or Invalid for an address or a secret that it may not have: better now than when asked."""
        config = parsed_config(RemoteConfig, spec.config, kind_name=spec.kind)
        if config.allow_private_addresses and not resources.allow_private_addresses:
            raise PrivateAddressesForbidden(spec.name)
        reference = config.api_key_ref
        if reference is None:
            return RemoteExpert(spec.name, config, resources.encoder)
        resources.secret(reference)
        # Looked up for each call, so that a rotated key is used at once.
        return RemoteExpert(spec.name, config, resources.encoder, lambda: resources.secret(reference))
