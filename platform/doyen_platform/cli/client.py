"""The command line as a client of a running platform: everything it does goes through the same API as anybody's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import httpx2
import orjson
import typer

from doyen_platform.cli.output import fail

Url = Annotated[str, typer.Option("--url", envvar="DOYEN_URL", help="Where the platform listens.")]
ApiKey = Annotated[
    str | None,
    typer.Option("--key", envvar=["DOYEN_API_KEY", "DOYEN_ADMIN_KEY"], help="An API key.", show_default=False),
]
DEFAULT_URL = "http://127.0.0.1:8000"


class Refused(Exception):
    """The platform answered, with an error; the message is its own."""

    def __init__(self, answer: httpx2.Response) -> None:
        self.status = answer.status_code
        super().__init__(_message(answer))


class Client:
    def __init__(self, url: str, key: str | None) -> None:
        if key is None:
            fail("no API key: set DOYEN_API_KEY (or DOYEN_ADMIN_KEY), or pass --key")
        self._url = url.rstrip("/")
        self._http = httpx2.Client(
            base_url=self._url, headers={"Authorization": f"Bearer {key}"}, timeout=httpx2.Timeout(700, connect=5)
        )

    def call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        params: Mapping[str, Any] | None = None,  # Any: query values
        files: Any = None,  # Any: httpx's own shapes
    ) -> Any:  # Any: JSON
        """The answer's JSON, None for an empty one. An error ends the program with the server's own message."""
        try:
            return self.attempt(method, path, body=body, params=params, files=files)
        except Refused as refused:
            fail(str(refused), code=1)

    def attempt(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        params: Mapping[str, Any] | None = None,  # Any: query values
        files: Any = None,  # Any: httpx's own shapes
    ) -> Any:  # Any: JSON
        """As `call`, but `Refused` is raised when the platform answers with an error."""
        wanted = {name: value for name, value in (params or {}).items() if value is not None}
        content = None if body is None else orjson.dumps(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            answer = self._http.request(method, path, content=content, params=wanted, files=files, headers=headers)
        except httpx2.HTTPError as error:
            fail(self._unanswered(error), code=1)
        if answer.is_error:
            raise Refused(answer)
        return answer.json() if answer.content else None

    @contextmanager
    def stream(self, path: str, body: object) -> Iterator[tuple[Mapping[str, str], Iterator[dict[str, Any]]]]:
        """The headers and the events of a stream."""
        headers = {"Content-Type": "application/json"}
        try:
            with self._http.stream("POST", path, content=orjson.dumps(body), headers=headers) as answer:
                if answer.is_error:
                    answer.read()
                    fail(_message(answer), code=1)
                yield answer.headers, _events(answer.iter_lines())
        except httpx2.HTTPError as error:
            fail(self._unanswered(error), code=1)

    def _unanswered(self, error: httpx2.HTTPError) -> str:
        if isinstance(error, httpx2.ConnectError):
            return f"nothing answers at {self._url}: is the platform up? (doyen up)"
        return f"{self._url} did not answer: {error}"


def _events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:  # Any: JSON
    for line in lines:
        if line.startswith("data: ") and line != "data: [DONE]":
            yield orjson.loads(line[6:])


def _message(answer: httpx2.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        return f"the platform answered {answer.status_code}"
    if "error" in body:
        return str(body["error"]["message"])
    parts = [f"{part['pointer']}: {part['detail']}" for part in body.get("errors", [])]
    return "; ".join([str(body.get("detail", answer.status_code)), *parts[1:]])
