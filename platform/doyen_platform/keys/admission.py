"""Turns callers without a valid key away before their body is read. What a key may do, each route declares."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from doyen_platform.keys.access import KeyRing, Unauthorized
from doyen_platform.web.errors import answer_error

GUARDED = ("/v1/", "/admin/", "/analytics/")


class Admission:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(GUARDED):
            ring: KeyRing = scope["app"].state.platform.keyring
            try:
                ring.bearer(Headers(scope=scope).get("authorization"))
            except Unauthorized as error:
                answer = answer_error(Request(scope), 401, str(error), code=error.code)
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)
