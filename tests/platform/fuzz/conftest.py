"""One small platform of its own, since what is sent to it may delete and change anything."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.conftest import make_settings, serving
from tests.platform.fuzz.ground import Ground


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with serving(make_settings(tmp_path_factory.mktemp("fuzz"))) as server:
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
        yield Ground(server, expert, echo, asked.headers["x-doyen-decision-id"], server.tenant("full"))
