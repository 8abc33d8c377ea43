"""What `auto:<policy>` changes: how many answer, who may, and how their answers become one."""

from __future__ import annotations

import pytest
from tests.platform.conftest import ASKED, DOMAINS, OUTSIDE, Domains, make_domains, unique


def put_policy(domains: Domains, **body: object) -> str:
    name = unique("p")
    with domains.server.http(domains.admin) as http:
        answer = http.put(f"/admin/policies/{name}", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["tenant"] == domains.tenant
    return f"auto:{name}"


def test_top_k_asks_several_and_all_names_each(domains: Domains) -> None:
    model = put_policy(domains, top_k=2, inside_floor=0, combination="all")
    body = domains.ask("Water for tomatoes, and salted water for pasta?", model=model).json()
    asked = [one["name"] for one in body["routing"]["experts"]]
    assert set(asked) == {domains.names["gardening"], domains.names["cooking"]}
    text = body["choices"][0]["message"]["content"]
    assert all(f"**{name}**" in text for name in asked)
    assert sum(one["weight"] for one in body["routing"]["experts"]) == pytest.approx(1)
    assert len(body["citations"]) >= 2


def test_best_of_two_is_one_answer(domains: Domains) -> None:
    model = put_policy(domains, top_k=2, inside_floor=0)
    body = domains.ask(ASKED["astronomy"], model=model).json()
    assert len(body["routing"]["experts"]) == 2
    assert body["model"] == domains.names["astronomy"]
    assert "**" not in body["choices"][0]["message"]["content"]


def test_mass_takes_as_many_as_reach_it(domains: Domains) -> None:
    sure = put_policy(domains, selection="mass", mass=0.5)
    everybody = put_policy(domains, selection="mass", mass=1.0)
    assert len(domains.ask(ASKED["astronomy"], model=sure).json()["routing"]["experts"]) == 1
    assert len(domains.ask(ASKED["astronomy"], model=everybody).json()["routing"]["experts"]) >= 3


def test_denied_experts_are_never_asked(domains: Domains) -> None:
    model = put_policy(domains, deny=[domains.names["astronomy"]])
    body = domains.ask(ASKED["astronomy"], model=model).json()
    assert domains.names["astronomy"] not in [one["name"] for one in body["routing"]["experts"]]
    with domains.server.http(domains.app) as http:
        told = http.post("/v1/routing/explain", json={"model": model, "input": ASKED["astronomy"]}).json()
    assert told["masked"][domains.names["astronomy"]] == "denied by the policy"
    assert domains.names["astronomy"] not in told["probabilities"]


def test_allow_leaves_only_those(domains: Domains) -> None:
    model = put_policy(domains, allow=[domains.names["cooking"]], inside_floor=0)
    body = domains.ask(ASKED["astronomy"], model=model).json()
    assert [one["name"] for one in body["routing"]["experts"]] == [domains.names["cooking"]]


def test_a_floor_makes_the_unsure_abstain(domains: Domains) -> None:
    model = put_policy(domains, floor=1.0, inside_floor=0)
    body = domains.ask("Water for tomatoes, and salted water for pasta?", model=model).json()
    assert body["routing"]["reason"] == "low_confidence"
    assert body["routing"]["abstained"] is True


def test_another_tenants_policy_does_not_exist(domains: Domains) -> None:
    model = put_policy(domains)
    stranger = domains.server.key("app", tenant=domains.server.tenant())
    answer = domains.ask("hello", key=stranger, model=model)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


def test_policies_are_listed_replaced_and_removed(domains: Domains) -> None:
    model = put_policy(domains, top_k=2)
    name = model.removeprefix("auto:")
    with domains.server.http(domains.admin) as http:
        assert http.put(f"/admin/policies/{name}", json={"top_k": 3}).json()["top_k"] == 3
        assert name in [policy["name"] for policy in http.get("/admin/policies").json()["data"]]
        assert http.delete(f"/admin/policies/{name}").status_code == 204
        assert http.delete(f"/admin/policies/{name}").status_code == 404
    assert domains.ask("hello", model=model).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [({"top_k": 0}, "top_k"), ({"mass": 2}, "mass"), ({"floors": 1}, "floors"), ({"selection": "best"}, "selection")],
)
def test_a_wrong_policy_names_its_field(domains: Domains, body: dict[str, object], field: str) -> None:
    with domains.server.http(domains.admin) as http:
        answer = http.put(f"/admin/policies/{unique('p')}", json=body)
    assert answer.status_code == 422
    assert f"/body/{field}" in [error["pointer"] for error in answer.json()["errors"]]


def test_a_generalist_answers_what_the_gate_will_not(domains: Domains) -> None:
    own = make_domains(domains.server)
    generalist = own.server.expert(kind="echo", tenant=own.tenant, generalist=True, config={"prefix": "In general: "})
    body = own.ask(OUTSIDE).json()
    assert body["model"] == generalist
    assert body["routing"]["reason"] == "out_of_domain"
    assert body["routing"]["abstained"] is True
    assert body["choices"][0]["message"]["content"] == f"In general: {OUTSIDE}"
    assert own.ask(ASKED["cooking"]).json()["model"] == own.names["cooking"]
    refuse = put_policy(own, on_abstain="refuse")
    assert own.ask(OUTSIDE, model=refuse).json()["model"] == "auto"


def test_an_expert_that_becomes_the_generalist_leaves_the_gate(domains: Domains) -> None:
    own = make_domains(domains.server)
    with own.server.http(own.admin) as http:
        changed = http.patch(f"/admin/experts/{own.names['cooking']}", json={"generalist": True})
        assert changed.status_code == 200
        told = http.post("/v1/routing/explain", json={"input": DOMAINS["cooking"]["examples"][0]["text"]}).json()
    assert own.names["cooking"] not in told["probabilities"]
