"""Probes, metrics and the documentation page are open, and tell nobody's business."""

from __future__ import annotations

import json
import logging
import re

import pytest
from tests.conftest import Server
from tests.platform.conftest import ASKED, Domains, unique


def test_probes_answer_without_a_key(server: Server) -> None:
    with server.http(None) as http:
        assert http.get("/livez").json() == {"status": "ok"}
        ready = http.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "ready")


def test_metrics_count_requests_by_route_and_know_no_tenant(domains: Domains) -> None:
    assert domains.ask(ASKED["cooking"]).status_code == 200
    with domains.server.http(domains.app) as http:
        http.get("/v1/models/nobody-here")
    with domains.server.http(None) as http:
        answer = http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    text = answer.text
    assert 'route="/v1/chat/completions",status="200"' in text
    assert 'route="/v1/models/{model}",status="404"' in text
    assert re.search(
        rf'doyen_router_decisions_total{{expert="{domains.names["cooking"]}",outcome="answered"}} \d', text
    )
    assert "doyen_expert_queue_depth" in text
    assert domains.tenant not in text
    assert set(re.findall(r"[{,](\w+)=", text)) <= {
        *("expert", "outcome", "le", "state"),
        *("route", "method"),
        *("status", "direction"),
        *("reason", "adjustment", "policy"),
    }


def test_the_documentation_needs_nothing_from_elsewhere(server: Server) -> None:
    with server.http(None) as http:
        page = http.get("/docs")
        assert page.status_code == 200
        assert not re.findall(r"(?:src|href|url)\s*[=:]\s*[\"'](?:https?:)?//", page.text)
        for path in re.findall(r"(?:src|href)=\"(/[^\"]+)\"", page.text):
            assert http.get(path).status_code == 200, path
        description = http.get("/openapi.json").json()
    operations = [
        (path, method, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]
    ids = [operation["operationId"] for _, _, operation in operations]
    assert len(ids) == len(set(ids)) > 30
    for path, _, operation in operations:
        assert operation["tags"]
        assert path in ("/livez", "/readyz", "/metrics") or operation["security"], path
    referred = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(description)))
    assert referred <= description["components"]["schemas"].keys()


def test_what_callers_write_shows_nowhere_else(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    canary = unique("canary")
    tenant = server.tenant("nothing")
    name, key = server.expert(tenant=tenant), server.key("app", tenant=tenant)
    shown: list[str] = []
    with server.http() as http:
        document = {"title": "Notes", "text": f"The word is {canary}."}
        http.post(f"/admin/experts/{name}/documents", json={"documents": [document]})
        wrong = {"documents": [{"title": canary, "text": "x", "colour": canary}, {"title": "t", "text": {"a": canary}}]}
        shown.append(http.post(f"/admin/experts/{name}/documents", json=wrong).text)
        shown.append(http.post("/admin/keys", json={"name": {"x": canary}, "scopes": [canary]}).text)
    with server.http(key) as http:
        ask = {"model": name, "messages": [{"role": "user", "content": f"What is the word {canary}?"}]}
        assert canary in http.post("/v1/chat/completions", json=ask).text  # its own answer
        http.post("/v1/chat/completions", json=ask | {"stream": True})
        shown.append(http.post("/v1/chat/completions", json=ask | {"n": 2, "user": canary}).text)
        shown.append(http.post("/v1/chat/completions", content=f'{{"messages": "{canary}').text)
        shown.append(http.get("/v1/routing/decisions").text)
    with server.http(canary) as http:
        shown.append(http.get("/v1/models").text)
    with server.http(None) as http:
        shown.append(http.get("/metrics").text)
    shown += [
        record.getMessage() for record in caplog.records if not record.name.startswith(("openai", "httpx", "httpcore"))
    ]
    shown += [str(record.exc_info) for record in caplog.records if record.exc_info]
    for text in shown:
        assert canary not in text
        assert key not in text
