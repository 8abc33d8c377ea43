"""What spoke for a choice: the caller's own texts and the shared experts', never another tenant's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.conftest import Server, make_settings, serving
from tests.platform.conftest import ASKED, DOMAINS, Domains, Json, make_domains, register

ROSES = ASKED["gardening"]


def explain(server: Server, key: str, **body: object) -> Json:
    with server.http(key) as http:
        answer = http.post("/v1/routing/explain", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def decided(domains: Domains, question: str, **body: object) -> Json:
    decision = domains.ask(question, **body).headers["x-doyen-decision-id"]
    with domains.server.http(domains.app) as http:
        answer = http.get(f"/v1/routing/decisions/{decision}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_candidates_examples_and_passages_are_told_in_a_dry_run_and_of_a_decision(domains: Domains) -> None:
    gardening = domains.names["gardening"]
    dry = explain(domains.server, domains.app, input=ROSES)
    done = decided(domains, ROSES)
    for told in (dry, done):
        grounds = told["grounds"]
        first = grounds["candidates"][0]
        assert (first["expert"], first["is_chosen"]) == (gardening, True)
        assert first["probability"] == pytest.approx(told["probabilities"][gardening], abs=1e-3)
        assert grounds["candidates"][1]["expert"] == told["runner_up"]
        nearest = next(one for one in grounds["examples"] if one["expert"] == gardening)
        assert nearest["text"] == "When are roses pruned?"
        assert {one["expert"] for one in grounds["passages"]} <= {gardening, told["runner_up"]}
        assert "rose" in grounds["passages"][0]["text"].lower()
    assert done["unexplained"] == []


def test_the_turns_that_were_read_are_told(domains: Domains) -> None:
    talk = [
        {"role": "user", "content": ROSES},
        {"role": "assistant", "content": "So."},
        {"role": "user", "content": "Why?"},
    ]
    told = explain(domains.server, domains.app, messages=talk)
    assert {part["turn"] for part in told["parts"]} >= {0}
    assert told["read_as"]


def test_a_list_of_decisions_explains_none_of_them(domains: Domains) -> None:
    domains.ask(ROSES)
    with domains.server.http(domains.app) as http:
        (row,) = http.get("/v1/routing/decisions?limit=1").json()["data"]
    assert "grounds" not in row
    assert row["propensity"] == 1.0


def test_a_decision_that_named_its_expert_has_no_grounds(domains: Domains) -> None:
    told = decided(domains, ROSES, model=domains.names["cooking"])
    assert (told["grounds"]["candidates"], told["unexplained"]) == ([], [])


def test_a_decision_without_features_says_what_is_missing(server: Server) -> None:
    told = decided(make_domains(server, prompt_storage="nothing"), ROSES)
    assert "stores nothing" in told["unexplained"][0]
    assert (told["session"], told["grounds"]["examples"]) == (None, [])


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A platform in which a shared expert harms no other test."""
    with serving(make_settings(tmp_path_factory.mktemp("alone"))) as running:
        yield running


def test_another_tenants_texts_never_show(alone: Server) -> None:
    shared = register(alone, tenant=None, domain="gardening")
    own = {tenant: alone.tenant("full") for tenant in ("a", "b")}
    keys = {name: alone.key("app", tenant=tenant) for name, tenant in own.items()}
    admins = {name: alone.key("admin", tenant=tenant) for name, tenant in own.items()}
    private = register(
        alone, tenant=own["a"], domain="cooking", examples=[{"text": "The codeword for a is walnut soup."}]
    )
    secret = "How are roses of the codeword sparrow pruned?"
    with alone.http(keys["a"]) as http:
        asked = {"model": "auto", "messages": [{"role": "user", "content": secret}]}
        decision = http.post("/v1/chat/completions", json=asked).headers["x-doyen-decision-id"]
        verdict = {"decision_id": decision, "verdict": "wrong", "expert": shared}
        assert http.post("/v1/routing/feedback", json=verdict).json()["became_example"] is True
    alone.platform.keeper.imprint(shared)
    assert secret in alone.platform.keeper.current.samples.reference_texts
    for key in (keys["b"], admins["b"], keys["a"]):
        told = explain(alone, key, input=secret)
        assert "sparrow" not in str(told["grounds"])
        assert any(one["text"] in str(DOMAINS["gardening"]) for one in told["grounds"]["examples"])
    with alone.http() as http:
        told = http.post("/v1/routing/explain", json={"input": secret}).json()
    assert secret in [one["text"] for one in told["grounds"]["examples"]]
    told = explain(alone, keys["b"], input="walnut soup codeword")
    assert private not in str(told)
    assert "codeword for a" not in str(told)
    mine = explain(alone, keys["a"], input="The codeword for a is walnut soup?")
    assert "The codeword for a is walnut soup." in [one["text"] for one in mine["grounds"]["examples"]]


def test_what_was_deleted_since_is_not_shown_of_an_old_decision(server: Server) -> None:
    own = make_domains(server)
    gardening = own.names["gardening"]
    before = decided(own, ROSES)
    assert any("Prune roses" in one["text"] for one in before["grounds"]["passages"])
    with own.server.http(own.admin) as http:
        documents = http.get(f"/admin/experts/{gardening}/documents").json()["data"]
        (roses,) = [one["id"] for one in documents if one["title"] == "Pruning roses"]
        assert http.delete(f"/admin/experts/{gardening}/documents/{roses}").status_code == 204
    with own.server.http(own.app) as http:
        after = http.get(f"/v1/routing/decisions/{before['id']}").json()
    assert "Prune roses" not in str(after["grounds"]["passages"])
    assert after["unexplained"] == []
