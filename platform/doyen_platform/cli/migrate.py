"""`doyen migrate`: the database's schema, up or down."""

from __future__ import annotations

from typing import Annotated

import typer

from doyen_platform.cli.output import AsJson, out, print_json
from doyen_platform.settings import load_settings


def migrate(
    revision: Annotated[str, typer.Argument(help="Where to: head, or a revision.")] = "head",
    down: Annotated[bool, typer.Option("--down", help="Downgrade to the revision instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Brings the database of DOYEN_DATABASE_URL, or the embedded one, to a revision. Safe to run twice at once."""
    from doyen_platform.database.migrations import downgrade, upgrade
    from doyen_platform.database.transactions import Database

    settings = load_settings()
    database = Database(settings.database())
    try:
        (downgrade if down else upgrade)(database, revision)
    finally:
        database.close()
    if as_json:
        print_json({"revision": revision})
    else:
        out.print(f"the database stands at {revision}")
