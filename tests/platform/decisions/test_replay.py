"""A decision made again from what was stored is the same decision, whatever changed since."""

from __future__ import annotations

import uuid

import pytest
from tests.conftest import Server
from tests.platform.conftest import ASKED, OUTSIDE, Domains, Json, make_domains, unique

from doyen_platform.decisions.models import DecisionRow, RoutingContext


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


@pytest.mark.parametrize("kind", ["epsilon", "gumbel", "thompson"])
def test_what_chance_moved_and_what_adjusted_replays_to_the_bit(own: Domains, kind: str) -> None:
    policy, session = unique("p"), unique("s")
    body = {"selection": "top_k", "top_k": 2, "inside_floor": 0, "stickiness": 0.7, "stick_share": 0, "regions": None}
    body |= {"exploration": {"kind": kind, "rate": 0.5, "scale": 3, "least_share": 0}, "fit_tolerance": 0.5}
    with own.server.http(own.admin) as http:
        assert http.put(f"/admin/policies/{policy}", json=body).status_code == 200
    propensities = set()
    for question in (*ASKED.values(), *ASKED.values(), OUTSIDE):
        with own.server.http(own.app) as http:
            asked = {"model": f"auto:{policy}", "messages": [{"role": "user", "content": question}]}
            answer = http.post("/v1/chat/completions", json=asked, headers={"x-session-id": session})
            decision = answer.headers["x-doyen-decision-id"]
            told = http.get(f"/v1/routing/decisions/{decision}").json()
        propensities.add(told["propensity"])
        assert 0 < told["propensity"] < 1
        assert replay(own.server, decision)["identical"] is True, told
    assert len(propensities) > 1


def test_it_names_the_input_that_is_gone_or_was_altered(own: Domains) -> None:
    answer = own.ask(ASKED["cooking"])
    decision = answer.headers["x-doyen-decision-id"]
    assert replay(own.server, decision)["identical"] is True
    database, seal = own.server.platform.database, own.server.platform.seal
    with database.write() as session:
        row = session.get_one(DecisionRow, uuid.UUID(decision))
        version, context_id, features = row.gate_version, row.context_id, row.features
        row.gate_version, row.features = "0" * 64, None
    assert [one.split(":")[0] for one in replay(own.server, decision)["differences"]] == ["features", "gate version"]
    with database.write() as session:
        row = session.get_one(DecisionRow, uuid.UUID(decision))
        assert features is not None
        row.gate_version, row.features = version, seal.seal(row.id, bytes(10))
    assert "5 numbers" in replay(own.server, decision)["differences"][0]
    with database.write() as session:
        row = session.get_one(DecisionRow, uuid.UUID(decision))
        row.features, row.context_id = features, "1" * 64
        body = session.get_one(RoutingContext, context_id).body
        session.add(RoutingContext(id="1" * 64, body=body))
    assert "was altered" in replay(own.server, decision)["differences"][0]
    with database.write() as session:
        session.get_one(DecisionRow, uuid.UUID(decision)).context_id = "2" * 64
    told = replay(own.server, decision)
    assert (told["identical"], told["replayed"]) == (None, None)
    assert "is gone" in told["differences"][0]


def test_another_choice_from_the_same_inputs_is_told(own: Domains) -> None:
    decision = own.ask(ASKED["cooking"]).headers["x-doyen-decision-id"]
    own.server.platform.recorder.flush()
    with own.server.platform.database.write() as session:
        row = session.get_one(DecisionRow, uuid.UUID(decision))
        row.propensity, row.inside, row.inside_floor, row.abstained = 0.5, -1.0, -2.0, True
    told = replay(own.server, decision)
    assert told["identical"] is False
    *differences, cause = told["differences"]
    assert [one.split(":")[0] for one in differences] == ["abstained", "inside", "inside_floor", "propensity"]
    assert differences[0] == "abstained: recorded True, replayed False"
    assert differences[-1] == "propensity: recorded 0.5, replayed 1.0"
    assert "program" in cause


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
