"""`doyen`: all commands together, and how their failures look."""

from __future__ import annotations

import sys

import typer

from doyen_platform.cli import (
    decisions,
    demo,
    encoder,
    experts,
    gate,
    gates,
    governance,
    keys,
    migrate,
    quality,
    questions,
    up,
)
from doyen_platform.cli.output import fail
from doyen_router.errors import DoyenError

app = typer.Typer(
    name="doyen",
    help="Requests go to the expert who knows.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("up")(up.up)
app.command("demo")(demo.demo)
app.command("ask")(questions.ask)
app.command("route")(questions.route)
app.add_typer(experts.app, name="expert")
app.add_typer(gate.app, name="gate")
gate.app.command("list")(gates.list_gates)
gate.app.command("train")(gates.train)
gate.app.command("promote")(gates.promote)
gate.app.command("rollback")(gates.rollback)
app.add_typer(encoder.app, name="encoder")
app.add_typer(quality.app, name="quality")
app.add_typer(decisions.app, name="decisions")
app.command("feedback")(governance.feedback)
app.add_typer(governance.policies, name="policy")
app.add_typer(governance.tenants, name="tenant")
app.add_typer(keys.app, name="keys")
app.command("migrate")(migrate.migrate)


def main() -> None:
    """A mistake of the user is one clear line and exit code 2, never a traceback."""
    try:
        app()
    except DoyenError as error:
        fail(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
