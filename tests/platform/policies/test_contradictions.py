"""A policy takes all that the router knows, and what contradicts itself is refused with what to do."""

from __future__ import annotations

import pytest
from tests.conftest import Server
from tests.platform.conftest import Json, unique

from doyen_platform.database.table import utc_now
from doyen_platform.policies.live import LivePolicies, routing_policy
from doyen_platform.policies.models import PolicyRow
from doyen_platform.policies.schemas import PolicyBody
from doyen_platform.policies.service import ANY_NUMBER
from doyen_router.gate.decision import Exploration, Policy

EVERYTHING: Json = {
    "selection": "hierarchical",
    "top_k": 3,
    "mass": 0.8,
    "soft_share": 0.4,
    "conformal_error": 0.05,
    "fixed": None,
    "floor": 0.1,
    "inside_floor": 0.2,
    "on_abstain": "refuse",
    "allow": ["a", "b"],
    "deny": ["c"],
    "regions": ["eu", "ch"],
    "data_class": "pii",
    "exploration": {"kind": "thompson", "rate": 0.1, "scale": 0.7, "least_share": 0.2},
    "balance_bound": 0.5,
    "fit_tolerance": 0.3,
    "wait_worth_ms": 500.0,
    "cost_worth_usd": 0.02,
    "stickiness": 0.6,
    "stick_share": 0.5,
    "evidence": False,
    "combination": "all",
}


def put(server: Server, **body: object) -> tuple[int, Json]:
    with server.http() as http:
        answer = http.put(f"/admin/policies/{unique('p')}", json=body)
    return answer.status_code, dict(answer.json())


def test_every_field_of_the_routers_policy_arrives_there(server: Server) -> None:
    status, view = put(server, **EVERYTHING)
    assert status == 200, view
    assert {name: view[name] for name in EVERYTHING} == EVERYTHING
    routed = server.platform.policies.get(view["name"], "default")
    assert routed.combination == "all"
    expected = EVERYTHING | {"allow": ("a", "b"), "deny": ("c",), "regions": ("eu", "ch"), "name": view["name"]}
    expected["exploration"] = Exploration("thompson", rate=0.1, scale=0.7, least_share=0.2)
    del expected["combination"]
    assert expected.keys() == set(Policy.__slots__)
    assert routed.policy == Policy(**expected)


def test_the_defaults_are_the_routers() -> None:
    assert routing_policy("default", PolicyBody()).policy == Policy()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"selection": "fixed"}, "fixed"),
        ({"fixed": "a"}, "fixed"),
        ({"selection": "fixed", "fixed": "a", "deny": ["a"]}, "fixed"),
        ({"selection": "fixed", "fixed": "a", "allow": ["b"]}, "fixed"),
        ({"selection": "fixed", "fixed": "a", "allow": []}, "fixed"),
        ({"regions": []}, "regions"),
        ({"selection": "dense", "exploration": {"kind": "epsilon"}}, "exploration"),
        ({"top_k": 5, "exploration": {"kind": "gumbel"}}, "exploration"),
        ({"selection": "hierarchical", "top_k": 5, "exploration": {"kind": "thompson"}}, "exploration"),
        *(({"selection": any_number, "exploration": {"kind": "gumbel"}}, "exploration") for any_number in ANY_NUMBER),
        ({"selection": "hash", "floor": 0.5}, "floor"),
        ({"selection": "random", "stickiness": 1}, "stickiness"),
        ({"selection": "hash", "fit_tolerance": 0.5}, "fit_tolerance"),
    ],
)
def test_what_contradicts_itself_is_refused_with_what_to_do(server: Server, body: Json, field: str) -> None:
    status, told = put(server, **body)
    assert (status, told["code"]) == (400, "policy_contradiction"), told
    assert told["detail"].startswith(f"{field}: ")


@pytest.mark.parametrize(
    "body",
    [
        {"top_k": 4, "exploration": {"kind": "gumbel"}},
        {"selection": "switch", "top_k": 16, "exploration": {"kind": "thompson"}},
        {"selection": "mass", "top_k": 16, "exploration": {"kind": "epsilon"}},
    ],
)
def test_exploration_is_taken_where_its_propensity_is_quickly_known(server: Server, body: Json) -> None:
    status, told = put(server, **body)
    assert status == 200, told


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"exploration": {"kind": "guess"}}, "exploration/kind"),
        ({"exploration": {"rate": 0.1}}, "exploration/kind"),
        ({"exploration": {"kind": "epsilon", "rate": 2}}, "exploration/rate"),
        ({"fit_tolerance": 1.0}, "fit_tolerance"),
        ({"wait_worth_ms": 0}, "wait_worth_ms"),
        ({"soft_share": 0}, "soft_share"),
        ({"regions": ["EU"]}, "regions/0"),
        ({"data_class": "P II"}, "data_class"),
    ],
)
def test_a_wrong_value_is_pointed_at(server: Server, body: Json, pointer: str) -> None:
    status, told = put(server, **body)
    assert status == 422, told
    assert f"/body/{pointer}" in [error["pointer"] for error in told["errors"]]


def test_a_policy_stored_by_an_older_version_still_decides(server: Server) -> None:
    name = unique("p")
    old = {"selection": "mass", "top_k": 1, "mass": 0.7, "floor": 0.0, "inside_floor": None, "on_abstain": "refuse"}
    old |= {"allow": None, "deny": ["x"], "combination": "best"}
    with server.platform.database.write() as session:
        session.add(PolicyRow(name=name, tenant_id=None, body=old, updated_at=utc_now()))
    policies = LivePolicies(server.platform.database)
    policies.refresh()
    assert policies.get(name, "default").policy == Policy(name, "mass", mass=0.7, on_abstain="refuse", deny=("x",))
    with server.http() as http:
        assert name in [policy["name"] for policy in http.get("/admin/policies").json()["data"]]
        http.delete(f"/admin/policies/{name}")
