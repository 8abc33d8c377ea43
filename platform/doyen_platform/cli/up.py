"""`doyen up`: starts the embedded platform, and tells a newcomer what to do next."""

from __future__ import annotations

import signal
import socket
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from doyen_platform.cli.output import err, fail, out
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
    # Here, not above: a command that only talks to a server should not wait for a server's imports.
    from doyen_platform.cli.serving import serve

    listening = _listen(settings)
    settings = settings.model_copy(update={"port": listening.getsockname()[1]})
    signal.signal(signal.SIGTERM, _leave)
    try:
        started = serve(settings, listening, demo=demo, announce=lambda key: _tell(settings, key, demo=demo))
    except KeyboardInterrupt:
        started = True
    finally:
        listening.close()
    if not started:
        fail("the platform did not start; the lines above say why", code=1)
    err.print("stopped")


def _leave(*_: object) -> NoReturn:
    """The server ends in order and then passes the signal on; an orderly end is no failure."""
    err.print("stopped")
    sys.exit(0)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
        listening.listen(2048)  # now: two that only bind would both believe to have the port
    except OSError as error:
        fail(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}; choose another with --port", code=1)
    return listening


def _tell(settings: Settings, first_run_key: str | None, *, demo: bool) -> None:
    url = f"http://{settings.host}:{settings.port}"
    variable = "DOYEN_ADMIN_KEY" if settings.admin_key is not None else "DOYEN_API_KEY"
    # A variable needs double quotes, or the shell would send its name.
    authorization = (
        f"'Authorization: Bearer {first_run_key}'" if first_run_key else f'"Authorization: Bearer ${variable}"'
    )
    question = "How do I declare a one-to-many relationship?" if demo else "Hello?"
    if first_run_key:
        key = f"{first_run_key}   (shown this once: keep it)"
    elif settings.admin_key is not None:
        key = "the one in DOYEN_ADMIN_KEY"
    else:
        key = "the one that the first start showed; put it into DOYEN_API_KEY"
    lines = [
        f"Doyen serves on {url}",
        f"  documentation  {url}/docs",
        f"  data           {settings.data_dir.absolute()}",
        f"  admin key      {key}",
        "",
        "A first request:",
        f"  curl -s {url}/v1/chat/completions -H {authorization} \\",
        "    -H 'Content-Type: application/json' \\",
        f"""    -d '{{"model": "auto", "messages": [{{"role": "user", "content": "{question}"}}]}}'""",
        "",
    ]
    for line in lines:
        out.print(line, markup=False, highlight=False, soft_wrap=True)
    sys.stdout.flush()
