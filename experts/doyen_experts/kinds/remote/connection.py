"""One HTTP call to the other side: its limits, its key, and every failure turned into a fact that may be shown."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx2

from doyen_experts.contract import ExpertRequest
from doyen_experts.kinds.remote import wire
from doyen_experts.kinds.remote.addresses import PinnedTransport
from doyen_experts.kinds.remote.config import RemoteConfig
from doyen_experts.kinds.remote.errors import RemoteFailed
from doyen_experts.limits import check

_RETRIED = {429, 502, 503, 504}
_MAX_BODY_BYTES = 16_000_000
_REASONS = {
    400: "refused the request as malformed",
    401: "refused its key; check the secret that api_key_ref names",
    403: "refused its key; check the secret that api_key_ref names",
    404: "does not know its model or path; check model and base_url",
    429: "is busy",
}


class Connection:
    """Thread-safe; connections are kept alive between calls."""

    def __init__(self, name: str, config: RemoteConfig, secret: Callable[[], str] | None) -> None:
        self._name = name
        self._config = config
        self._secret = secret
        self._client = httpx2.Client(
            transport=PinnedTransport(name, allow_private_addresses=config.allow_private_addresses),
            headers={"user-agent": "doyen", **config.extra_headers},
            follow_redirects=False,
            trust_env=False,
        )

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def call(self, request: ExpertRequest, *, stream: bool) -> Iterator[httpx2.Response]:
        """An answer of status 200, its body unread. Everything that can go wrong leaves here as a DoyenError."""
        config = self._config
        left = request.remaining_seconds()
        seconds = config.timeout_seconds if left is None else max(0.001, min(left, config.timeout_seconds))
        headers = {"content-type": "application/json", "accept-encoding": "identity"}
        if self._secret is not None:
            headers["authorization"] = f"Bearer {self._secret()}"
        try:
            with self._client.stream(
                "POST",
                f"{config.base_url}/chat/completions",
                content=wire.body(request, model=config.model, system_prompt=config.system_prompt, stream=stream),
                headers=headers,
                timeout=httpx2.Timeout(seconds, connect=min(seconds, config.connect_timeout_seconds)),
            ) as response:
                if response.status_code != 200:
                    raise self._refused(response)
                assert isinstance(response.stream, httpx2.SyncByteStream)
                response.stream = _Watched(response.stream, request, self._name, seconds)
                yield response
        # Nothing is chained: httpx2 errors carry the request, and with it the key.
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            check(request)
            raise RemoteFailed(self._name, "cannot be reached", is_retryable=True) from None
        except httpx2.TimeoutException:
            check(request)
            raise RemoteFailed(self._name, f"did not answer within {seconds:.3g} seconds") from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise RemoteFailed(self._name, f"broke the connection ({type(error).__name__})") from None

    def _refused(self, response: httpx2.Response) -> RemoteFailed:
        status = response.status_code
        if response.is_redirect:
            return RemoteFailed(
                self._name, f"redirects ({status}), which is not followed; check base_url", status=status
            )
        return RemoteFailed(
            self._name,
            f"{_REASONS.get(status, 'failed')} (HTTP {status})",
            status=status,
            is_retryable=status in _RETRIED,
            retry_after_seconds=_retry_after(response.headers.get("retry-after", "")),
        )


class _Watched(httpx2.SyncByteStream):
    """A body that ends with its caller's patience: a server that drips bytes or sends without end is cut off."""

    def __init__(self, inner: httpx2.SyncByteStream, request: ExpertRequest, name: str, seconds: float) -> None:
        self._inner = inner
        self._request = request
        self._name = name
        self._seconds = seconds
        self._until = time.monotonic() + seconds

    def __iter__(self) -> Iterator[bytes]:
        left_bytes = _MAX_BODY_BYTES
        for part in self._inner:
            check(self._request)
            left_bytes -= len(part)
            if left_bytes < 0:
                raise RemoteFailed(self._name, f"sent more than {_MAX_BODY_BYTES:,} bytes")
            if time.monotonic() > self._until:
                raise RemoteFailed(self._name, f"did not finish within {self._seconds:.3g} seconds")
            yield part

    def close(self) -> None:
        self._inner.close()


def _retry_after(value: str) -> float | None:
    try:
        seconds = float(value)
    except ValueError:
        return None  # a date, or nothing
    return seconds if 0 <= seconds < 86_400 else None
