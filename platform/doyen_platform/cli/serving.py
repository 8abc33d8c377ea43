"""The server of `doyen up`: uvicorn, with something to say when it listens and something to end before it stops."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from doyen_platform.app import create_app
from doyen_platform.cli.output import progress
from doyen_platform.demo.installation import DemoInstallation
from doyen_platform.embedded import open_embedded
from doyen_platform.logs import configure_logs
from doyen_platform.settings import Settings

Announce = Callable[[str | None], None]


class Server(uvicorn.Server):
    def __init__(self, app: FastAPI, *, demo: bool, announce: Announce) -> None:
        super().__init__(
            uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=10, server_header=False)
        )
        self._app = app
        self._demo = demo
        self._announce = announce
        self._installation: DemoInstallation | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.started:
            return
        self._announce(self._app.state.platform.first_run_key)
        if self._demo:
            self._installation = DemoInstallation(self._app.state.platform, tell=progress)
            self._installation.start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._installation is not None:
            await asyncio.to_thread(self._installation.stop)
        await super().shutdown(sockets)


def serve(settings: Settings, listening: socket.socket, *, demo: bool, announce: Announce) -> bool:
    """Until it is stopped. `announce` gets the key that a first run made. False when it never came up.

    Raises what `open_embedded` raises.
    """
    configure_logs(settings.log_level)
    # Opened before the server: what goes wrong is told in one line, not in a traceback of the server's.
    platform = open_embedded(settings)
    server = Server(create_app(settings, platform=platform), demo=demo, announce=announce)
    server.run(sockets=[listening])
    return server.started
