"""What a platform knew it knows again, and `doyen up` as a person uses it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from tests.conftest import ADMIN_KEY, make_settings, serving, until
from tests.platform.conftest import ASKED, DOMAINS, OUTSIDE, Domains, Json, register


def everything(own: Domains) -> list[Json]:
    with own.server.http(own.app) as http:
        answers = [own.ask(question).json() for question in (*ASKED.values(), OUTSIDE)]
        models = [model["id"] for model in http.get("/v1/models").json()["data"]]
    kept = ("model", "choices", "usage", "citations")
    return [{name: answer[name] for name in kept} for answer in answers] + [{"models": models}]


def test_a_restart_changes_nothing(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    with serving(settings) as server:
        names = {domain: register(server, tenant=None, domain=domain) for domain in DOMAINS}
        own = Domains(server, "default", server.key("app"), server.key("admin"), names)
        paused = server.expert(kind="echo")
        with server.http() as http:
            http.post(f"/admin/experts/{paused}/pause")
            http.put("/admin/policies/two", json={"top_k": 2})
        before, gate = everything(own), server.platform.keeper.current.version
        decision = own.ask(ASKED["cooking"], model="auto:two").headers["x-doyen-decision-id"]
    with serving(settings) as server:
        again = Domains(server, own.tenant, own.app, own.admin, names)
        assert everything(again) == before
        assert server.platform.keeper.current.version == gate
        assert server.platform.first_run_key is None
        assert again.ask("x", model=paused).status_code == 503
        with server.http() as http:
            assert http.get(f"/v1/routing/decisions/{decision}").json()["outcome"] == "answered"
            assert http.post(f"/admin/decisions/{decision}/replay").json()["identical"] is True
            assert http.get("/v1/routing/decisions?limit=100").json()["data"][0]["id"] > decision


@contextmanager
def up(data: Path, **env: str) -> Iterator[tuple[str, subprocess.Popen[str], Path]]:
    """`doyen up` on a free port, as a process of its own; its output goes to a file."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DOYEN_")}
    shown = data.with_suffix(f".{port}.txt")
    command = [sys.executable, "-m", "doyen_platform.cli", "up", "--port", str(port), "--data", str(data)]
    with shown.open("w") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, text=True, env=clean | env, cwd=data.parent
        )
        try:
            yield f"http://127.0.0.1:{port}", process, shown
        finally:
            process.kill()
            process.wait()


def is_ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/readyz").status_code == 200
    except httpx2.HTTPError:
        return False


def stopped(process: subprocess.Popen[str]) -> float:
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 0
    return time.monotonic() - started


def test_up_shows_the_first_key_once_and_stops_on_ctrl_c(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with up(data) as (url, process, shown):
        until(lambda: is_ready(url) and "A first request" in shown.read_text(), seconds=60)
        (key,) = set(re.findall(r"dk-[\w-]{20,}", shown.read_text()))
        headers = {"Authorization": f"Bearer {key}"}
        assert httpx2.get(f"{url}/v1/models", headers=headers).status_code == 200
        assert httpx2.get(f"{url}/admin/experts", headers=headers).status_code == 200
        assert f"{url}/docs" in shown.read_text()
        assert stopped(process) < 10
    assert "Traceback" not in shown.read_text()
    with up(data, DOYEN_ADMIN_KEY=ADMIN_KEY) as (url, process, shown):
        until(lambda: is_ready(url) and "A first request" in shown.read_text(), seconds=60)
        assert "dk-" not in shown.read_text()
        assert ADMIN_KEY not in shown.read_text()
        for one in (key, ADMIN_KEY):
            assert httpx2.get(f"{url}/v1/models", headers={"Authorization": f"Bearer {one}"}).status_code == 200
        assert stopped(process) < 10


def test_a_port_that_is_taken_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "doyen_platform.cli", "up", "--port", port, "--data", str(tmp_path / "data")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [
        f"doyen: cannot listen on 127.0.0.1:{port}: Address already in use; choose another with --port"
    ]


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"DOYEN_PORT": "abc"}, "DOYEN_PORT"),
        ({"DOYEN_DATABASE_URL": "nonsense:hunter2"}, "DOYEN_DATABASE_URL"),
        ({"DOYEN_DATABASE_URL": "postgresql+psycopg://doyen:hunter2@127.0.0.1:1/doyen"}, "cannot be reached"),
        ({"DOYEN_ENCODER": "/no/such/folder"}, "/no/such/folder"),
    ],
)
def test_what_cannot_start_says_why_in_one_line(tmp_path: Path, given: dict[str, str], word: str) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DOYEN_")}
    command = [sys.executable, "-m", "doyen_platform.cli", "up", "--data", str(tmp_path / "data")]
    command += [] if "DOYEN_PORT" in given else ["--port", "0"]
    done = subprocess.run(
        command, env=clean | given, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode in (1, 2)
    assert done.stderr.startswith("doyen: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert word in done.stderr
    assert "hunter2" not in done.stderr


def test_one_directory_has_one_platform(tmp_path: Path) -> None:
    settings = make_settings(tmp_path / "data")
    with serving(settings), up(tmp_path / "data") as (_, process, shown):
        assert process.wait(timeout=60) != 0
        assert "another platform is using" in shown.read_text()
