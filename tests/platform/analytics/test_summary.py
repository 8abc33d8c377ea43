"""`/analytics/summary` adds up what was decided, for one tenant or for all."""

from __future__ import annotations

import pytest
from tests.conftest import Server
from tests.platform.conftest import ASKED, OUTSIDE, Domains, make_domains


def test_the_sums_are_those_of_the_decisions(server: Server) -> None:
    own: Domains = make_domains(server)
    questions = [ASKED["cooking"], ASKED["cooking"], ASKED["astronomy"], OUTSIDE]
    usages = [own.ask(question).json()["usage"] for question in questions]
    with server.http(server.key("analytics", tenant=own.tenant)) as http:
        told = http.get("/analytics/summary").json()
        empty = http.get("/analytics/summary?since=2001-01-01T00:00:00Z&until=2001-01-02T00:00:00Z").json()
    assert (told["tenant"], told["decisions"], told["abstained"], told["failed"]) == (own.tenant, 4, 1, 0)
    assert told["abstention_rate"] == 0.25
    assert told["reasons"] == {"gate": 3, "out_of_domain": 1}
    assert told["total_ms"]["p50"] <= told["total_ms"]["p95"] <= told["total_ms"]["p99"]
    experts = {expert["expert"]: expert for expert in told["experts"]}
    cooking = experts[own.names["cooking"]]
    assert (cooking["decisions"], cooking["share"], cooking["not_found"]) == (2, 0.5, 0)
    assert cooking["completion_tokens"] == usages[0]["completion_tokens"] * 2
    assert 0 < cooking["confidence"] <= 1
    assert (empty["decisions"], empty["experts"], empty["total_ms"], empty["confidence"]) == (0, [], None, None)
    with server.http() as http:
        assert http.get(f"/analytics/summary?tenant={own.tenant}").json()["decisions"] == 4
        assert http.get("/analytics/summary").json()["decisions"] >= 4


@pytest.mark.parametrize(
    "query",
    [
        *(
            "since=yesterday",
            "since=0001-01-01T00:00:00%2B14:00",
            "until=0001-01-01T00:00:00Z",
            "tenant=%00",
            "tenant=..",
        ),
        *("since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "until=9999-12-31T23:59:59-14:00"),
    ],
)
def test_a_window_that_means_nothing_is_refused(server: Server, query: str) -> None:
    with server.http() as http:
        answer = http.get(f"/analytics/summary?{query}")
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
