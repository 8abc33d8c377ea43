"""`/v1/routing/explain` tells what a request would do, and does nothing."""

from __future__ import annotations

import pytest
from tests.platform.conftest import ASKED, OUTSIDE, Domains, Json


def explain(domains: Domains, **body: object) -> Json:
    with domains.server.http(domains.app) as http:
        answer = http.post("/v1/routing/explain", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("question", [*ASKED.values(), OUTSIDE, "word " * 700 + ASKED["astronomy"], "yes"])
def test_the_dry_run_is_what_the_request_then_does(domains: Domains, question: str) -> None:
    told = explain(domains, input=question)
    done = domains.ask(question).json()["routing"]
    assert [one["expert"] for one in told["chosen"]] == [one["name"] for one in done["experts"]]
    assert (told["reason"], told["abstained"]) == (done["reason"], done["abstained"])
    assert told["confidence"] == pytest.approx(done["confidence"], abs=1e-2)
    assert sum(told["probabilities"].values()) == pytest.approx(1)
    by_messages = explain(domains, messages=[{"role": "user", "content": question}])
    assert by_messages["text"] == told["text"]


def test_it_tells_how_much_of_a_long_question_was_not_read(domains: Domains) -> None:
    assert explain(domains, input=ASKED["cooking"])["cut_chars"] == 0
    told = explain(domains, input="word " * 300 + ASKED["cooking"])
    assert told["cut_chars"] == 1500 + len(ASKED["cooking"]) - 1000


def test_it_records_and_asks_nothing(domains: Domains) -> None:
    with domains.server.http(domains.app) as http:
        before = http.get("/v1/routing/decisions?limit=1").json()["last_id"]
        told = explain(domains, input=ASKED["gardening"])
        assert http.get("/v1/routing/decisions?limit=1").json()["last_id"] == before
    assert told["runner_up"] in told["probabilities"]
    assert told["policy"]["name"] == "default"
    assert told["gate_version"] == domains.server.platform.keeper.current.version


def test_pinned_and_unknown_models(domains: Domains) -> None:
    told = explain(domains, input="anything", model=domains.names["cooking"])
    assert (told["reason"], told["chosen"][0]["expert"]) == ("pinned", domains.names["cooking"])
    with domains.server.http(domains.app) as http:
        for model in ("nobody-here", "auto:nobody"):
            answer = http.post("/v1/routing/explain", json={"input": "x", "model": model})
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
        assert http.post("/v1/routing/explain", json={"input": "x", "mood": 1}).status_code == 400
