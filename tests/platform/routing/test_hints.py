"""What a request's headers say, and which of them are refused."""

from __future__ import annotations

import pytest
from tests.conftest import Server
from tests.platform.conftest import Json

from doyen_platform.routing.hints import Hints, first_language
from doyen_platform.sessions.key import SessionKey


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de-DE,de;q=0.9,en;q=0.8", "de"),
        ("EN", "en"),
        ("fr;q=0.5", "fr"),
        ("*", None),
        ("", None),
        (None, None),
        ("x", None),
        ("dé-DE", None),
        ("1234", None),
        ("abcdefghi", None),
    ],
)
def test_the_first_language_that_is_accepted_counts(accepted: str | None, language: str | None) -> None:
    assert first_language(accepted) == language


def test_a_session_that_the_client_names_wins_over_a_derived_one() -> None:
    named, derived = SessionKey("given", "a"), SessionKey("derived", "b")
    assert Hints(session=named).in_session(derived).session == named
    assert Hints().in_session(derived).session == derived
    assert Hints().in_session(None).session is None


def test_the_context_names_what_is_there() -> None:
    assert Hints().context("acme", None) == {"tenant": "acme"}
    assert Hints(locale="de", feature="search").context("acme", "law") == {
        "tenant": "acme",
        "locale": "de",
        "feature": "search",
        "previous": "law",
    }


def explain(server: Server, headers: list[tuple[str, str]]) -> tuple[int, Json]:
    with server.http() as http:
        answer = http.post("/v1/routing/explain", json={"input": "Is it so?"}, headers=headers)
    return answer.status_code, dict(answer.json())


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-doyen-data-class", "PII"),
        ("x-doyen-data-class", ""),
        ("x-doyen-data-class", "a b"),
        ("x-doyen-data-class", "x" * 33),
        ("x-doyen-locale", "deutsch-"),
        ("x-doyen-locale", "d"),
        ("x-doyen-feature", "A"),
        ("x-doyen-feature", "a" * 65),
    ],
)
def test_a_header_that_cannot_be_meant_is_refused_by_its_name(server: Server, header: str, value: str) -> None:
    status, told = explain(server, [(header, value)])
    assert status == 400, told
    assert told["error"]["param"] == header


def test_two_data_classes_are_refused_since_the_weaker_must_not_win(server: Server) -> None:
    status, told = explain(server, [("x-doyen-data-class", "public"), ("x-doyen-data-class", "pii")])
    assert (status, told["error"]["code"]) == (400, "data_class_twice")


def test_headers_become_the_conditions_of_the_decision(server: Server) -> None:
    headers = [("x-doyen-locale", "pt-BR"), ("x-doyen-feature", "help.search"), ("x-conversation-id", "c 1")]
    status, told = explain(server, headers)
    assert status == 200, told
    assert told["conditions"]["context"] == {"tenant": "default", "locale": "pt-br", "feature": "help.search"}
    assert told["session"].startswith("given:")
    assert explain(server, [("accept-language", "pt-BR,pt")])[1]["conditions"]["context"]["locale"] == "pt"
    assert explain(server, [])[1]["session"].startswith("derived:")
