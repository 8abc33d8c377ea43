"""A real HTTP server on 127.0.0.1 that plays what a test gives it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from doyen_experts.contract import Expert
from doyen_experts.kinds.remote import RemoteKind

Play = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Server:
    """Plays one script a request, the last one again for all further requests; keeps what was asked."""

    plays: list[Play] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    connections: set[int] = field(default_factory=set)
    port: int = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


def reply(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in ({"content_type": "application/json"} | headers).items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


class Plays:
    """What the server may do with one request."""

    @staticmethod
    def whole(text: str, reason: str = "stop", usage: tuple[int, int] | None = (7, 3)) -> Play:
        answer: dict[str, Any] = {"choices": [{"message": {"content": text}, "finish_reason": reason}]}
        if usage:
            answer["usage"] = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
        return lambda handler: reply(handler, 200, json.dumps(answer).encode())

    @staticmethod
    def status(code: int, body: bytes = b'{"error": {"message": "sk-very-secret is wrong"}}', **headers: str) -> Play:
        return lambda handler: reply(handler, code, body, **headers)

    @staticmethod
    def streamed(*parts: bytes, pause: Callable[[], object] = lambda: None) -> Play:
        """Each part in a write of its own, then the end of the connection."""

        def play(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("content-type", "text/event-stream; charset=utf-8")
            handler.send_header("connection", "close")
            handler.end_headers()
            for part in parts:
                handler.wfile.write(part)
                handler.wfile.flush()
                pause()
            handler.close_connection = True

        return play


@pytest.fixture
def play() -> type[Plays]:
    return Plays


@pytest.fixture
def server() -> Iterator[Server]:
    script = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def do_POST(self) -> None:
            script.paths.append(self.path)
            script.connections.add(self.client_address[1])
            script.headers.append({name.lower(): value for name, value in self.headers.items()})
            script.bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            play = script.plays.pop(0) if len(script.plays) > 1 else script.plays[0]
            try:
                play(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Silence: the tests look at what was kept."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    script.port = http.server_port
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield script
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def remote(server: Server, resources, spec) -> Iterator[Callable[..., Expert]]:
    opened: list[Expert] = []

    def make(**config: object) -> Expert:
        fields = {"base_url": server.base_url, "model": "m-1", "allow_private_addresses": True, "timeout_seconds": 5}
        opened.append(RemoteKind().open(spec("remote", fields | config), resources))
        return opened[-1]

    yield make
    for expert in opened:
        expert.close()
