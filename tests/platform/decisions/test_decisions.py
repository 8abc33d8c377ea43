"""Every request leaves one decision that tells what was chosen, why, and what came of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.conftest import Server
from tests.platform.conftest import ASKED, OUTSIDE, Domains, Json, make_domains


@pytest.fixture(scope="module")
def asked(server: Server) -> Domains:
    """A tenant in which four questions were asked: three in the domains, in their order, and one outside."""
    domains = make_domains(server, prompt_storage="full")
    for question in (*ASKED.values(), OUTSIDE):
        assert domains.ask(question).status_code == 200
    return domains


def listed(domains: Domains, **params: object) -> Json:
    with domains.server.http(domains.app) as http:
        answer = http.get("/v1/routing/decisions", params=params)  # type: ignore[arg-type]  # plain values
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_decision_tells_everything(asked: Domains) -> None:
    answer = asked.ask(ASKED["astronomy"], seed=3)
    body = answer.json()
    with asked.server.http(asked.app) as http:
        told = http.get(f"/v1/routing/decisions/{answer.headers['x-doyen-decision-id']}").json()
    assert told["expert"] == asked.names["astronomy"]
    assert told["tenant"] == asked.tenant
    assert (told["reason"], told["outcome"], told["error"]) == ("gate", "answered", None)
    assert told["probabilities"].keys() >= set(asked.names.values())
    assert sum(told["probabilities"].values()) == pytest.approx(1)
    assert told["confidence"] == max(told["probabilities"].values()) == body["routing"]["confidence"]
    assert told["inside"] > told["inside_floor"]
    assert told["gate_version"] == body["routing"]["gate_version"]
    assert told["requested_model"] == "auto"
    assert told["prompt"] == ASKED["astronomy"]
    assert told["seed"] >= 0
    assert told["chosen"] == [{"expert": told["expert"], "weight": 1.0, "propensity": 1.0}]
    timing = told["timing"]
    assert timing["total_ms"] >= timing["encode_ms"] + timing["decide_ms"] > 0
    assert timing["expert_ms"] > 0
    (execution,) = told["executions"]
    assert (execution["expert"], execution["state"]) == (told["expert"], "answered")
    assert execution["prompt_tokens"] == body["usage"]["prompt_tokens"] > 0
    assert execution["completion_tokens"] == body["usage"]["completion_tokens"] > 0
    assert datetime.now(UTC) - datetime.fromisoformat(told["created_at"]) < timedelta(minutes=1)


def test_each_request_is_recorded_once(server: Server) -> None:
    tenant = server.tenant()
    name, client = server.expert(kind="echo", tenant=tenant), server.openai(server.key("app", tenant=tenant))
    for number in range(4):
        asked = client.chat.completions.create(  # type: ignore[call-overload]  # the client's overloads want literals
            model=name, messages=[{"role": "user", "content": f"question {number}"}], stream=number % 2 == 0
        )
        if number % 2 == 0:
            list(asked)
    with server.http(server.key("app", tenant=tenant)) as http:
        http.post("/v1/routing/explain", json={"input": "a dry run"})
        rows = http.get("/v1/routing/decisions").json()["data"]
    assert [row["streamed"] for row in rows] == [False, True, False, True]
    assert len({row["id"] for row in rows}) == 4
    assert {(row["reason"], row["outcome"], len(row["executions"])) for row in rows} == {("pinned", "answered", 1)}


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_in_both_orders_hold_each_decision_once(asked: Domains, order: str) -> None:
    whole = [row["id"] for row in listed(asked, limit=100, order=order)["data"]]
    assert whole == sorted(whole, reverse=order == "desc")
    seen: list[str] = []
    after: dict[str, object] = {}
    while True:
        told = listed(asked, limit=2, order=order, **after)
        assert told["object"] == "list"
        seen += [row["id"] for row in told["data"]]
        after = {"after": told["last_id"]}
        if not told["has_more"]:
            break
    assert seen == whole


def test_filters_leave_what_they_name(asked: Domains) -> None:
    whole = listed(asked, limit=100)["data"]
    cooking = listed(asked, expert=asked.names["cooking"])["data"]
    assert cooking
    assert {row["expert"] for row in cooking} == {asked.names["cooking"]}
    outside = listed(asked, reason="out_of_domain")["data"]
    assert [row["prompt"] for row in outside] == [OUTSIDE]
    assert outside[0]["outcome"] == "abstained"
    assert outside[0]["executions"] == []
    middle = whole[1]["created_at"]
    assert [r["id"] for r in listed(asked, limit=100, since=middle)["data"]] == [r["id"] for r in whole[:2]]
    assert [r["id"] for r in listed(asked, limit=100, until=middle)["data"]] == [r["id"] for r in whole[2:]]
    assert listed(asked, until="2001-01-01")["data"] == []


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 0},
        {"limit": 101},
        {"order": "random"},
        {"after": "17"},
        {"reason": "chance"},
        {"expert": "A\x00"},
        {"since": "yesterday"},
        {"since": "0001-01-01T00:00:00+14:00"},
        {"until": "9999-12-31T23:59:59-14:00"},
    ],
)
def test_a_filter_that_means_nothing_is_refused(asked: Domains, params: dict[str, object]) -> None:
    with asked.server.http(asked.app) as http:
        answer = http.get("/v1/routing/decisions", params=params)  # type: ignore[arg-type]  # plain values
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == "invalid_value"


SECRET = "write to jane.doe@example.com or +49 170 1234567 about sk-abcdef0123456789abcdef"


@pytest.mark.parametrize("storage", ["nothing", "hash", "redacted", "full"])
def test_prompts_are_kept_as_the_tenant_chose(server: Server, storage: str) -> None:
    tenant = server.tenant(storage)
    name, key = server.expert(kind="echo", tenant=tenant), server.key("app", tenant=tenant)
    with server.http(key) as http:
        body = {"model": name, "messages": [{"role": "user", "content": SECRET}]}
        assert http.post("/v1/chat/completions", json=body).status_code == 200
        (row,) = http.get("/v1/routing/decisions").json()["data"]
    if storage == "nothing":
        assert row["prompt"] is None
    elif storage == "hash":
        assert row["prompt"].startswith("sha256:")
    elif storage == "redacted":
        assert row["prompt"] == "write to [mail] or [digits] about [key]"
    else:
        assert row["prompt"] == SECRET


def give(domains: Domains, **body: object) -> Json:
    with domains.server.http(domains.app) as http:
        answer = http.post("/v1/routing/feedback", json=body)
    return dict(answer.json()) | {"status": answer.status_code}


def test_feedback_becomes_an_example_of_the_right_expert(asked: Domains) -> None:
    decision = asked.ask("Tell me of Ganymede and Callisto, please").headers["x-doyen-decision-id"]
    right = give(asked, decision_id=decision, verdict="right", score=1.0, comment="good")
    assert (right["status"], right["expert"], right["became_example"]) == (201, asked.names["astronomy"], True)
    assert give(asked, decision_id=decision, verdict="right")["became_example"] is False  # it is one already
    decision = asked.ask("Is there a tax on bread?").headers["x-doyen-decision-id"]
    wrong = give(asked, decision_id=decision, verdict="wrong", expert=asked.names["cooking"])
    assert (wrong["expert"], wrong["became_example"]) == (asked.names["cooking"], True)
    with asked.server.http(asked.admin) as http:
        examples = http.get(f"/admin/experts/{asked.names['cooking']}/examples?limit=100").json()["data"]
    assert [e["text"] for e in examples if e["origin"] == "feedback"] == ["Is there a tax on bread?"]
    nobody = give(asked, decision_id=decision, verdict="wrong")
    assert (nobody["status"], nobody["expert"], nobody["became_example"]) == (201, None, False)
    unknown = give(asked, decision_id=decision, verdict="wrong", expert="nobody-here")
    assert (unknown["status"], unknown["error"]["param"]) == (400, "expert")
    assert give(asked, decision_id=decision, verdict="perhaps")["status"] == 400
    assert give(asked, decision_id=decision, verdict="right", score=7)["status"] == 400


@pytest.mark.parametrize("storage", ["nothing", "hash", "redacted"])
def test_feedback_makes_no_example_without_the_prompt(server: Server, storage: str) -> None:
    tenant = server.tenant(storage)
    name, key = server.expert(kind="echo", tenant=tenant), server.key("app", tenant=tenant)
    with server.http(key) as http:
        body = {"model": name, "messages": [{"role": "user", "content": "a question"}]}
        decision = http.post("/v1/chat/completions", json=body).headers["x-doyen-decision-id"]
        told = http.post("/v1/routing/feedback", json={"decision_id": decision, "verdict": "right"}).json()
        assert told["became_example"] is False
    if storage == "hash":  # what was stored as a hash stays one, whatever the tenant chooses later
        with server.http() as admin, server.http(key) as http:
            admin.patch(f"/admin/tenants/{tenant}", json={"prompt_storage": "full"})
            told = http.post("/v1/routing/feedback", json={"decision_id": decision, "verdict": "right"}).json()
        assert told["became_example"] is False


def test_feedback_on_an_expert_that_is_gone_is_still_taken(server: Server) -> None:
    tenant = server.tenant("full")
    name, key = server.expert(kind="echo", tenant=tenant), server.key("app", tenant=tenant)
    with server.http(key) as http, server.http() as admin:
        body = {"model": name, "messages": [{"role": "user", "content": "a question"}]}
        decision = http.post("/v1/chat/completions", json=body).headers["x-doyen-decision-id"]
        assert admin.delete(f"/admin/experts/{name}").status_code == 204
        told = http.post("/v1/routing/feedback", json={"decision_id": decision, "verdict": "right"})
    assert (told.status_code, told.json()["became_example"]) == (201, False)
