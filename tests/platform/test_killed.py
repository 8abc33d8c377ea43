"""A platform that is killed while it indexes: nothing that was accepted is lost, and the next start finishes it."""

from __future__ import annotations

import signal
from pathlib import Path

import httpx2
from tests.conftest import ADMIN_KEY, make_settings, serving, until
from tests.platform.test_restart import is_ready, up

WORDS = (
    *("amber", "basil", "cedar", "delta", "ember", "fjord", "grove", "heron", "inlet"),
    *("juniper", "kelp", "larch", "mossy", "nettle", "onyx", "petal", "quartz"),
)
DOCUMENTS = [
    {
        "title": f"Place {number}",
        "text": f"The {WORDS[number % 17]} {WORDS[number % 13]} place number {number} lies by the river. " * 12,
    }
    for number in range(80)
]


def test_documents_decisions_and_experts_survive_a_kill(tmp_path: Path) -> None:
    data = tmp_path / "data"
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    with up(data, DOYEN_ADMIN_KEY=ADMIN_KEY) as (url, process, _), httpx2.Client(headers=headers, timeout=30) as http:
        until(lambda: is_ready(url), seconds=60)
        body = {"name": "places", "description": "Places by the river.", "documents": DOCUMENTS}
        assert http.post(f"{url}/admin/experts?wait_seconds=0", json=body).json()["state"] == "loading"
        asked = {"model": "auto", "messages": [{"role": "user", "content": "Where is place 7?"}]}
        decision = http.post(f"{url}/v1/chat/completions", json=asked).headers["x-doyen-decision-id"]

        def indexed() -> int:
            return int(http.get(f"{url}/admin/experts/places").json()["documents"].get("indexed", 0))

        until(lambda: indexed() >= 3, seconds=60)
        done = indexed()
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
    assert done < len(DOCUMENTS), "the kill came too late to show anything"
    with serving(make_settings(data)) as server, server.http() as http:
        until(lambda: http.get("/admin/experts/places").json()["state"] == "active", seconds=60)
        view = http.get("/admin/experts/places").json()
        assert view["documents"] == {"indexed": len(DOCUMENTS)}
        answer = http.post("/v1/chat/completions", json={**asked, "model": "places"}).json()
        assert answer["citations"], answer
        assert http.get(f"/v1/routing/decisions/{decision}").status_code == 200
