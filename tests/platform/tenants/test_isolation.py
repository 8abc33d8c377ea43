"""What one tenant has does not exist for another: not by id, not by name, not in a list, not in an explanation."""

from __future__ import annotations

import uuid

import pytest
from tests.conftest import Server
from tests.platform.conftest import ASKED, DOMAINS, Domains, Json, make_domains, register, unique


@pytest.fixture(scope="module")
def theirs(server: Server) -> Domains:
    return make_domains(server)


@pytest.fixture(scope="module")
def ours(server: Server, theirs: Domains) -> Domains:
    return make_domains(server)


def test_every_route_that_takes_an_id_answers_404(theirs: Domains, ours: Domains) -> None:
    expert = theirs.names["cooking"]
    decision = theirs.ask(ASKED["cooking"]).headers["x-doyen-decision-id"]
    policy = unique("p")
    with theirs.server.http(theirs.admin) as http:
        document = http.get(f"/admin/experts/{expert}/documents").json()["data"][0]["id"]
        assert http.put(f"/admin/policies/{policy}", json={}).status_code == 200
        key = http.get("/admin/keys").json()["data"][0]["id"]
    ask = {"messages": [{"role": "user", "content": "x"}]}
    documents = {"documents": [{"title": "t", "text": "x"}]}
    calls: list[tuple[str, str, Json | None]] = [
        ("GET", f"/v1/models/{expert}", None),
        ("GET", f"/v1/routing/decisions/{decision}", None),
        ("POST", "/v1/routing/feedback", {"decision_id": decision, "verdict": "right"}),
        ("POST", "/v1/chat/completions", {"model": expert} | ask),
        ("POST", "/v1/chat/completions", {"model": f"auto:{policy}"} | ask),
        ("POST", "/v1/routing/explain", {"model": expert, "input": "x"}),
        ("POST", "/v1/routing/explain", {"model": f"auto:{policy}", "input": "x"}),
        ("POST", f"/admin/decisions/{decision}/replay", None),
        ("GET", f"/admin/experts/{expert}", None),
        ("PATCH", f"/admin/experts/{expert}", {"title": "ours now"}),
        ("POST", f"/admin/experts/{expert}/pause", None),
        ("POST", f"/admin/experts/{expert}/resume", None),
        ("POST", f"/admin/experts/{expert}/examples", {"examples": [{"text": "x"}]}),
        ("GET", f"/admin/experts/{expert}/examples", None),
        ("GET", f"/admin/experts/{expert}/documents", None),
        ("POST", f"/admin/experts/{expert}/documents", documents),
        ("DELETE", f"/admin/experts/{expert}/documents/{document}", None),
        ("DELETE", f"/admin/experts/{ours.names['cooking']}/documents/{document}", None),
        ("DELETE", f"/admin/experts/{expert}", None),
        ("DELETE", f"/admin/policies/{policy}", None),
        ("DELETE", f"/admin/keys/{key}", None),
        ("PATCH", f"/admin/tenants/{theirs.tenant}", {"title": "ours now"}),
        ("GET", f"/analytics/summary?tenant={theirs.tenant}", None),
    ]
    with ours.server.http(ours.admin) as http:
        for method, path, body in calls:
            answer = http.request(method, path, json=body)
            assert answer.status_code == 404, f"{method} {path}: {answer.status_code} {answer.text}"
            absent = method, path.replace(expert, "e-none").replace(decision, str(uuid.uuid4())), body
            assert http.request(*absent[:2], json=absent[2]).status_code == 404
        upload = http.post(f"/admin/experts/{expert}/documents/files", files={"files": ("a.txt", b"text")})
        assert upload.status_code == 404
    with theirs.server.http(theirs.admin) as http:
        assert http.get(f"/admin/experts/{expert}").json()["title"] == expert
        assert http.get(f"/admin/experts/{expert}").json()["version"] == 1


def test_nothing_shown_to_a_tenant_names_anothers_experts(theirs: Domains, ours: Domains) -> None:
    shown: list[str] = []
    with ours.server.http(ours.admin) as http:
        for question in (*ASKED.values(), "How do I file my tax return?"):
            explained = http.post("/v1/routing/explain", json={"input": question})
            assert explained.json()["probabilities"], "the gate had nobody to choose from"
            answer = http.post(
                "/v1/chat/completions",
                json={"model": "auto", "messages": [{"role": "user", "content": question}]},
                headers={"x-doyen-debug": "true"},
            )
            shown += [explained.text, answer.text, str(answer.headers)]
        added = http.post("/admin/experts", json={"name": unique("e"), "description": "Music and instruments."})
        assert {one["expert"] for one in added.json()["confusion"]} >= set(ours.names.values())
        shown.append(added.text)
        assert http.delete(f"/admin/experts/{added.json()['name']}").status_code == 204
        for path in (
            *("/v1/models", "/v1/routing/decisions?limit=100", "/admin/experts", "/admin/policies", "/admin/keys"),
            *("/admin/tenants", "/admin/gates", "/analytics/summary"),
        ):
            shown.append(http.get(path).text)
    for name in (*theirs.names.values(), theirs.tenant):
        for text in shown:
            assert name not in text


def test_the_same_question_goes_to_each_tenants_own_expert(theirs: Domains, ours: Domains) -> None:
    for domain, question in ASKED.items():
        assert ours.ask(question).json()["model"] == ours.names[domain]
        assert theirs.ask(question).json()["model"] == theirs.names[domain]


def test_a_shared_expert_is_seen_by_all_and_changed_by_the_platform(server: Server) -> None:
    shared = register(server, tenant=None, domain="astronomy")
    tenant = server.tenant("full")
    app, admin = server.key("app", tenant=tenant), server.key("admin", tenant=tenant)
    try:
        with server.http(app) as http:
            body = {
                "model": "auto",
                "messages": [{"role": "user", "content": "Which moons has Jupiter, my secret X1?"}],
            }
            answer = http.post("/v1/chat/completions", json=body)
            assert answer.json()["model"] == shared
            decision = answer.headers["x-doyen-decision-id"]
            feedback = http.post("/v1/routing/feedback", json={"decision_id": decision, "verdict": "right"})
            assert feedback.json()["became_example"] is True
        with server.http(admin) as http:
            assert http.get(f"/admin/experts/{shared}").status_code == 200
            assert http.patch(f"/admin/experts/{shared}", json={"title": "mine"}).status_code == 403
            assert http.delete(f"/admin/experts/{shared}").status_code == 403
            assert http.post(f"/admin/experts/{shared}/pause").status_code == 403
        with server.http(server.key("admin", tenant=server.tenant())) as http:
            examples = http.get(f"/admin/experts/{shared}/examples")
            assert len(examples.json()["data"]) >= len(DOMAINS["astronomy"]["examples"])
            assert "X1" not in examples.text
        with server.http() as http:
            assert "X1" in http.get(f"/admin/experts/{shared}/examples?limit=100").text
    finally:
        with server.http() as http:
            assert http.delete(f"/admin/experts/{shared}").status_code == 204


def test_tenants_are_made_changed_and_not_made_twice(server: Server) -> None:
    name = unique("t")
    with server.http() as http:
        made = http.post("/admin/tenants", json={"id": name, "title": "New"})
        assert (made.status_code, made.json()["prompt_storage"]) == (201, "hash")
        assert http.post("/admin/tenants", json={"id": name, "title": "New"}).status_code == 409
        changed = http.patch(f"/admin/tenants/{name}", json={"prompt_storage": "nothing"})
        assert changed.json()["prompt_storage"] == "nothing"
        assert http.patch("/admin/tenants/nobody-here", json={"title": "x"}).status_code == 404
        for wrong in ("..", "A", "a/b", "a\x00", "x" * 64):
            assert http.post("/admin/tenants", json={"id": wrong, "title": "x"}).status_code == 422
