"""`doyen up`: starts the embedded platform, and tells a newcomer what to do next."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

from doyen_platform.cli.output import err, fail, out, progress
from doyen_platform.settings import Settings, load_settings


def up(
    demo: Annotated[
        bool, typer.Option("--demo", help="With experts over the documents of installed packages.")
    ] = False,
    host: Annotated[str | None, typer.Option("--host", help="Default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option("--port", min=0, max=65535, help="Default 8000.")] = None,
    data: Annotated[Path | None, typer.Option("--data", help="Where everything is kept.")] = None,
) -> None:
    """Starts the platform in one process: no Redis, no Docker. Ctrl-C stops it.

    Example: doyen up --demo
    """
    overrides = {"host": host, "port": port, "data_dir": data}
    settings = load_settings(**{name: value for name, value in overrides.items() if value is not None})
    _serve(settings, demo=demo)


def _serve(settings: Settings, *, demo: bool) -> None:
    # Here, not above: a command that only talks to a server should not wait for a server's imports.
    import uvicorn

    from doyen_platform.app import create_app
    from doyen_platform.demo.installation import DemoInstallation
    from doyen_platform.logs import configure_logs

    configure_logs(settings.log_level)
    listening = _listen(settings)
    settings = settings.model_copy(update={"port": listening.getsockname()[1]})
    app = create_app(settings)
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=10, server_header=False)
    )
    started = server.startup
    installation: list[DemoInstallation] = []

    async def startup_and_tell(sockets: list[socket.socket] | None = None) -> None:
        await started(sockets)
        if not server.started:
            return
        _tell(settings, app.state.platform.first_run_key, demo=demo)
        if demo:
            installation.append(DemoInstallation(app.state.platform, tell=progress))
            installation[0].start()

    server.startup = startup_and_tell  # type: ignore[method-assign]  # uvicorn's own way in is a subclass; this is less
    try:
        server.run(sockets=[listening])
    except KeyboardInterrupt:
        pass
    finally:
        for one in installation:
            one.stop()
        listening.close()
    if not server.started:
        fail("the platform did not start; the lines above say why", code=1)
    err.print("stopped")


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        fail(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}; choose another with --port", code=1)
    return listening


def _tell(settings: Settings, first_run_key: str | None, *, demo: bool) -> None:
    url = f"http://{settings.host}:{settings.port}"
    given = settings.admin_key is not None
    key = first_run_key or ("$DOYEN_ADMIN_KEY" if given else "$DOYEN_API_KEY")
    question = "How do I declare a one-to-many relationship?" if demo else "Hello?"
    lines = [
        f"Doyen serves on {url}",
        f"  documentation  {url}/docs",
        f"  data           {settings.data_dir.absolute()}",
    ]
    if first_run_key:
        lines += [f"  admin key      {first_run_key}   (shown this once; keep it)"]
    elif given:
        lines += ["  admin key      the one in DOYEN_ADMIN_KEY"]
    else:
        lines += ["  admin key      the one that the first start showed"]
    lines += [
        "",
        "A first request:",
        f"  curl -s {url}/v1/chat/completions -H 'Authorization: Bearer {key}' \\"
        if first_run_key
        else f'  curl -s {url}/v1/chat/completions -H "Authorization: Bearer {key}" \\',
        "    -H 'Content-Type: application/json' \\",
        f"""    -d '{{"model": "auto", "messages": [{{"role": "user", "content": "{question}"}}]}}'""",
        "",
    ]
    for line in lines:
        out.print(line, markup=False, highlight=False, soft_wrap=True)
    sys.stdout.flush()
