"""`doyen tenant`, `doyen policy` and `doyen feedback`."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from doyen_platform.cli.client import DEFAULT_URL, ApiKey, Client, Url
from doyen_platform.cli.output import AsJson, fail, out, print_json, print_table

tenants = typer.Typer(help="Tenants: create, list, change.", no_args_is_help=True)
policies = typer.Typer(help="Routing policies, asked for as auto:<name>: put, list, remove.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Its name.")]


class Kept(StrEnum):
    NOTHING = "nothing"
    HASH = "hash"
    REDACTED = "redacted"
    FULL = "full"


class Verdict(StrEnum):
    RIGHT = "right"
    WRONG = "wrong"


@tenants.command("create")
def create_tenant(
    name: Name,
    title: Annotated[str | None, typer.Option("--title")] = None,
    prompts: Annotated[Kept, typer.Option("--prompts", help="What is kept of its prompts.")] = Kept.HASH,
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
    prompts: Annotated[Kept | None, typer.Option("--prompts", help="What is kept of its prompts.")] = None,
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
    body: Annotated[str, typer.Argument(help='As JSON: {"selection": "mass", "mass": 0.9, "combination": "all"}')],
    tenant: Annotated[str | None, typer.Option("--tenant", help="The only tenant that may use it.")] = None,
    url: Url = DEFAULT_URL,
    key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Stores a policy; it is live with the next request."""
    try:
        parsed = json.loads(body)
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
    columns = ("name", "tenant", "selection", "top_k", "mass", "floor", "combination")
    print_table(columns, [[row[column] for column in columns] for row in told["data"]])


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
