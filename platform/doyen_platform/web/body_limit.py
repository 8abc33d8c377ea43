"""Refuses bodies that are too large, in the API's own shapes, before they fill the memory.

The framework's own limit answers in plain text when the length is declared, and lets no handler change that.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from doyen_platform.web.errors import answer_error


class BodyLimit:
    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told = f"the body is larger than the {self._max_bytes:,} bytes that are taken"
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > self._max_bytes:
            await answer_error(Request(scope), 413, told, code="content_too_large")(scope, receive, send)
            return
        received = 0

        async def receive_at_most() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                raise HTTPException(413, told)
            return message

        await self._app(scope, receive_at_most, send)
