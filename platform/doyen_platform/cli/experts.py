"""`doyen expert`: register, list, show, pause, resume, remove, and feed experts."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import track

from doyen_platform.cli.client import DEFAULT_URL, ApiKey, Client, Refused, Url
from doyen_platform.cli.output import AsJson, err, fail, out, print_json, print_table, progress

app = typer.Typer(help="Experts: register, look at, pause, resume, remove, feed.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The expert's name.")]
Documents = Annotated[
    list[Path], typer.Option("--documents", "-d", exists=True, help="A file or a folder; repeatable.")
]
# What a broken, too large or strange file is answered with; anything else would meet the next file too.
REFUSES_ONE_FILE = {400, 413, 415, 422}
READABLE = {".txt", ".md", ".rst", ".html", ".htm", ".pdf", ".py", ".json", ".yaml", ".toml", ".csv"}


@app.command()
def add(
    name: Name,
    description: Annotated[str, typer.Option("--description", help="What it knows, in a sentence or two.")],
    title: Annotated[str | None, typer.Option("--title")] = None,
    kind: Annotated[str, typer.Option("--kind")] = "retrieval",
    config: Annotated[str, typer.Option("--config", help="The kind's settings as JSON.")] = "{}",
    documents: Documents = [],  # noqa: B006 - typer reads the default, nothing changes it
    examples: Annotated[
        Path | None, typer.Option("--examples", exists=True, help="A file with one example question a line.")
    ] = None,
    tenant: Annotated[str | None, typer.Option("--tenant")] = None,
    generalist: Annotated[bool, typer.Option("--generalist", help="It answers when the gate abstains.")] = False,
    region: Annotated[
        str | None, typer.Option("--region", help="Where the expert, its store and its model are.")
    ] = None,
    data_class: Annotated[
        list[str] | None, typer.Option("--data-class", help="A class that it may see; repeatable. Without any: all.")
    ] = None,
    group: Annotated[str, typer.Option("--group", help="Its path of groups, such as law/contracts.")] = "",
    price_request: Annotated[float, typer.Option("--price-request", help="What a request to it costs, in USD.")] = 0.0,
    url: Url = DEFAULT_URL,
    key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Registers an expert while everything runs.

    Example: doyen expert add gardening --description "Growing vegetables and flowers" --documents handbook/
    """
    try:
        settings = json.loads(config)
    except ValueError as error:
        fail(f"--config is not JSON: {error}")
    lines = examples.read_text(encoding="utf-8").splitlines() if examples else []
    client = Client(url, key)
    body = {
        "name": name,
        "title": title,
        "description": description,
        "kind": kind,
        "config": settings,
        "tenant": tenant,
        "generalist": generalist,
        "region": region,
        "data_classes": data_class or None,
        "group": group,
        "price": {"request_usd": price_request},
        "examples": [{"text": line.strip()} for line in lines if line.strip()],
    }
    told = client.call("POST", "/admin/experts", body=body)
    every = True
    if documents:
        every = _upload(client, name, documents)
        told |= client.call("GET", f"/admin/experts/{name}")
        told["confusion"] = []  # it was measured before the documents came
    print_json(told) if as_json else _show_registered(told)
    if not every:
        raise typer.Exit(1)


@app.command("list")
def list_experts(url: Url = DEFAULT_URL, key: ApiKey = None, as_json: AsJson = False) -> None:
    """All experts, with state and documents."""
    told = Client(url, key).call("GET", "/admin/experts")
    if as_json:
        print_json(told)
        return
    print_table(
        ["name", "kind", "state", "version", "documents", "examples", "title"],
        [
            (e["name"], e["kind"], e["state"], e["version"], sum(e["documents"].values()), e["examples"], e["title"])
            for e in told["data"]
        ],
    )


@app.command()
def show(name: Name, url: Url = DEFAULT_URL, key: ApiKey = None, as_json: AsJson = False) -> None:
    """One expert."""
    told = Client(url, key).call("GET", f"/admin/experts/{name}")
    print_json(told) if as_json else _show(told)


@app.command()
def pause(name: Name, url: Url = DEFAULT_URL, key: ApiKey = None, as_json: AsJson = False) -> None:
    """No new request goes to it."""
    _act(Client(url, key), "POST", f"/admin/experts/{name}/pause", as_json)


@app.command()
def resume(name: Name, url: Url = DEFAULT_URL, key: ApiKey = None, as_json: AsJson = False) -> None:
    """Requests go to it again; what had failed is tried again."""
    _act(Client(url, key), "POST", f"/admin/experts/{name}/resume", as_json)


@app.command()
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: Url = DEFAULT_URL,
    key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """With its documents and examples. Its decisions stay."""
    if not yes:
        typer.confirm(f"Remove {name} with all its documents?", abort=True)
    Client(url, key).call("DELETE", f"/admin/experts/{name}")
    print_json({"removed": name}) if as_json else out.print(f"{name} is removed")


@app.command()
def documents(
    name: Name,
    add: Documents = [],  # noqa: B006 - typer reads the default, nothing changes it
    url: Url = DEFAULT_URL,
    key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Adds files with --documents, and lists what the expert has."""
    client = Client(url, key)
    every = _upload(client, name, add) if add else True
    rows: list[dict[str, Any]] = []  # Any: JSON
    after: str | None = None
    while True:
        page = client.call("GET", f"/admin/experts/{name}/documents", params={"limit": 100, "after": after})
        rows += page["data"]
        after = page["last_id"]
        if not page["has_more"]:
            break
    if as_json:
        print_json({"data": rows})
    else:
        print_table(
            ["id", "state", "chunks", "title", "reason"],
            [(row["id"], row["state"], row["chunks"], row["title"], row["reason"]) for row in rows],
        )
    if not every:
        raise typer.Exit(1)


def _upload(client: Client, name: str, paths: list[Path]) -> bool:
    """Each file alone, so that one that cannot be read is named and the others are taken; whether all were."""
    files = [
        file
        for path in paths
        for file in ([path] if path.is_file() else sorted(path.rglob("*")))
        if file.is_file() and (path.is_file() or file.suffix.lower() in READABLE)
    ]
    if not files:
        fail("there are no readable files: " + ", ".join(map(str, paths)))
    failed = 0
    for file in track(files, "uploading", console=err):
        try:
            content = {"files": (file.name, file.read_bytes())}
            client.attempt("POST", f"/admin/experts/{name}/documents/files", files=content, params={"wait_seconds": 0})
        except (Refused, OSError) as error:
            if isinstance(error, Refused) and error.status not in REFUSES_ONE_FILE:
                fail(str(error), code=1)
            failed += 1
            progress(f"doyen: {file}: {error}")
    if failed < len(files):
        _await_indexing(client, name)
    if failed:
        progress(f"doyen: {failed} of {len(files)} files were not taken")
    return not failed


def _await_indexing(client: Client, name: str, seconds: float = 60) -> None:
    """Until no document is queued. It waits here and not with an upload, for the last file may be a refused one."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        told = client.call("GET", f"/admin/experts/{name}")
        if told["state"] == "failed" or (told["state"] != "loading" and not told["documents"].get("queued")):
            return
        time.sleep(0.2)


def _act(client: Client, method: str, path: str, as_json: bool) -> None:
    told = client.call(method, path)
    print_json(told) if as_json else _show(told)


def _show_registered(told: dict[str, Any]) -> None:  # Any: JSON
    _show(told)
    for one in told["confusion"][:5]:
        if max(one["theirs_lost"], one["ours_lost"]) > 0:
            out.print(
                f"against {one['expert']}: takes {one['theirs_lost']:.1%} of its texts, loses {one['ours_lost']:.1%}"
            )


def _show(told: dict[str, Any]) -> None:  # Any: JSON
    counts = ", ".join(f"{count} {state}" for state, count in told["documents"].items()) or "none"
    reason = f" ({told['state_reason']})" if told["state_reason"] else ""
    print_table(
        ["", ""],
        [
            ("name", told["name"]),
            ("state", told["state"] + reason),
            ("kind", f"{told['kind']}, version {told['version']}"),
            ("title", told["title"]),
            ("description", told["description"]),
            ("documents", counts),
            ("examples", told["examples"]),
            ("tenant", told["tenant"] or "all"),
            ("group", told["group"] or "none"),
            ("region", told["region"] or "none"),
            ("data classes", _classes(told["data_classes"])),
            ("price", f"{told['price']['request_usd']:g} USD a request"),
        ],
    )


def _classes(allowed: list[str] | None) -> str:
    return "all" if allowed is None else ", ".join(allowed) or "none"
