"""Clients that go away, queues that are full, and answers that come too late or not at all."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import openai
import pytest
from tests.conftest import Server, make_settings, serving, until
from tests.platform.conftest import Json

Echo = Callable[..., tuple[str, str]]
WORDS = " ".join(["word"] * 200)


def send(server: Server, key: str, body: Json) -> socket.socket:
    """A request on a bare connection, so that the test decides when it breaks."""
    address, content = urlsplit(server.url), json.dumps(body).encode()
    connection = socket.create_connection((str(address.hostname), address.port or 0), timeout=10)
    connection.sendall(
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n".encode()
        + content
    )
    return connection


def only_decision(server: Server, key: str) -> Json | None:
    with server.http(key) as http:
        data = http.get("/v1/routing/decisions").json()["data"]
    assert len(data) <= 1
    return data[0] if data else None


@pytest.mark.parametrize("moment", ["while it streams", "before the first word", "before the plain answer"])
def test_a_client_that_goes_away_cancels_its_experts_work(
    server: Server, echo: Echo, moment: str, caplog: pytest.LogCaptureFixture
) -> None:
    slow = {"chunks_per_second": 20} if moment == "while it streams" else {"delay_seconds": 30}
    name, key = echo(**slow)
    stream = moment != "before the plain answer"
    body = {"model": name, "stream": stream, "messages": [{"role": "user", "content": WORDS}]}
    with send(server, key, body) as connection:
        if moment == "while it streams":
            received = b""
            while b'"content":" word"' not in received:
                received += connection.recv(65536)
        else:
            until(lambda: server.platform.dispatcher.lanes().get(name) is not None)
            time.sleep(0.2)
    until(lambda: only_decision(server, key) is not None, seconds=5)
    decision = only_decision(server, key)
    assert decision is not None
    assert decision["outcome"] == "cancelled"
    assert [execution["state"] for execution in decision["executions"]] == ["cancelled"]
    assert decision["streamed"] is stream
    until(lambda: server.platform.dispatcher.lanes()[name].running == 0, seconds=5)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_an_expert_that_fails_is_said_and_recorded(server: Server, echo: Echo) -> None:
    name, key = echo(fail_rate=1.0)
    client = server.openai(key)
    for stream in (False, True):
        with pytest.raises(openai.InternalServerError) as failed:
            client.chat.completions.create(  # type: ignore[call-overload]  # the client's overloads want literals
                model=name, messages=[{"role": "user", "content": "x"}], stream=stream
            )
        assert (failed.value.status_code, failed.value.code) == (503, "echo_failed")
    with server.http(key) as http:
        decisions = http.get("/v1/routing/decisions").json()["data"]
    assert [(one["outcome"], one["error"]) for one in decisions] == [("failed", "echo_failed")] * 2
    assert [one["executions"][0]["state"] for one in decisions] == ["failed"] * 2


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A platform whose queues hold one request, and whose requests have a second."""
    data = tmp_path_factory.mktemp("narrow")
    with serving(make_settings(data, queue_length=1, request_timeout_seconds=1.5)) as running:
        yield running


def test_a_full_queue_is_429_with_retry_after(narrow: Server) -> None:
    name = narrow.expert(kind="echo", config={"delay_seconds": 1.0})
    key = narrow.key("app")
    statuses: list[int] = []
    limited: list[openai.RateLimitError] = []

    def ask() -> None:
        try:
            narrow.openai(key).chat.completions.create(
                model=name, messages=[{"role": "user", "content": "x"}], stream=True
            ).close()
            statuses.append(200)
        except openai.RateLimitError as error:
            limited.append(error)
        except openai.APIStatusError as error:
            statuses.append(error.status_code)

    # The kind runs 64 at once; one waits; the others are refused.
    threads = [threading.Thread(target=ask) for _ in range(90)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert limited, statuses
    assert limited[0].code == "overloaded"
    assert int(limited[0].response.headers["retry-after"]) >= 1
    assert 200 in statuses
    assert set(statuses) <= {200, 504}
    with narrow.http() as http:
        assert http.get("/readyz").status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_after_the_deadline_is_504(narrow: Server, stream: bool) -> None:
    name = narrow.expert(kind="echo", config={"delay_seconds": 20})
    started = time.monotonic()
    with pytest.raises(openai.APIStatusError) as late:
        narrow.openai(narrow.key("app")).chat.completions.create(  # type: ignore[call-overload]
            model=name, messages=[{"role": "user", "content": "x"}], stream=stream
        )
    assert late.value.status_code == 504
    assert late.value.code in ("deadline_exceeded", "deadline_passed")
    assert time.monotonic() - started < 5


def test_a_deadline_inside_a_stream_is_an_error_event(narrow: Server) -> None:
    name = narrow.expert(kind="echo", config={"chunks_per_second": 10})
    key = narrow.key("app", tenant=narrow.tenant())
    body = {"model": name, "stream": True, "messages": [{"role": "user", "content": WORDS}]}
    with narrow.http(key) as http:
        lines = [line for line in http.post("/v1/chat/completions", json=body).text.splitlines() if line]
    assert all(line.startswith(("data: ", ":")) for line in lines)
    assert lines[-1] == "data: [DONE]"
    assert json.loads(lines[-2][6:])["error"]["code"] in ("deadline_exceeded", "deadline_passed")
    with pytest.raises(openai.APIError) as raised:
        for _ in narrow.openai(key).chat.completions.create(  # type: ignore[call-overload]
            model=name, messages=[{"role": "user", "content": WORDS}], stream=True
        ):
            pass
    assert "deadline" in raised.value.message
    with narrow.http(key) as http:
        outcomes = {one["outcome"] for one in http.get("/v1/routing/decisions").json()["data"]}
    assert outcomes == {"failed"}
