"""A small platform to be mistreated, and what must hold of every answer that it gives."""

from __future__ import annotations

import http.client
import json
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from tests.conftest import ADMIN_KEY

from doyen_platform.database.tables import metadata
from doyen_platform.gates.examples import ExampleOrigin
from doyen_platform.gates.models import ExampleRow
from doyen_router.errors import DoyenError

if TYPE_CHECKING:
    from tests.conftest import Server

LONG_FORM = os.environ.get("DOYEN_FUZZ") == "long"
MOST_SECONDS = 5.0
DATABASES = ["sqlite", "postgres"]  # for tests whose input reaches one: indirect parameters of `ground`
# Only what documents make in the background is left out.
KEPT = ("tenants", "keys", "experts", "expert_versions", "documents", "policies", "feedback")


@dataclass(frozen=True)
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    def json(self) -> Any:  # Any: JSON as it came
        """Raises ValueError for NaN and Infinity too, which are no JSON."""
        return json.loads(self.body, parse_constant=_no_json)


class Surprises(logging.Handler):
    """Failures that only the log tells of: a document that fails while it is indexed still gets its 201."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, DoyenError):
            self.found.append(f"{record.getMessage()}: {error!r}")


@dataclass(frozen=True)
class Ground:
    """`expert` keeps documents, `echo` answers with the question; `decision` is one that was recorded.

    Only `expert` has examples, so that no body starts a training.
    """

    server: Server
    expert: str
    echo: str
    decision: str
    tenant: str
    surprises: Surprises

    def send(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        content_type: str | None = "application/json",
        headers: Mapping[str, str | bytes] | None = None,
    ) -> Answered:
        """One request as it is: neither the target nor a header is corrected on the way."""
        sent: dict[str, str | bytes] = {"Authorization": f"Bearer {ADMIN_KEY}"}
        if body is not None and content_type is not None:
            sent["Content-Type"] = content_type
        connection = http.client.HTTPConnection(self.server.url.removeprefix("http://"), timeout=60)
        started = time.perf_counter()
        try:
            connection.request(method, target, body, sent | dict(headers or {}))
            answer = connection.getresponse()
            return Answered(
                answer.status,
                {name.lower(): value for name, value in answer.getheaders()},
                answer.read(),
                time.perf_counter() - started,
            )
        finally:
            connection.close()

    def rows(self) -> dict[str, int]:
        """How much is stored of what only a request can add or remove."""
        with self.server.platform.database.read() as session:
            counts = {name: session.scalar(select(func.count()).select_from(metadata.tables[name])) for name in KEPT}
            owners = select(func.count()).where(ExampleRow.origin != ExampleOrigin.DOCUMENTS)
            counts["examples"] = session.scalar(owners)
        return {name: count or 0 for name, count in counts.items()}


def check_answer(target: str, answer: Answered, *, allowed: frozenset[int] = frozenset()) -> None:
    """No failure of the platform's own, in time, and an error in the shape of its part of the API."""
    told = f"{target[:200]}: {answer.status} {answer.body[:500]!r}"
    assert answer.status < 500 or answer.status in allowed, told
    assert answer.seconds < MOST_SECONDS, f"{answer.seconds:.1f} s, {told}"
    assert "x-request-id" in answer.headers, told
    if answer.status >= 400:
        check_error_shape(target, answer)
    elif answer.body and answer.headers.get("content-type") == "application/json":
        answer.json()
    elif answer.headers.get("content-type", "").startswith("text/event-stream"):
        assert answer.body.endswith(b"data: [DONE]\n\n"), told
        assert b'"internal_error"' not in answer.body, told


def check_error_shape(target: str, answer: Answered) -> None:
    told = f"{target[:200]}: {answer.status} {answer.headers} {answer.body[:500]!r}"
    body = answer.json()
    if target.startswith("/v1/"):
        assert answer.headers["content-type"] == "application/json", told
        assert set(body) == {"error"}, told
        assert set(body["error"]) == {"message", "type", "param", "code"}, told
        assert body["error"]["message"], told
        assert body["error"]["type"], told
    else:
        assert answer.headers["content-type"] == "application/problem+json", told
        assert body["status"] == answer.status, told
        assert body["type"].startswith("urn:doyen:problem:"), told
        assert body["title"], told
        assert body["detail"], told


def _no_json(word: str) -> None:
    raise ValueError(f"{word} is no JSON")
