"""`doyen ask` and `doyen route`."""

from __future__ import annotations

from typing import Annotated

import typer

from doyen_platform.cli.client import DEFAULT_URL, ApiKey, Client, Url
from doyen_platform.cli.output import AsJson, err, fail, out, print_json, print_table

Text = Annotated[str, typer.Argument(help="The question.")]
Model = Annotated[str, typer.Option("--model", "-m", help="auto, auto:<policy>, or an expert's name.")]


def ask(text: Text, model: Model = "auto", url: Url = DEFAULT_URL, key: ApiKey = None, as_json: AsJson = False) -> None:
    """Asks, and streams the answer.

    Example: doyen ask "How do I declare a one-to-many relationship?"
    """
    client = Client(url, key)
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    if as_json:
        print_json(client.call("POST", "/v1/chat/completions", body=body))
        return
    with client.stream("/v1/chat/completions", body | {"stream": True}) as (headers, events):
        for event in events:
            if "error" in event:
                out.file.flush()
                fail(event["error"]["message"], code=1)
            for choice in event["choices"]:
                out.print(choice["delta"].get("content") or "", end="", markup=False, highlight=False, soft_wrap=True)
        out.print()
    err.print(
        f"[dim]{headers['x-doyen-expert']} ({headers['x-doyen-route-reason']}, confidence "
        f"{headers['x-doyen-confidence']}), decision {headers['x-doyen-decision-id']}[/dim]"
    )


def route(
    text: Text, model: Model = "auto", url: Url = DEFAULT_URL, key: ApiKey = None, as_json: AsJson = False
) -> None:
    """Tells where a question would go, and why. Asks nobody, records nothing.

    Example: doyen route "Which weakness is it when user input reaches a shell?"
    """
    told = Client(url, key).call("POST", "/v1/routing/explain", body={"model": model, "input": text})
    if as_json:
        print_json(told)
        return
    chosen = ", ".join(one["expert"] for one in told["chosen"]) or "nobody"
    out.print(f"[bold]{chosen}[/bold]  {told['reason']}, confidence {told['confidence']:.3f}")
    out.print(f"in-domain score {told['inside']:.3f} (floor {told['inside_floor']:.3f})", highlight=False)
    ranked = sorted(told["probabilities"].items(), key=lambda one: -one[1])
    print_table(["expert", "probability", ""], [(name, f"{p:.4f}", "█" * round(p * 30)) for name, p in ranked])
    for name, reason in told["masked"].items():
        out.print(f"{name}: not asked, {reason}")
