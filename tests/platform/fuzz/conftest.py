"""A small platform apart from all others, since what is sent to it may change anything."""

from __future__ import annotations

import contextlib
import logging
import uuid
from collections.abc import Iterator

import psycopg
import pytest
from tests.conftest import POSTGRES, make_settings, serving, unavailable
from tests.platform.fuzz.ground import Ground, Surprises


@pytest.fixture(scope="session")
def ground(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """On SQLite, or on the database that a test asks for by an indirect parameter."""
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(_postgres()) if getattr(request, "param", "") == "postgres" else None
        server = stack.enter_context(serving(make_settings(tmp_path_factory.mktemp("fuzz"), database_url=url)))
        expert = server.expert(
            description="Growing vegetables: soil, watering and pests.",
            documents=[{"title": "Tomatoes", "text": "Water tomatoes at the root, early in the morning."}],
        )
        echo = server.expert(kind="echo", description="Repeats what it is asked.")
        with server.http() as http:
            asked = http.post(
                "/v1/chat/completions", json={"model": echo, "messages": [{"role": "user", "content": "Hello there"}]}
            )
        assert asked.status_code == 200, asked.text
        surprises = Surprises()
        logging.getLogger().addHandler(surprises)
        stack.callback(logging.getLogger().removeHandler, surprises)
        decision, tenant = asked.headers["x-doyen-decision-id"], server.tenant("full")
        yield Ground(server, expert, echo, decision, tenant, surprises)


@pytest.fixture(autouse=True)
def no_surprises(ground: Ground) -> Iterator[None]:
    """What fails in the background answers nobody, but logs."""
    ground.surprises.found.clear()
    yield
    assert not ground.surprises.found


@contextlib.contextmanager
def _postgres() -> Iterator[str]:
    """A database for the whole session; the fixture `postgres_url` makes one a test."""
    try:
        connection = psycopg.connect(POSTGRES, autocommit=True, connect_timeout=2)
    except psycopg.OperationalError as error:
        unavailable(f"no PostgreSQL at {POSTGRES.rsplit('@', 1)[-1]}: {error}")
    name = f"doyen_fuzz_{uuid.uuid4().hex[:12]}"
    with contextlib.closing(connection):
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield POSTGRES.replace("postgresql://", "postgresql+psycopg://").rsplit("/", 1)[0] + f"/{name}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
