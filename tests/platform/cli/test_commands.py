"""`doyen` against a running platform: JSON for programs, one clear line and an exit code for mistakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import ADMIN_KEY, Server
from tests.platform.conftest import ASKED, Domains, unique
from typer.testing import CliRunner, Result

from doyen_platform.cli.root import app

Run = Callable[..., Result]
COMMANDS = [
    *([], ["up"], ["demo"], ["ask"], ["route"], ["migrate"], ["expert"], ["gate"], ["decisions"], ["keys"]),
    *([["expert", one] for one in ("add", "list", "show", "pause", "resume", "remove", "documents")]),
    *(
        [
            ["gate", one]
            for one in ("fit", "evaluate", "add", "remove", "decide", "list", "train", "promote", "rollback")
        ]
    ),
    *([["tenant", one] for one in ("create", "change", "list")]),
    *([["policy", one] for one in ("put", "list", "show", "remove")]),
    *([["encoder", one] for one in ("export", "tune", "show")]),
    *([["quality", one] for one in ("fit", "evaluate", "add", "remove", "decide")]),
    ["feedback"],
    *([["decisions", one] for one in ("list", "show", "replay")]),
    *([["keys", one] for one in ("create", "list", "revoke")]),
]


def invoke(*words: str, **env: str) -> Result:
    # Wide, so that no table folds what a test looks for; the machine's own variables stay out.
    clean = {"DOYEN_API_KEY": "", "DOYEN_ADMIN_KEY": "", "DOYEN_URL": "", "COLUMNS": "300", "TERM": "dumb"}
    return CliRunner().invoke(app, list(words), env=clean | env)


@pytest.fixture
def run(server: Server) -> Run:
    return lambda *words, key=ADMIN_KEY: invoke(*words, DOYEN_URL=server.url, DOYEN_API_KEY=key)


def told(result: Result) -> Any:  # Any: JSON
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_helps(command: list[str]) -> None:
    result = invoke(*command, "--help")
    assert result.exit_code == 0, result.output
    assert "Usage" in result.output


def test_ask_and_route(run: Run, domains: Domains) -> None:
    question = ASKED["astronomy"]
    answer = told(run("ask", question, "--json", key=domains.app))
    assert answer["model"] == domains.names["astronomy"]
    streamed = run("ask", question, key=domains.app)
    assert streamed.exit_code == 0, streamed.output
    assert answer["choices"][0]["message"]["content"].split("\n")[0] in streamed.stdout
    assert domains.names["astronomy"] in streamed.stderr
    route = told(run("route", question, "--json", key=domains.app))
    assert route["chosen"][0]["expert"] == domains.names["astronomy"]
    assert domains.names["astronomy"] in run("route", question, key=domains.app).stdout
    pinned = told(run("ask", "x", "-m", domains.names["cooking"], "--json", key=domains.app))
    assert pinned["routing"]["reason"] == "pinned"


def test_an_expert_from_a_folder_of_documents(run: Run, server: Server, tmp_path: Path) -> None:
    name, tenant = unique("e"), server.tenant()
    folder = tmp_path / "abbey"
    folder.mkdir()
    (folder / "steps.md").write_text("# Steps\n\nThe tower of the abbey has 212 steps.")
    (folder / "bells.html").write_text("<p>The largest bell weighs 6 tonnes.</p>")
    (folder / "photo.png").write_bytes(b"\x89PNG")
    questions = tmp_path / "questions.txt"
    questions.write_text("How many steps has the tower?\n\nHow heavy is the bell?\n")
    options = ["--description", "An abbey", "-d", str(folder), "--examples", str(questions), "--tenant", tenant]
    added = told(run("expert", "add", name, *options, "--json"))
    assert (added["state"], added["documents"], added["tenant"]) == ("active", {"indexed": 2}, tenant)
    assert name in [expert["name"] for expert in told(run("expert", "list", "--json"))["data"]]
    assert len(told(run("expert", "documents", name, "--json"))["data"]) == 2
    answer = told(run("ask", "How many steps has the tower?", "--json", key=server.key("app", tenant=tenant)))
    assert "212" in answer["choices"][0]["message"]["content"]
    assert told(run("expert", "pause", name, "--json"))["state"] == "paused"
    run("expert", "documents", name, "-d", str(questions))
    assert told(run("expert", "show", name, "--json"))["state"] == "paused"  # documents wake nobody
    assert told(run("expert", "resume", name, "--json"))["state"] == "active"
    assert name in run("expert", "show", name).stdout
    assert run("expert", "remove", name, "--yes").exit_code == 0
    gone = run("expert", "show", name)
    assert gone.exit_code != 0
    assert gone.stderr.strip() == f"doyen: no expert is called {name!r}"


def test_a_broken_file_is_named_and_the_others_are_taken(run: Run, server: Server, tmp_path: Path) -> None:
    files = [tmp_path / "a-steps.md", tmp_path / "b-broken.pdf", tmp_path / "c-bells.md"]
    for file, text in zip(files, ("The tower has 212 steps.", "%PDF-1.7 and no more", "Six bells."), strict=True):
        file.write_text(text)
    name = unique("e")
    added = run(
        "expert", "add", name, "--description", "A tower", "-d", str(tmp_path), "--tenant", server.tenant(), "--json"
    )
    assert added.exit_code == 1
    assert json.loads(added.stdout)["documents"] == {"indexed": 2}
    assert json.loads(added.stdout)["confusion"] == []
    assert f"doyen: {files[1]}: " in added.stderr
    assert "1 of 3 files" in added.stderr
    assert str(files[0]) not in added.stderr
    files[2].write_text("Seven bells.")
    again = run(
        "expert", "documents", name, "-d", str(files[2]), "-d", str(files[1]), "--json"
    )  # the broken one is last
    assert again.exit_code == 1
    assert [row["state"] for row in json.loads(again.stdout)["data"]] == ["indexed"] * 3


def test_an_expert_with_a_place_classes_a_group_and_a_price(run: Run, server: Server) -> None:
    name = unique("e")
    options = ["--description", "Contracts", "--kind", "echo", "--tenant", server.tenant()]
    traits = ["--region", "eu", "--data-class", "pii", "--data-class", "internal", "--group", "law/contracts"]
    added = told(run("expert", "add", name, *options, *traits, "--price-request", "0.002", "--json"))
    assert (added["region"], added["data_classes"], added["group"]) == ("eu", ["internal", "pii"], "law/contracts")
    assert added["price"] == {"request_usd": 0.002, "thousand_tokens_usd": 0.0}
    shown = run("expert", "show", name).stdout
    for told_so in ("eu", "internal, pii", "law/contracts", "0.002 USD"):
        assert told_so in shown
    plain = told(run("expert", "add", unique("e"), *options, "--json"))
    assert (plain["region"], plain["data_classes"], plain["group"]) == (None, None, "")
    wrong = run("expert", "add", unique("e"), *options, "--data-class", "PII")
    assert wrong.exit_code == 1
    assert "data_classes" in wrong.stderr


def test_keys_are_made_and_revoked(run: Run) -> None:
    made = told(run("keys", "create", "cli-test", "--scope", "app", "--days", "7", "--json"))
    assert made["expires_at"]
    told(run("ask", "hello", "--json", key=made["key"]))
    assert made["id"] in run("keys", "list").stdout
    assert made["key"] not in run("keys", "list", "--json").stdout
    assert told(run("keys", "revoke", made["id"], "--json"))["revoked_at"]
    assert run("ask", "hello", "--json", key=made["key"]).exit_code != 0


def test_decisions_are_listed_shown_and_replayed(run: Run, domains: Domains, server: Server) -> None:
    decision = told(run("ask", ASKED["cooking"], "--json", key=domains.app))["routing"]["decision_id"]
    assert decision in [row["id"] for row in told(run("decisions", "list", "--json", key=domains.app))["data"]]
    assert told(run("decisions", "show", decision, "--json", key=domains.app))["expert"] == domains.names["cooking"]
    replayed = told(run("decisions", "replay", decision, "--json"))
    assert (replayed["identical"], replayed["replayed"]) == (True, [domains.names["cooking"]])
    assert run("decisions", "replay", decision).stdout.strip() == f"identical: {domains.names['cooking']}"
    silent = server.tenant("nothing")
    server.expert(kind="echo", tenant=silent)
    unstored = told(run("ask", "x", "--json", key=server.key("app", tenant=silent)))["routing"]["decision_id"]
    cannot = run("decisions", "replay", unstored)
    assert cannot.exit_code == 1
    assert "stores nothing" in cannot.stderr


CALLS = [
    ["ask", "x"],
    ["ask", "x", "--json"],
    ["route", "x"],
    *([one, "list"] for one in ("expert", "decisions", "keys")),
]


@pytest.mark.parametrize("words", CALLS, ids=" ".join)
def test_a_wrong_key_and_a_missing_server_are_one_clear_line(run: Run, words: list[str]) -> None:
    wrong = run(*words, key="dk-wrong")
    absent = invoke(*words, DOYEN_URL="http://127.0.0.1:9", DOYEN_API_KEY="dk-any")
    without = invoke(*words)
    for result, word in ((wrong, "unknown or was revoked"), (absent, "is the platform up"), (without, "no API key")):
        assert result.exit_code in (1, 2)
        assert word in result.stderr, result.output
        assert len(result.stderr.strip().splitlines()) == 1
        assert isinstance(result.exception, SystemExit)
        assert result.stdout == ""


def test_ids_and_models_that_are_not_there(run: Run) -> None:
    for words in (
        ["ask", "x", "-m", "nobody-here"],
        ["route", "x", "-m", "auto:nobody"],
        ["decisions", "show", "00000000-0000-0000-0000-000000000000"],
        ["decisions", "show", "17"],
        ["keys", "revoke", "17"],
        ["expert", "add", "..", "--description", "x"],
        ["expert", "add", "x", "--description", "x", "--config", "{"],
    ):
        result = run(*words)
        assert result.exit_code in (1, 2), words
        assert len(result.stderr.strip().splitlines()) == 1, result.stderr


def test_policies_tenants_and_feedback(run: Run, domains: Domains) -> None:
    policy, tenant = unique("p"), unique("t")
    assert told(run("policy", "put", policy, '{"top_k": 2, "combination": "all"}', "--json"))["top_k"] == 2
    assert policy in run("policy", "list").stdout
    answer = told(run("ask", ASKED["cooking"], "--model", f"auto:{policy}", "--json", key=domains.app))
    assert len(answer["routing"]["experts"]) == 2
    assert told(run("policy", "remove", policy, "--json")) == {"removed": policy}
    assert run("ask", "x", "--model", f"auto:{policy}").exit_code != 0
    assert run("policy", "put", policy, "{").exit_code == 2

    assert told(run("tenant", "create", tenant, "--prompts", "full", "--json"))["prompt_storage"] == "full"
    assert told(run("tenant", "change", tenant, "--prompts", "nothing", "--json"))["prompt_storage"] == "nothing"
    assert tenant in run("tenant", "list").stdout

    decision = answer["routing"]["decision_id"]
    noted = told(run("feedback", decision, "right", "--json", key=domains.app))
    assert noted["verdict"] == "right"


def test_gates_of_a_running_platform(run: Run, domains: Domains) -> None:
    listed = told(run("gate", "list", "--limit", "5", "--json"))["data"]
    active = next(row for row in listed if row["state"] == "active")
    assert active["version"][:16] in run("gate", "list").stdout
    assert told(run("gate", "promote", active["version"], "--json"))["version"] == active["version"]
    assert run("gate", "promote", "0" * 12).exit_code == 1
