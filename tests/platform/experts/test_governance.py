"""Where an expert is, what it may see and what it costs: shown, versioned, and binding at once."""

from __future__ import annotations

import pytest
from tests.conftest import Server
from tests.platform.conftest import Json, unique

TRAITS: Json = {
    "group": "law/contracts",
    "region": "eu",
    "data_classes": ["public", "internal", "public"],
    "price": {"request_usd": 0.01, "thousand_tokens_usd": 0.5},
}


def shown(server: Server, name: str) -> Json:
    with server.http() as http:
        return dict(http.get(f"/admin/experts/{name}").json())


def change(server: Server, name: str, **body: object) -> Json:
    with server.http() as http:
        answer = http.patch(f"/admin/experts/{name}", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_an_expert_that_says_nothing_may_see_everything_anywhere_for_free(server: Server) -> None:
    view = shown(server, server.expert(kind="echo", tenant=server.tenant()))
    assert (view["group"], view["region"], view["data_classes"]) == ("", None, None)
    assert view["price"] == {"request_usd": 0.0, "thousand_tokens_usd": 0.0}


def test_traits_are_shown_versioned_and_changed_one_by_one(server: Server) -> None:
    name = server.expert(kind="echo", tenant=server.tenant(), **TRAITS)
    first = shown(server, name)
    assert {field: first[field] for field in TRAITS} == TRAITS | {"data_classes": ["internal", "public"]}
    moved = change(server, name, region="us")
    assert (moved["version"], moved["region"]) == (2, "us")
    assert (moved["group"], moved["data_classes"], moved["price"]) == (
        *(first["group"], first["data_classes"], first["price"]),
    )
    freed = change(server, name, region=None, data_classes=None, group="")
    assert (freed["region"], freed["data_classes"], freed["group"]) == (None, None, "")
    assert change(server, name, title="Another", price={"request_usd": 1})["price"] == {
        "request_usd": 1.0,
        "thousand_tokens_usd": 0.0,
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"group": "law//contracts"}, "group"),
        ({"group": "/law"}, "group"),
        ({"group": "Law"}, "group"),
        ({"group": "a/" * 8 + "a"}, "group"),
        ({"region": ""}, "region"),
        ({"region": "eu west"}, "region"),
        ({"data_classes": ["PII"]}, "data_classes/0"),
        ({"data_classes": "pii"}, "data_classes"),
        ({"price": {"request_usd": -1}}, "price/request_usd"),
        ({"price": {"tokens": 1}}, "price/tokens"),
        ({"price": 1}, "price"),
    ],
)
def test_a_wrong_trait_is_pointed_at(server: Server, body: Json, field: str) -> None:
    with server.http() as http:
        answer = http.post("/admin/experts", json={"name": unique("e"), "description": "x", "kind": "echo"} | body)
    assert answer.status_code == 422, answer.text
    assert f"/body/{field}" in [error["pointer"] for error in answer.json()["errors"]]


def test_the_snapshot_carries_them_with_the_expected_cost(server: Server) -> None:
    tenant = server.tenant()
    name = server.expert(kind="echo", tenant=tenant, **TRAITS)
    experts = server.platform.experts
    (candidate,) = [one for one in experts.snapshot(tenant).candidates if one.name == name]
    assert (candidate.group, candidate.region) == ("law/contracts", "eu")
    assert candidate.data_classes == ("internal", "public")
    assert candidate.cost_usd == pytest.approx(0.01 + 0.5)  # a thousand tokens, as long as nothing is known
    assert experts.snapshot(tenant) is experts.snapshot(tenant)
    key = server.key("app", tenant=tenant)
    words = "word " * 300
    with server.http(key) as http:
        answer = http.post(
            "/v1/chat/completions", json={"model": name, "messages": [{"role": "user", "content": words}]}
        )
        decision = http.get(f"/v1/routing/decisions/{answer.headers['x-doyen-decision-id']}").json()
    tokens = answer.json()["usage"]["total_tokens"]
    (candidate,) = [one for one in experts.snapshot(tenant).candidates if one.name == name]
    assert candidate.cost_usd == pytest.approx(0.01 + 0.5 * tokens / 1000, rel=0.06)
    assert decision["executions"][0]["cost_usd"] == pytest.approx(0.01 + 0.5 * tokens / 1000)
