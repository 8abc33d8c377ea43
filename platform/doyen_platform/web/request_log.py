"""Gives every request an id, every answer its `x-request-id`, and the metrics its time.

Pure ASGI: streams and disconnects pass untouched. Bodies, keys and query strings are never looked at.
"""

from __future__ import annotations

import re
import time
import uuid

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ACCEPTED = re.compile(r"^[\w-]{1,128}$", re.ASCII)


class RequestLog:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"), "")
        request_id = given if ACCEPTED.match(given) else f"req_{uuid.uuid4().hex}"
        scope.setdefault("state", {})["request_id"] = request_id
        started, status = time.perf_counter(), 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            platform = getattr(scope["app"].state, "platform", None)
            if platform is not None:
                # The route's template, not the path: a path holds ids, and labels must stay few.
                route = getattr(scope.get("route"), "path", "none")
                platform.metrics.request(route, scope["method"], status, time.perf_counter() - started)
