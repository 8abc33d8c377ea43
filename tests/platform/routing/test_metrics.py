"""What Prometheus sees of routing: abstentions, adjustments, propensities, balance. Never a tenant."""

from __future__ import annotations

import re

import pytest
from tests.platform.conftest import ASKED, OUTSIDE, Domains, make_domains, unique

from doyen_platform.policies.balance import FEWEST_CHOICES


def scraped(domains: Domains) -> str:
    with domains.server.http(None) as http:
        return str(http.get("/metrics").text)


def value(text: str, series: str) -> float:
    found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    return float(found.group(1)) if found else 0.0


def test_what_moved_choices_is_counted(domains: Domains) -> None:
    policy, session = unique("p"), unique("s")
    body = {"stickiness": 10, "stick_share": 0, "inside_floor": 0, "exploration": {"kind": "epsilon", "least_share": 0}}
    with domains.server.http(domains.admin) as http:
        assert http.put(f"/admin/policies/{policy}", json=body).status_code == 200
    abstained = 'doyen_router_abstentions_total{reason="out_of_domain"}'
    stuck = 'doyen_router_adjustments_total{adjustment="stickiness"}'
    before = scraped(domains)
    domains.ask(OUTSIDE)
    for question in (ASKED["cooking"], ASKED["cooking"]):
        with domains.server.http(domains.app) as http:
            asked = {"model": f"auto:{policy}", "messages": [{"role": "user", "content": question}]}
            http.post("/v1/chat/completions", json=asked, headers={"x-session-id": session})
    after = scraped(domains)
    assert value(after, abstained) - value(before, abstained) == 1
    assert value(after, stuck) > value(before, stuck)
    assert value(after, "doyen_router_propensity_count") - value(before, "doyen_router_propensity_count") == 2
    assert domains.tenant not in after


def test_how_even_a_policy_is_shows_after_an_update(domains: Domains, monkeypatch: pytest.MonkeyPatch) -> None:
    own, policy = make_domains(domains.server), unique("p")
    monkeypatch.setattr("doyen_platform.policies.balance.UPDATE_SECONDS", 0.0)
    with own.server.http(own.admin) as http:
        assert http.put(f"/admin/policies/{policy}", json={"balance_bound": 0.3}).status_code == 200
    for _ in range(FEWEST_CHOICES + 1):
        own.ask(ASKED["cooking"], model=f"auto:{policy}")
    text = scraped(own)
    assert value(text, f'doyen_router_balance_max_violation{{policy="{policy}"}}') >= 2  # one of three has everything
    assert value(text, f'doyen_router_balance_entropy{{policy="{policy}"}}') == 0
    assert value(text, f'doyen_router_balance_dead_experts{{policy="{policy}"}}') >= 2
    told = own.ask(ASKED["cooking"], model=f"auto:{policy}").headers["x-doyen-decision-id"]
    with own.server.http(own.app) as http:
        loads = http.get(f"/v1/routing/decisions/{told}").json()["conditions"]["loads"]
    assert loads[own.names["cooking"]]["balance"] < 0 < loads[own.names["gardening"]]["balance"]
