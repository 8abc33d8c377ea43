"""`doyen gate list|train|promote|rollback`: the gates of a running platform."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from doyen_platform.cli.client import DEFAULT_URL, ApiKey, Client, Url
from doyen_platform.cli.output import AsJson, err, fail, out, print_json, print_table


def list_gates(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100)] = 20,
    url: Url = DEFAULT_URL,
    key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """The gate versions of a running platform, newest first."""
    told = Client(url, key).call("GET", "/admin/gates", params={"limit": limit})
    if as_json:
        print_json(told)
        return
    print_table(
        ["version", "state", "origin", "accuracy", "created", "promoted"],
        [
            (
                (row["version"] or "")[:16],
                row["state"] + (f" ({row['reason']})" if row["reason"] else ""),
                row["origin"],
                _accuracy(row),
                row["created_at"][:19],
                (row["promoted_at"] or "")[:19],
            )
            for row in told["data"]
        ],
    )


def train(
    promote: Annotated[bool, typer.Option("--promote", help="Let it decide as soon as it is trained.")] = False,
    url: Url = DEFAULT_URL,
    key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Trains a gate on a running platform, from all experts' examples.

    Example: doyen gate train --promote
    """
    client = Client(url, key)
    with err.status("training"):
        told = client.call("POST", "/admin/gates", body={"promote": promote}, params={"wait_seconds": 600})
    if told["state"] == "failed":
        fail(f"the gate could not be trained: {told['reason']}", code=1)
    print_json(told) if as_json else out.print(f"{told['version']}  {told['state']}, accuracy {_accuracy(told)}")


def promote(
    version: Annotated[str, typer.Argument(help="The version, or the beginning of it that is nobody else's.")],
    url: Url = DEFAULT_URL,
    key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Lets this version decide on a running platform."""
    client = Client(url, key)
    told = client.call("POST", f"/admin/gates/{_whole(client, version)}/promote")
    print_json(told) if as_json else out.print(f"{told['version']} decides now")


def rollback(url: Url = DEFAULT_URL, key: ApiKey = None, as_json: AsJson = False) -> None:
    """Back to the version that decided before the present one."""
    told = Client(url, key).call("POST", "/admin/gates/rollback")
    print_json(told) if as_json else out.print(f"{told['version']} decides now")


def _whole(client: Client, version: str) -> str:
    known = {row["version"] for row in client.call("GET", "/admin/gates", params={"limit": 100})["data"]}
    found = [one for one in known if one and one.startswith(version)]
    if len(found) > 1:
        fail(f"{len(found)} versions begin with {version!r}")
    return found[0] if found else version


def _accuracy(row: dict[str, Any]) -> str:  # Any: JSON
    accuracy = row["card"].get("metrics", {}).get("accuracy")
    return "" if accuracy is None else f"{accuracy:.3f}"
