"""docker-compose.yml and Dockerfile, without a Docker engine: parsed, and their commands run as plain processes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

ROOT = Path(__file__).parents[1]
GIVEN = {"POSTGRES_PASSWORD": "pw", "DOYEN_ADMIN_KEY": "compose-admin-key", "DOYEN_SECRET": "compose-secret-0123456789"}


def resolved(text: str) -> str:
    """Compose's `${NAME:-default}` and `${NAME:?message}`."""

    def value(match: re.Match[str]) -> str:
        name, operator, rest = match["name"], match["operator"], match["rest"]
        if name in GIVEN:
            return GIVEN[name]
        assert operator != ":?", f"{name} is required and no test gives it"
        return rest or ""

    return re.sub(r"\$\{(?P<name>\w+)(?:(?P<operator>:[-?])(?P<rest>[^}]*))?\}", value, text)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(resolved((ROOT / "docker-compose.yml").read_text()))
    return loaded


def test_services_wait_for_what_they_need(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {"postgres", "migrate", "api"}
    assert services["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert services["api"]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert "healthcheck" in services["postgres"]
    assert "healthcheck" in services["api"]
    assert services["migrate"]["restart"] == "no"


def test_our_containers_are_hardened_and_published_on_loopback_only(compose: dict[str, Any]) -> None:
    for name in ("migrate", "api"):
        service = compose["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert compose["services"]["api"]["ports"] == ["127.0.0.1:8000:8000"]
    assert "ports" not in compose["services"]["postgres"]


def test_no_secret_stands_in_the_file() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for line in text.splitlines():
        if re.search(r"(PASSWORD|KEY|SECRET)\s*:", line):
            assert "${" in line, line


def test_the_image_installs_what_the_dockerfile_copies() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    for name in " ".join(copied).split():
        assert (ROOT / name).exists(), f"the Dockerfile copies {name}"


def test_the_services_commands_serve_a_routed_request(
    compose: dict[str, Any], postgres_url: str, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        **compose["services"]["api"]["environment"],
        "DOYEN_DATABASE_URL": postgres_url,
        "DOYEN_DATA_DIR": str(tmp_path),
        "DOYEN_HOST": "127.0.0.1",
        "DOYEN_PORT": str(port),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    migrate = compose["services"]["migrate"]["command"]
    assert shutil.which(migrate[0], path=environment["PATH"])
    subprocess.run(migrate, env=environment, cwd=tmp_path, check=True, timeout=60, capture_output=True)

    api = subprocess.Popen(
        compose["services"]["api"]["command"],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        _, *check = compose["services"]["api"]["healthcheck"]["test"]
        check = [sys.executable if part == "python" else part.replace(":8000/", f":{port}/") for part in check]
        for _ in range(60):
            if subprocess.run(check, capture_output=True, timeout=10, check=False).returncode == 0:
                break
            time.sleep(0.5)
        else:
            pytest.fail("the healthcheck never passed")
        http = httpx2.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {GIVEN['DOYEN_ADMIN_KEY']}"},
            timeout=30,
        )
        expert = {
            "name": "tides",
            "description": "Tides of the sea: ebb, flood, spring tide and neap tide.",
            "documents": [{"title": "Spring tide", "text": "A spring tide comes with the full and the new moon."}],
        }
        assert http.post("/admin/experts", json=expert).status_code == 201
        body = {"model": "auto", "messages": [{"role": "user", "content": "When is there a spring tide?"}]}
        answer = http.post("/v1/chat/completions", json=body)
        assert answer.json()["model"] == "tides", answer.text
        decision = http.get(f"/v1/routing/decisions/{answer.headers['x-doyen-decision-id']}")
        assert decision.json()["expert"] == "tides"
    finally:
        api.send_signal(signal.SIGTERM)
        output, _ = api.communicate(timeout=20)
    assert api.returncode == 0, output
