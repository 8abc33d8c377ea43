"""Server-sent events for the OpenAI client: data lines and bare comments only, since anything else breaks it.

A client that goes away is noticed at once, and its work is cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Mapping
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

PING_SECONDS = 15.0
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}

Result = TypeVar("Result")


class EventStream(Response):
    """Sends what `events` yields, each already a line of JSON; a comment when there is nothing for a while."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes], headers: Mapping[str, str]) -> None:
        super().__init__(headers=HEADERS | dict(headers))
        del self.headers["content-length"]
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_until_gone(receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            step: asyncio.Task[bytes] | None = None
            while True:
                step = step or asyncio.ensure_future(anext(self._events))
                await asyncio.wait({step, gone}, timeout=PING_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if gone.done():
                    step.cancel()
                    with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                        await step
                    return
                if not step.done():
                    await send({"type": "http.response.body", "body": b": ping\n\n", "more_body": True})
                    continue
                try:
                    line = step.result()
                except StopAsyncIteration:
                    break
                step = None
                await send({"type": "http.response.body", "body": b"data: " + line + b"\n\n", "more_body": True})
            await send({"type": "http.response.body", "body": b"data: [DONE]\n\n", "more_body": False})
        finally:
            gone.cancel()
            await self._events.aclose()


async def unless_gone(request: Request, work: Awaitable[Result]) -> Result:
    """Awaits the work, and cancels it when the client goes away. Raises ClientDisconnect then."""
    task = asyncio.ensure_future(work)
    gone = asyncio.create_task(_until_gone(request.receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientDisconnect
    finally:
        gone.cancel()
        if not task.done():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
