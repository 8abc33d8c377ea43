"""`doyen demo`: adds the demo's experts to a running platform."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from doyen_platform.cli.client import DEFAULT_URL, ApiKey, Client, Url
from doyen_platform.cli.output import AsJson, fail, out, print_json, progress


def demo(
    from_debian: Annotated[
        bool, typer.Option("--from-debian", help="Also from Debian's documentation packages on this machine.")
    ] = False,
    train: Annotated[bool, typer.Option(help="Train the gate anew with them, and let it decide.")] = True,
    url: Url = DEFAULT_URL,
    key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Adds experts over the documents of installed packages to a running platform.

    Example: doyen demo --from-debian
    """
    from doyen_platform.demo.installation import experts_in, follow, read_packages

    client = Client(url, key)
    known = {expert["name"] for expert in client.call("GET", "/admin/experts")["data"]}
    added = []
    with tempfile.TemporaryDirectory() as directory:
        with read_packages(Path(directory), from_debian=from_debian) as child:
            ended = follow(child, progress)
        if ended != 0:
            fail("the documents could not be read; the lines above say why", code=1)
        for payload in experts_in(Path(directory)):
            if payload.name in known:
                progress(f"{payload.name} is there already")
                continue
            progress(f"{payload.name}: {len(payload.documents)} documents")
            body = payload.model_dump(mode="json")
            client.call("POST", "/admin/experts", body=body, params={"wait_seconds": 60})
            added.append(payload.name)
    accuracy = None
    if train and added:
        progress("training the gate")
        gate = client.call("POST", "/admin/gates", body={"promote": True}, params={"wait_seconds": 600})
        if gate["state"] == "failed":
            fail(f"the gate could not be trained: {gate['reason']}", code=1)
        accuracy = gate["card"].get("metrics", {}).get("accuracy")
    if as_json:
        print_json({"added": added, "accuracy": accuracy})
        return
    out.print(f"added: {', '.join(added) or 'nothing'}")
    if accuracy is not None:
        out.print(f"held-out accuracy of the gate: {accuracy:.3f}")
