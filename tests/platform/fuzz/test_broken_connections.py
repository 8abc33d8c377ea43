"""Connections that break half way, or dribble: nothing is stored, and all others are served meanwhile."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import time
from collections.abc import Callable, Iterator

import pytest
from tests.conftest import ADMIN_KEY, until
from tests.platform.fuzz.bodies import BOUNDARY
from tests.platform.fuzz.ground import Ground

AUTHORIZED = f"Host: doyen\r\nAuthorization: Bearer {ADMIN_KEY}\r\n"
DOCUMENT = b"Water tomatoes at the root.\n" * 2_000


def post(target: str, content_type: str, framing: str) -> bytes:
    return f"POST {target} HTTP/1.1\r\n{AUTHORIZED}Content-Type: {content_type}\r\n{framing}\r\n\r\n".encode()


def upload(ground: Ground, count: int = 2) -> tuple[bytes, bytes]:
    """The head and the body of an upload of files that would do."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="%s.md"\r\n\r\n'
    body = b"".join((head % number).encode() + DOCUMENT + b"\r\n" for number in range(count))
    body += f"--{BOUNDARY}--\r\n".encode()
    target = f"/admin/experts/{ground.expert}/documents/files?wait_seconds=0"
    return post(target, f"multipart/form-data; boundary={BOUNDARY}", f"Content-Length: {len(body)}"), body


def registration() -> tuple[bytes, bytes]:
    document = {"title": "Roses", "text": DOCUMENT.decode()}
    body = json.dumps({"name": "cut-off", "description": "Roses.", "documents": [document]}).encode()
    return post("/admin/experts", "application/json", f"Content-Length: {len(body)}"), body


@contextlib.contextmanager
def connected(ground: Ground) -> Iterator[socket.socket]:
    host, port = ground.server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        yield connection


def reset(connection: socket.socket) -> None:
    """Closed with a reset, as by a crash, not with a farewell."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def farewell(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_WR)


def failures(ground: Ground) -> int:
    """Answers with a status of the platform's own failing, as its metrics count them."""
    metrics = ground.send("GET", "/metrics").body.decode()
    counted = re.findall(
        r'^doyen_http_request_duration_seconds_count{.*status="(\d+)".*} (\S+)$', metrics, re.MULTILINE
    )
    assert counted
    return sum(int(float(count)) for status, count in counted if status.startswith("5"))


@pytest.mark.parametrize("part", [0.0, 0.3, 0.99])
@pytest.mark.parametrize("end", [reset, farewell])
def test_a_body_that_breaks_off_stores_nothing(
    ground: Ground, part: float, end: Callable[[socket.socket], None]
) -> None:
    before, failed = ground.rows(), failures(ground)
    for head, body in (upload(ground), registration()):
        for _ in range(5):
            with connected(ground) as connection:
                connection.sendall(head + body[: int(len(body) * part)])
                end(connection)
    time.sleep(0.2)  # what they might have begun would show by then
    assert ground.rows() == before
    assert failures(ground) == failed
    assert ground.send("GET", "/admin/experts/cut-off").status == 404


def test_the_same_bodies_whole_are_stored(ground: Ground) -> None:
    before = ground.rows()["documents"]
    with connected(ground) as connection:
        connection.sendall(b"".join(upload(ground, count=1)))
        assert connection.recv(64).startswith(b"HTTP/1.1 201")
    assert ground.rows()["documents"] == before + 1
    with connected(ground) as connection:
        connection.sendall(b"".join(registration()))
        assert connection.recv(64).startswith(b"HTTP/1.1 201")
    assert ground.send("DELETE", "/admin/experts/cut-off").status == 204


@pytest.mark.parametrize(
    "sent",
    [
        *(
            b"\r\n\r\n",
            b"GET",
            b"GET / HTTP/9.9\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01",
            b"\x00" * 1_000,
            b"GET /" + b"a" * 200_000,
        ),
        b"GET /livez HTTP/1.1\r\n" + b"X: " + b"a" * 200_000,
        post("/admin/tenants", "application/json", "Transfer-Encoding: chunked") + b'5\r\n{"id"\r\n',
        post("/admin/tenants", "application/json", "Transfer-Encoding: chunked") + b"zz\r\nxx\r\n",
        post("/admin/tenants", "application/json", "Transfer-Encoding: chunked") + b"ffffffffffffffff\r\n{",
        post("/admin/tenants", "application/json", "Content-Length: -1") + b"{}",
        post("/admin/tenants", "application/json", "Content-Length: 1\r\nContent-Length: 2") + b"{}",
        post("/admin/tenants", "application/json", "Content-Length: 2\r\nTransfer-Encoding: chunked") + b"0\r\n\r\n",
        post("/admin/tenants", "application/json", "Content-Length: 99\r\nExpect: 100-continue"),
        post("/admin/tenants", "application/json", "Content-Length: 99999999999") + b"{}",
    ],
)
def test_what_is_no_request_is_no_failure(ground: Ground, sent: bytes) -> None:
    before, failed = ground.rows(), failures(ground)
    with connected(ground) as connection, contextlib.suppress(ConnectionError):
        connection.settimeout(0.3)
        connection.sendall(sent)
        with contextlib.suppress(TimeoutError):
            answer = connection.recv(4_096)
            assert answer[:12] in (b"", b"HTTP/1.1 100", b"HTTP/1.1 400", b"HTTP/1.1 404", b"HTTP/1.1 413"), answer
    assert ground.send("GET", "/livez").status == 200
    assert (ground.rows(), failures(ground)) == (before, failed)


def test_dribblers_keep_nobody_waiting(ground: Ground) -> None:
    """Forty connections that send a byte now and then, half of them headers and half of them bodies."""
    question = {"model": ground.echo, "messages": [{"role": "user", "content": "Hello there"}]}
    head, body = upload(ground)
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(connected(ground)) for _ in range(40)]
        for connection in slow[20:]:
            connection.sendall(head)
        waited = []
        for step in range(25):
            for number, connection in enumerate(slow):
                connection.sendall((head if number < 20 else body)[step : step + 1])
            answer = ground.send("POST", "/v1/chat/completions", json.dumps(question).encode())
            assert answer.status == 200, answer.body
            waited.append(answer.seconds)
            time.sleep(0.05)
    assert sorted(waited)[len(waited) // 2] < 0.5, waited
    assert max(waited) < 2.0, waited
    until(lambda: ground.send("GET", "/readyz").status == 200)
