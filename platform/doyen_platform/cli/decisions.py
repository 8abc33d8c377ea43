"""`doyen decisions`: list, show, replay."""

from __future__ import annotations

from typing import Annotated

import typer

from doyen_platform.cli.client import DEFAULT_URL, ApiKey, Client, Url
from doyen_platform.cli.output import AsJson, fail, out, print_json, print_table

app = typer.Typer(help="Routing decisions: list, show, replay.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="The decision's id, as in the header x-doyen-decision-id.")]


@app.command("list")
def list_decisions(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100)] = 20,
    expert: Annotated[str | None, typer.Option("--expert")] = None,
    after: Annotated[str | None, typer.Option("--after", help="The id that the next page begins after.")] = None,
    url: Url = DEFAULT_URL,
    key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """The newest first."""
    params = {"limit": limit, "expert": expert, "after": after}
    told = Client(url, key).call("GET", "/v1/routing/decisions", params=params)
    if as_json:
        print_json(told)
        return
    print_table(
        ["id", "at", "expert", "reason", "confidence", "outcome", "ms"],
        [
            (
                row["id"],
                row["created_at"][:19],
                row["expert"],
                row["reason"],
                f"{row['confidence']:.3f}",
                row["outcome"],
                f"{row['timing']['total_ms']:.1f}",
            )
            for row in told["data"]
        ],
    )


@app.command()
def show(decision_id: Id, url: Url = DEFAULT_URL, key: ApiKey = None, as_json: AsJson = False) -> None:
    """One decision, whole."""
    told = Client(url, key).call("GET", f"/v1/routing/decisions/{decision_id}")
    print_json(told) if as_json else out.print_json(data=told)


@app.command()
def replay(decision_id: Id, url: Url = DEFAULT_URL, key: ApiKey = None, as_json: AsJson = False) -> None:
    """Decides again from what was stored. Exit code 0: the identical choice; 1: another, or it cannot be told."""
    told = Client(url, key).call("POST", f"/admin/decisions/{decision_id}/replay")
    if as_json:
        print_json(told)
    elif told["identical"]:
        out.print(f"identical: {', '.join(told['replayed']) or 'nobody'}")
    if not told["identical"]:
        fail("not identical: " + "; ".join(told["differences"]), code=1)
