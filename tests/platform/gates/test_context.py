"""Examples that say what a request had beside its text, and a gate that learns from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conftest import Server, make_settings, serving
from tests.platform.conftest import ASKED, Domains, Json, make_domains

PLANTS = ("tomatoes", "roses", "carrots", "tulips", "beans", "apples", "onions", "pumpkins")
SKIES = ("Jupiter", "Saturn", "Mars", "Venus", "comets", "quasars", "nebulae", "pulsars")
CLEAR = {
    "garden": [f"How do I water and prune {plant}?" for plant in PLANTS],
    "sky": [f"What can a telescope show of {sky}?" for sky in SKIES],
}
VAGUE = ("it does not work", "I need help", "where do I find it", "how long does it take", "please explain", "what now")


def chat(server: Server, question: str, **headers: str) -> Json:
    with server.http() as http:
        answer = http.post(
            "/v1/chat/completions",
            json={"model": "auto:any", "messages": [{"role": "user", "content": question}]},
            headers=headers,
        )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_trained_gate_sends_a_vague_request_where_its_feature_says(tmp_path: Path) -> None:
    with serving(make_settings(tmp_path)) as server, server.http() as http:
        for name, texts in CLEAR.items():
            vague = [{"text": text, "context": {"feature": f"{name}-page"}} for text in VAGUE]
            examples = [{"text": text} for text in texts] + vague
            body = {"name": name, "description": f"All about the {name}.", "kind": "echo", "examples": examples}
            assert http.post("/admin/experts", json=body).status_code == 201
        assert http.put("/admin/policies/any", json={"inside_floor": 0}).status_code == 200
        trained = http.post("/admin/gates", json={"promote": True}, params={"wait_seconds": 120}).json()
        assert trained["state"] == "active", trained["reason"]
        assert trained["card"]["context_features"] == ["feature=garden-page", "feature=sky-page"]
        question = "it is broken, please help me"
        for name in CLEAR:
            assert chat(server, question, **{"x-doyen-feature": f"{name}-page"})["model"] == name
        moved = chat(server, question, **{"x-doyen-feature": "sky-page"})
        decision = http.get(f"/v1/routing/decisions/{moved['routing']['decision_id']}").json()
        assert ("context", "sky") in {(one["name"], one["expert"]) for one in decision["adjustments"]}
        clear = chat(server, CLEAR["garden"][0], **{"x-doyen-feature": "sky-page"})
        assert clear["model"] == "garden", "what is asked outweighs the page"


def test_an_example_keeps_its_context_and_shows_it(server: Server) -> None:
    context = {"locale": "de-AT", "feature": "checkout.v2", "previous": "tax", "tenant": "acme"}
    name = server.expert(kind="echo", examples=[{"text": "first", "context": context}, {"text": "second"}])
    with server.http() as http:
        more = {"examples": [{"text": "third", "context": {}}, {"text": "fourth", "context": None}]}
        assert http.post(f"/admin/experts/{name}/examples", json=more).json()["added"] == 2
        shown = {one["text"]: one["context"] for one in http.get(f"/admin/experts/{name}/examples").json()["data"]}
    # As the header is read, so that both mean the same.
    assert shown == {"first": context | {"locale": "de-at"}, "second": None, "third": None, "fourth": None}


def test_the_context_of_a_shared_experts_examples_is_not_shown_to_a_tenant(server: Server) -> None:
    name = server.expert(kind="echo", examples=[{"text": "first", "context": {"tenant": "acme"}}])
    with server.http(server.key("admin", tenant=server.tenant())) as http:
        (shown,) = http.get(f"/admin/experts/{name}/examples").json()["data"]
    assert (shown["text"], shown["context"]) == ("first", None)


@pytest.mark.parametrize(
    "context",
    [
        {"colour": "red"},
        {"feature": "Search"},
        {"feature": "x" * 65},
        {"locale": "de_AT"},
        {"previous": "a/b"},
        {"tenant": ""},
        {"feature": 7},
        ["feature"],
        "feature",
    ],
    ids=str,
)
def test_a_context_has_the_limits_that_the_headers_have(server: Server, domains: Domains, context: object) -> None:
    body = {"examples": [{"text": "x", "context": context}]}
    with server.http() as http:
        refused = http.post(f"/admin/experts/{domains.names['cooking']}/examples", json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"].startswith("/body/examples/0/context")


def test_a_tenants_admin_teaches_nothing_about_another_tenants_requests(server: Server) -> None:
    own = make_domains(server)
    with server.http(own.admin) as http:
        path = f"/admin/experts/{own.names['cooking']}/examples"
        refused = http.post(path, json={"examples": [{"text": "x", "context": {"tenant": "default"}}]})
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid")
        mine = http.post(path, json={"examples": [{"text": "x", "context": {"tenant": own.tenant}}]})
        assert (mine.status_code, mine.json()["added"]) == (201, 1)


def test_feedback_keeps_the_context_of_its_decision_but_not_the_tenant(server: Server) -> None:
    own = make_domains(server)
    headers = {"x-doyen-feature": "kitchen", "x-doyen-locale": "en", "x-session-id": "one"}
    with server.http(own.app) as http:
        for domain in ("gardening", "cooking"):  # the second time, somebody answered before
            body = {"model": "auto", "messages": [{"role": "user", "content": ASKED[domain]}]}
            answer = http.post("/v1/chat/completions", json=body, headers=headers)
            assert answer.json()["model"] == own.names[domain]
        verdict = {"decision_id": answer.headers["x-doyen-decision-id"], "verdict": "right"}
        assert http.post("/v1/routing/feedback", json=verdict).json()["became_example"] is True
    with server.http(own.admin) as http:
        examples = http.get(f"/admin/experts/{own.names['cooking']}/examples", params={"limit": 100}).json()["data"]
    made = [one["context"] for one in examples if one["origin"] == "feedback"]
    assert made == [{"feature": "kitchen", "locale": "en", "previous": own.names["gardening"]}]
