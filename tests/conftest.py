"""What tests share: a running platform on loopback, and the services that some tests need."""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import openai
import psycopg
import pytest
import uvicorn

from doyen_platform.app import create_app
from doyen_platform.composition import Platform
from doyen_platform.settings import Settings

ADMIN_KEY = "test-admin-key-of-this-run"
POSTGRES = os.environ.get("DOYEN_TEST_POSTGRES", "postgresql://root@127.0.0.1:5432/postgres")


@dataclass(frozen=True)
class Server:
    """A platform that serves on loopback, in a thread of the test's process."""

    url: str
    platform: Platform

    def http(self, key: str | None = ADMIN_KEY) -> httpx2.Client:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=60)

    def openai(self, key: str = ADMIN_KEY) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0)

    def key(self, *scopes: str, tenant: str | None = "default", expires_at: str | None = None) -> str:
        body = {"name": "a test's", "scopes": list(scopes), "tenant": tenant, "expires_at": expires_at}
        with self.http() as http:
            answer = http.post("/admin/keys", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["key"])

    def tenant(self, prompt_storage: str = "hash") -> str:
        name = f"t-{uuid.uuid4().hex[:12]}"
        with self.http() as http:
            answer = http.post(
                "/admin/tenants", json={"id": name, "title": "A test's", "prompt_storage": prompt_storage}
            )
        assert answer.status_code == 201, answer.text
        return name

    def expert(self, **body: object) -> str:
        """Registers an expert under a name of its own and waits for it."""
        name = f"e-{uuid.uuid4().hex[:12]}"
        with self.http() as http:
            answer = http.post("/admin/experts", json={"name": name, "description": "A test's expert."} | body)
        assert answer.status_code == 201, answer.text
        assert answer.json()["state"] == "active", answer.text
        return name


@contextmanager
def serving(settings: Settings) -> Iterator[Server]:
    """Starts a platform with these settings on a free port, and stops it at the end."""
    listening = socket.create_server(("127.0.0.1", 0))
    app = create_app(settings)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        for _ in range(600):
            if server.started or not thread.is_alive():
                break
            time.sleep(0.05)
        assert server.started, "the platform did not start"
        yield Server(f"http://127.0.0.1:{listening.getsockname()[1]}", app.state.platform)
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        listening.close()
        assert not thread.is_alive(), "the platform did not stop"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(tmp_path)


def make_settings(data_dir: Path, **more: object) -> Settings:
    """Settings that no variable and no file of the machine changes."""
    values = {"data_dir": data_dir, "admin_key": ADMIN_KEY, "allow_private_addresses": True} | more
    return Settings(_env_file=None, **values)  # type: ignore[arg-type]  # pydantic-settings types neither


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One platform for all tests that only need names of their own in it."""
    with serving(make_settings(tmp_path_factory.mktemp("platform"))) as running:
        yield running


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """A database of the test's own on the local PostgreSQL."""
    try:
        connection = psycopg.connect(POSTGRES, autocommit=True, connect_timeout=2)
    except psycopg.OperationalError as error:
        unavailable(f"no PostgreSQL at {POSTGRES.rsplit('@', 1)[-1]}: {error}")
    name = f"doyen_test_{uuid.uuid4().hex[:12]}"
    with closing(connection):
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield POSTGRES.replace("postgresql://", "postgresql+psycopg://").rsplit("/", 1)[0] + f"/{name}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def unavailable(reason: str) -> None:
    """Skips on a bare machine; fails where the services must be there."""
    if os.environ.get("DOYEN_REQUIRE_SERVICES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Both databases, one after the other."""
    if request.param == "sqlite":
        return f"sqlite+pysqlite:///{tmp_path / 'doyen.db'}"
    return str(request.getfixturevalue("postgres_url"))


def until(condition: Callable[[], bool], *, seconds: float = 10.0) -> None:
    """Waits for something that happens in another thread."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
