"""`doyen policy`: as JSON, from a file, and shown again."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import ADMIN_KEY, Server
from tests.platform.conftest import unique
from typer.testing import CliRunner, Result

from doyen_platform.cli.root import app


def policy(server: Server, *words: str) -> Result:
    env = {"DOYEN_URL": server.url, "DOYEN_API_KEY": ADMIN_KEY, "COLUMNS": "300", "TERM": "dumb"}
    return CliRunner().invoke(app, ["policy", *words], env=env)


def test_a_policy_from_a_file_is_shown_with_all_its_fields(server: Server, tmp_path: Path) -> None:
    name, file = unique("p"), tmp_path / "eu.json"
    file.write_text('{"regions": ["eu", "ch"], "exploration": {"kind": "gumbel"}}')
    assert policy(server, "put", name, f"@{file}").exit_code == 0
    shown = json.loads(policy(server, "show", name, "--json").stdout)
    assert (shown["regions"], shown["exploration"]["kind"], shown["top_k"]) == (["eu", "ch"], "gumbel", 1)
    assert "eu, ch" in policy(server, "show", name).stdout
    assert "eu, ch" in policy(server, "list").stdout
    assert policy(server, "remove", name).exit_code == 0
    gone = policy(server, "show", name)
    assert (gone.exit_code, name in gone.stderr) == (2, True)


def test_what_is_wrong_is_said_in_one_line(server: Server, tmp_path: Path) -> None:
    for body, word in (
        ('{"selection": "fixed"}', "name the expert"),
        (f"@{tmp_path / 'none.json'}", "cannot be read"),
        ("{", "not JSON"),
    ):
        told = policy(server, "put", unique("p"), body)
        assert told.exit_code != 0
        assert word in told.stderr
        assert len(told.stderr.strip().splitlines()) == 1
