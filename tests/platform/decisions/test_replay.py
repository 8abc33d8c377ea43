"""A decision made again from what was stored is the same decision, whatever changed since."""

from __future__ import annotations

import pytest
from tests.conftest import Server
from tests.platform.conftest import ASKED, OUTSIDE, Domains, Json, make_domains, unique


@pytest.fixture(scope="module")
def own(server: Server) -> Domains:
    return make_domains(server, prompt_storage="hash")


def replay(server: Server, decision: str) -> Json:
    with server.http() as http:
        answer = http.post(f"/admin/decisions/{decision}/replay")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_replays_are_identical_also_after_the_gate_changed(own: Domains) -> None:
    with own.server.http(own.admin) as http:
        policy = unique("p")
        http.put(f"/admin/policies/{policy}", json={"selection": "mass", "mass": 0.99, "deny": [own.names["cooking"]]})
    models = ("auto", f"auto:{policy}")
    made = [
        own.ask(question, model=model).headers["x-doyen-decision-id"]
        for question in (*ASKED.values(), OUTSIDE)
        for model in models
    ]
    before = [replay(own.server, decision) for decision in made]
    assert [told["identical"] for told in before] == [True] * len(made)
    version = own.server.platform.keeper.current.version
    added = own.server.expert(kind="echo", tenant=own.tenant, description="Baking bread and pruning roses.")
    with own.server.http(own.admin) as http:
        http.put(f"/admin/policies/{policy}", json={"top_k": 1})
        http.delete(f"/admin/experts/{added}")
    assert own.server.platform.keeper.current.version != version
    assert [replay(own.server, decision) for decision in made] == before


def test_the_recorded_choice_is_what_was_answered(own: Domains) -> None:
    answer = own.ask(ASKED["astronomy"])
    told = replay(own.server, answer.headers["x-doyen-decision-id"])
    assert told["recorded"] == told["replayed"] == [own.names["astronomy"]]
    assert told["differences"] == []
    abstained = replay(own.server, own.ask(OUTSIDE).headers["x-doyen-decision-id"])
    assert (abstained["identical"], abstained["recorded"], abstained["replayed"]) == (True, [], [])


def test_a_pinned_decision_replays_without_features(own: Domains) -> None:
    answer = own.ask("anything", model=own.names["cooking"])
    told = replay(own.server, answer.headers["x-doyen-decision-id"])
    assert (told["identical"], told["replayed"]) == (True, [own.names["cooking"]])


def test_nothing_stored_cannot_be_replayed_and_says_why(server: Server) -> None:
    tenant = server.tenant("nothing")
    key = server.key("app", tenant=tenant)
    server.expert(kind="echo", tenant=tenant, description="Baking bread.")
    with server.http(key) as http:
        body = {"model": "auto", "messages": [{"role": "user", "content": "How is bread baked?"}]}
        decision = http.post("/v1/chat/completions", json=body).headers["x-doyen-decision-id"]
    told = replay(server, decision)
    assert (told["identical"], told["replayed"]) == (None, None)
    assert "stores nothing" in told["differences"][0]
