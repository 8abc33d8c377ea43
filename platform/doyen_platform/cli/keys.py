"""`doyen keys`: create, list, revoke."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

from doyen_platform.cli.client import DEFAULT_URL, ApiKey, Client, Url
from doyen_platform.cli.output import AsJson, out, print_json, print_table
from doyen_platform.keys.scopes import Scope

app = typer.Typer(help="API keys: create, list, revoke.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is, or what for.")],
    scope: Annotated[list[Scope], typer.Option("--scope", help="Repeatable.")] = [Scope.APP],  # noqa: B006
    tenant: Annotated[str, typer.Option("--tenant", help="'all': every tenant; admin keys only.")] = "default",
    days: Annotated[int | None, typer.Option("--days", min=1, max=3650, help="It expires after so many days.")] = None,
    url: Url = DEFAULT_URL,
    key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Makes a key, and shows it this once.

    Example: doyen keys create shop-frontend --days 90
    """
    expires_at = None if days is None else (dt.datetime.now(dt.UTC) + dt.timedelta(days=days)).isoformat()
    body = {
        "name": name,
        "scopes": [one.value for one in scope],
        "tenant": None if tenant == "all" else tenant,
        "expires_at": expires_at,
    }
    told = Client(url, key).call("POST", "/admin/keys", body=body)
    print_json(told) if as_json else out.print(told["key"], highlight=False, soft_wrap=True)


@app.command("list")
def list_keys(url: Url = DEFAULT_URL, key: ApiKey = None, as_json: AsJson = False) -> None:
    """All keys; never the keys themselves."""
    told = Client(url, key).call("GET", "/admin/keys")
    if as_json:
        print_json(told)
        return
    print_table(
        ["id", "begins", "name", "tenant", "scopes", "expires", "revoked"],
        [
            (
                row["id"],
                row["hint"],
                row["name"],
                row["tenant"] or "all",
                ",".join(row["scopes"]),
                (row["expires_at"] or "never")[:19],
                (row["revoked_at"] or "")[:19],
            )
            for row in told["data"]
        ],
    )


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="The key's id, as `doyen keys list` shows it.")],
    url: Url = DEFAULT_URL,
    key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """At once."""
    told = Client(url, key).call("DELETE", f"/admin/keys/{key_id}")
    print_json(told) if as_json else out.print(f"{told['name']} is revoked")
