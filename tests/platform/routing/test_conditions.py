"""What holds for one request: who may see its data, who answered before, how the experts do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from tests.conftest import Server
from tests.platform.conftest import ASKED, OUTSIDE, Domains, Json, make_domains, unique

ROSES = ASKED["gardening"]
BOTH = "Water for tomatoes, and salted water for pasta?"
UNCLEAR = (BOTH, "tomatoes", "What do I do with tomatoes?", "How do I keep herbs?", "basil")
LOOSE: Json = {"inside_floor": 0, "evidence": False}  # the words alone, so that both are near


def ask(domains: Domains, *turns: str, model: str = "auto", **headers: str) -> Any:  # Any: an HTTP response
    """Turns are the user's and the assistant's by turns. Header names have underscores."""
    messages = [{"role": "assistant" if place % 2 else "user", "content": text} for place, text in enumerate(turns)]
    with domains.server.http(domains.app) as http:
        return http.post(
            "/v1/chat/completions",
            json={"model": model, "messages": messages},
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )


def decision(domains: Domains, answer: Any) -> Json:  # Any: an HTTP response
    with domains.server.http(domains.app) as http:
        told = http.get(f"/v1/routing/decisions/{answer.headers['x-doyen-decision-id']}")
    assert told.status_code == 200, told.text
    return dict(told.json())


def put_policy(domains: Domains, **body: object) -> str:
    name = unique("p")
    with domains.server.http(domains.admin) as http:
        answer = http.put(f"/admin/policies/{name}", json=body)
    assert answer.status_code == 200, answer.text
    return f"auto:{name}"


def change(domains: Domains, name: str, **body: object) -> None:
    with domains.server.http(domains.admin) as http:
        assert http.patch(f"/admin/experts/{name}", json=body).status_code == 200


def likelier_and_other(domains: Domains) -> tuple[str, str]:
    """The domains of `BOTH`."""
    first = experts(ask(domains, BOTH, model=put_policy(domains, **LOOSE)))[0]
    return ("gardening", "cooking") if first == domains.names["gardening"] else ("cooking", "gardening")


@pytest.fixture(scope="module")
def guarded(server: Server) -> Domains:
    """Gardening may see public data alone; so may the generalist. The others may see everything."""
    made = make_domains(server)
    change(made, made.names["gardening"], data_classes=["public"], region="us")
    change(made, made.names["cooking"], region="eu")
    general = server.expert(kind="echo", tenant=made.tenant, generalist=True, data_classes=["public"])
    return Domains(server, made.tenant, made.app, made.admin, made.names | {"general": general})


def experts(answer: Any) -> Sequence[str]:  # Any: an HTTP response
    assert answer.status_code == 200, answer.text
    return [one["name"] for one in answer.json()["routing"]["experts"]]


def test_a_data_class_keeps_a_request_from_those_who_may_not_see_it(guarded: Domains) -> None:
    gardening = guarded.names["gardening"]
    assert experts(ask(guarded, ROSES)) == [gardening]
    assert experts(ask(guarded, ROSES, x_doyen_data_class="public")) == [gardening]
    answer = ask(guarded, ROSES, x_doyen_data_class="pii")
    assert gardening not in experts(answer)
    told = decision(guarded, answer)
    assert told["masked"][gardening] == "it may not see data of the class 'pii'"
    assert told["conditions"]["data_class"] == "pii"


def test_the_generalist_is_kept_from_it_too(guarded: Domains) -> None:
    assert experts(ask(guarded, OUTSIDE, x_doyen_data_class="public")) == [guarded.names["general"]]
    answer = ask(guarded, OUTSIDE, x_doyen_data_class="pii")
    assert experts(answer) == []
    assert guarded.names["general"] in decision(guarded, answer)["masked"]


def test_a_named_expert_is_kept_from_it_and_the_answer_says_why(guarded: Domains) -> None:
    gardening = guarded.names["gardening"]
    assert ask(guarded, ROSES, model=gardening, x_doyen_data_class="public").status_code == 200
    answer = ask(guarded, ROSES, model=gardening, x_doyen_data_class="pii")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "expert_masked")
    assert "'pii'" in answer.json()["error"]["message"]
    stranger = make_domains(guarded.server)
    hidden = ask(stranger, ROSES, model=gardening, x_doyen_data_class="pii")
    assert (hidden.status_code, hidden.json()["error"]["code"]) == (404, "model_not_found")


def test_nobody_being_allowed_is_not_told_as_out_of_domain(guarded: Domains) -> None:
    model = put_policy(guarded, allow=[guarded.names["gardening"]], on_abstain="refuse")
    answer = ask(guarded, ROSES, model=model, x_doyen_data_class="pii")
    assert answer.json()["routing"]["reason"] == "no_expert"
    assert "data class" in answer.json()["choices"][0]["message"]["content"]


def test_a_policy_may_have_a_data_class_and_regions_of_its_own(guarded: Domains) -> None:
    by_class = put_policy(guarded, data_class="pii", inside_floor=0)
    assert guarded.names["gardening"] not in experts(ask(guarded, ROSES, model=by_class))
    milder = ask(guarded, ROSES, model=by_class, x_doyen_data_class="public")
    assert guarded.names["gardening"] not in experts(milder), "a header must not lift what the policy says"
    answer = ask(guarded, ROSES, model=put_policy(guarded, regions=["eu"], inside_floor=0))
    assert experts(answer) == [guarded.names["cooking"]]
    masked = decision(guarded, answer)["masked"]
    assert "'us'" in masked[guarded.names["gardening"]]
    assert "in no region" in masked[guarded.names["general"]]


def test_a_session_keeps_its_expert_while_that_one_is_near(domains: Domains) -> None:
    sticky = put_policy(domains, stickiness=10, stick_share=0, **LOOSE)
    likelier, other = likelier_and_other(domains)
    session, question = unique("s"), ASKED[other]
    expert = domains.names[other]
    assert experts(ask(domains, question, model=sticky, x_session_id=session)) == [expert]
    again = ask(domains, BOTH, model=sticky, x_session_id=session, x_doyen_debug="true")
    assert experts(again) == [expert]
    assert again.headers["x-doyen-session"] == f"given:{session}"
    assert f"stickiness:{expert}=+10" in again.headers["x-doyen-adjustments"]
    told = decision(domains, again)
    assert told["conditions"]["previous"] == told["conditions"]["context"]["previous"] == expert
    assert {"name": "stickiness", "expert": expert, "size": 10.0} in told["adjustments"]
    assert told["session"] == f"given:{session}"
    new, plain = unique("s"), put_policy(domains, **LOOSE)
    assert experts(ask(domains, BOTH, model=sticky, x_session_id=new)) == [domains.names[likelier]]
    assert experts(ask(domains, BOTH, model=plain, x_session_id=session)) == [domains.names[likelier]]


def test_a_stream_is_remembered_as_an_answer_is(domains: Domains) -> None:
    session, body = unique("s"), {"model": "auto", "messages": [{"role": "user", "content": ROSES}], "stream": True}
    with domains.server.http(domains.app) as http:
        assert "[DONE]" in http.post("/v1/chat/completions", json=body, headers={"x-session-id": session}).text
    told = decision(domains, ask(domains, ASKED["cooking"], x_session_id=session))
    assert told["conditions"]["previous"] == domains.names["gardening"]


def test_a_tenant_that_keeps_nothing_keeps_no_session_either(server: Server) -> None:
    own = make_domains(server, prompt_storage="nothing")
    model = put_policy(own, selection="hash")
    told = decision(own, ask(own, ROSES, model=model, x_session_id="somebody@example.com"))
    assert "somebody" not in str(told)
    assert told["session"] is None


def test_a_conversation_without_an_id_is_a_session_by_its_beginning(domains: Domains) -> None:
    begin = f"{ASKED['cooking']} {unique('q')}"
    assert experts(ask(domains, begin)) == [domains.names["cooking"]]
    assert "previous" not in decision(domains, ask(domains, begin))["conditions"]
    told = decision(domains, ask(domains, begin, "So.", ROSES))
    assert told["conditions"]["previous"] == domains.names["cooking"]
    assert told["session"].startswith("derived:")


def test_a_session_that_the_generalist_answered_once_keeps_its_expert(guarded: Domains) -> None:
    session = unique("s")
    for question in (ASKED["cooking"], OUTSIDE):
        ask(guarded, question, x_session_id=session)
    assert (
        decision(guarded, ask(guarded, ROSES, x_session_id=session))["conditions"]["previous"]
        == (guarded.names["cooking"])
    )


def test_hash_keeps_a_session_together_whatever_it_asks(domains: Domains) -> None:
    model = put_policy(domains, selection="hash", allow=list(domains.names.values()))
    sessions = [unique("s") for _ in range(12)]
    first = [experts(ask(domains, "One?", model=model, x_session_id=session)) for session in sessions]
    assert [experts(ask(domains, "Two?", model=model, x_session_id=session)) for session in sessions] == first
    assert len({tuple(names) for names in first}) > 1


def test_a_cheaper_expert_wins_within_the_tolerance_and_never_beyond(server: Server) -> None:
    own = make_domains(server)
    near = LOOSE | {"allow": list(own.names.values())}
    free = put_policy(own, **near)

    def two_likeliest(question: str) -> tuple[float, str, str]:
        """What the second gives up against the first, as a share."""
        shares = decision(own, ask(own, question, model=free))["probabilities"]
        first, second = sorted(shares, key=lambda name: -shares[name])[:2]
        return 1 - shares[second] / shares[first], first, second

    (lost, likeliest, second), question = min((two_likeliest(question), question) for question in UNCLEAR)
    assert 0.005 < lost < 0.95, "no question leaves enough open for this test"
    change(own, likeliest, price={"request_usd": 1.0})
    answer = ask(own, question, model=put_policy(own, fit_tolerance=lost + 0.005, **near))
    assert experts(answer) == [second]
    assert [a["name"] for a in decision(own, answer)["adjustments"] if a["expert"] == second] == ["cost"]
    too_little = put_policy(own, fit_tolerance=lost - 0.005, **near)
    assert experts(ask(own, question, model=too_little)) == [likeliest]


def test_an_expert_that_fails_loses_health_and_the_record_tells(server: Server) -> None:
    own = make_domains(server)
    broken = server.expert(kind="echo", tenant=own.tenant, config={"fail_rate": 1.0})
    for _ in range(4):
        assert ask(own, "x", model=broken).status_code == 503
    told = decision(own, ask(own, ROSES))
    assert 0.3 < told["conditions"]["loads"][broken]["health"] < 0.6
    # Shared experts of other tests may be unwell too.
    assert told["conditions"]["loads"].keys() & {broken, *own.names.values()} == {broken}
    stranger = make_domains(server)
    assert broken not in str(decision(stranger, ask(stranger, ROSES)))
