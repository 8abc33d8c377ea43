"""`doyen tenant`, `doyen policy` and `doyen feedback`."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from doyen_platform.cli.client import DEFAULT_URL, ApiKey, Client, Url
from doyen_platform.cli.output import AsJson, fail, out, print_json, print_table
from doyen_platform.tenants.storage import PromptStorage

tenants = typer.Typer(help="Tenants: create, list, change.", no_args_is_help=True)
policies = typer.Typer(help="Routing policies, asked for as auto:<name>: put, list, remove.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Its name.")]


class Verdict(StrEnum):
    RIGHT = "right"
    WRONG = "wrong"


@tenants.command("create")
def create_tenant(
    name: Name,
    title: Annotated[str | None, typer.Option("--title")] = None,
    prompts: Annotated[
        PromptStorage, typer.Option("--prompts", help="What is kept of its prompts.")
    ] = PromptStorage.HASH,
    url: Url = DEFAULT_URL,
    key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Example: doyen tenant create acme --prompts redacted"""
    body = {"id": name, "title": title or name, "prompt_storage": prompts.value}
    told = Client(url, key).call("POST", "/admin/tenants", body=body)
    print_json(told) if as_json else out.print(f"{told['id']} is created")


@tenants.command("change")
def change_tenant(
    name: Name,
    title: Annotated[str | None, typer.Option("--title")] = None,
    prompts: Annotated[PromptStorage | None, typer.Option("--prompts", help="What is kept of its prompts.")] = None,
    url: Url = DEFAULT_URL,
    key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Its title, or what is kept of its prompts from now on."""
    body = {"title": title, "prompt_storage": prompts.value if prompts else None}
    told = Client(url, key).call("PATCH", f"/admin/tenants/{name}", body=body)
    print_json(told) if as_json else out.print(f"{told['id']}: prompts are kept as {told['prompt_storage']}")


@tenants.command("list")
def list_tenants(url: Url = DEFAULT_URL, key: ApiKey = None, as_json: AsJson = False) -> None:
    """All tenants."""
    told = Client(url, key).call("GET", "/admin/tenants")
    if as_json:
        print_json(told)
        return
    print_table(["id", "title", "prompts"], [(row["id"], row["title"], row["prompt_storage"]) for row in told["data"]])


@policies.command("put")
def put_policy(
    name: Name,
    body: Annotated[
        str, typer.Argument(help="Its fields as JSON, or @FILE with them. What is left out is the default.")
    ],
    tenant: Annotated[str | None, typer.Option("--tenant", help="The only tenant that may use it.")] = None,
    url: Url = DEFAULT_URL,
    key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Stores a policy; it is live with the next request. All fields: GET /docs, `putPolicy`.

    Data that stays in Europe: doyen policy put eu '{"regions": ["eu"], "on_abstain": "refuse"}'

    Up to a fifth of the fit for two cents or a second: doyen policy put thrifty
    '{"fit_tolerance": 0.2, "cost_worth_usd": 0.02, "wait_worth_ms": 1000}'

    Learning by trying: doyen policy put learning '{"exploration": {"kind": "thompson", "scale": 1.0}}'
    """
    try:
        parsed = json.loads(Path(body[1:]).read_text(encoding="utf-8") if body.startswith("@") else body)
    except OSError as error:
        fail(f"the policy's file cannot be read: {error}")
    except ValueError as error:
        fail(f"the policy is not JSON: {error}")
    told = Client(url, key).call("PUT", f"/admin/policies/{name}", body=parsed, params={"tenant": tenant})
    print_json(told) if as_json else out.print(f"auto:{told['name']} is live")


@policies.command("list")
def list_policies(url: Url = DEFAULT_URL, key: ApiKey = None, as_json: AsJson = False) -> None:
    """All policies that were stored."""
    told = Client(url, key).call("GET", "/admin/policies")
    if as_json:
        print_json(told)
        return
    columns = ("name", "tenant", "selection", "top_k", "floor", "regions", "data_class", "combination")
    print_table(columns, [[_plain(row[column]) for column in columns] for row in told["data"]])


@policies.command("show")
def show_policy(name: Name, url: Url = DEFAULT_URL, key: ApiKey = None, as_json: AsJson = False) -> None:
    """All fields of one policy."""
    listed = Client(url, key).call("GET", "/admin/policies")["data"]
    told = next((row for row in listed if row["name"] == name), None)
    if told is None:
        fail(f"no routing policy is called {name!r}")
    print_json(told) if as_json else print_table(["field", "value"], [(f, _plain(v)) for f, v in told.items()])


def _plain(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, list) else value


@policies.command("remove")
def remove_policy(name: Name, url: Url = DEFAULT_URL, key: ApiKey = None, as_json: AsJson = False) -> None:
    """Requests that ask for it are refused from now on."""
    Client(url, key).call("DELETE", f"/admin/policies/{name}")
    print_json({"removed": name}) if as_json else out.print(f"{name} is removed")


def feedback(
    decision_id: Annotated[str, typer.Argument(help="The decision's id.")],
    verdict: Annotated[Verdict, typer.Argument(help="Whether the right expert answered.")],
    expert: Annotated[str | None, typer.Option("--expert", help="Who should have answered.")] = None,
    comment: Annotated[str | None, typer.Option("--comment")] = None,
    url: Url = DEFAULT_URL,
    key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Says whether a decision was right. Example: doyen feedback 01a2... wrong --expert celery"""
    body = {"decision_id": decision_id, "verdict": verdict.value, "expert": expert, "comment": comment}
    told = Client(url, key).call("POST", "/v1/routing/feedback", body=body)
    made = " and became an example" if told["became_example"] else ""
    print_json(told) if as_json else out.print(f"noted{made}")
