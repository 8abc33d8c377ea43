"""Whatever body is sent to whichever route: a clear answer in time, and nothing half done."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from fastapi.routing import iter_route_contexts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import make_settings
from tests.platform.fuzz.bodies import ROUTES, Route, uploads
from tests.platform.fuzz.ground import DATABASES, LONG_FORM, Answered, Ground, check_answer
from tests.platform.fuzz.values import ANY_JSON, CONTENT_TYPES, RAW, UNSTORABLE, as_bytes, mutated, places, with_value

from doyen_platform.app import create_app

BODIES = 10_000 if LONG_FORM else 600
UPLOAD = "/admin/experts/{name}/documents/files"
JSON = "application/json"
WORTH = 4  # a route that takes a body gets so many times the bodies of one that takes none
# Experts may be elsewhere, and elsewhere may be nobody.
UNAVAILABLE = frozenset({503, 504})
sent: Counter[int] = Counter()


def test_every_route_that_takes_a_body_is_here() -> None:
    app = create_app(make_settings(Path("never-opened")))
    writing = {
        (method, str(context.path))
        for context in iter_route_contexts(app.routes)
        for method in (context.methods or set()) & {"POST", "PUT", "PATCH"}
    }
    assert {(route.method, route.path) for route in ROUTES} == writing


@pytest.mark.parametrize("route", [route for route in ROUTES if route.body], ids=str)
def test_the_bodies_that_are_spoilt_would_do(ground: Ground, route: Route) -> None:
    assert route.body is not None
    answer = ground.send(route.method, route.target(ground), as_bytes(route.body(ground)))
    assert answer.status == route.valid_status, answer.body
    if answer.status < 400:
        _check_what_follows(ground, route, answer)


@pytest.mark.parametrize("ground", DATABASES, indirect=True, scope="session")
@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_no_body_breaks_a_route(ground: Ground, route: Route) -> None:
    @settings(
        max_examples=_share(route),
        deadline=None,
        database=None,
        derandomize=not LONG_FORM,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def send(data: st.DataObject) -> None:
        _send_and_check(ground, route, *data.draw(_body(route, ground)))

    send()
    print(f"bodies so far: {sent.total()}, answers: {dict(sorted(sent.items()))}")


@pytest.mark.parametrize("ground", ["postgres"], indirect=True, scope="session")
@pytest.mark.parametrize("route", [route for route in ROUTES if route.body], ids=str)
def test_no_value_at_any_place_breaks_a_route(ground: Ground, route: Route) -> None:
    """Not by chance: what PostgreSQL, JSON and UTF-8 cannot hold, at every place of the body."""
    assert route.body is not None
    for place in places(route.body(ground))[1:]:
        for value in UNSTORABLE:
            body = as_bytes(with_value(route.body(ground), place, value))
            _send_and_check(ground, route, body, JSON)


def _send_and_check(ground: Ground, route: Route, body: bytes, content_type: str | None) -> None:
    ground.surprises.found.clear()
    before = ground.rows()
    target = route.target(ground)
    answer = ground.send(route.method, target, body, content_type)
    sent[answer.status] += 1
    check_answer(target, answer, allowed=UNAVAILABLE if target.startswith("/v1/") else frozenset())
    if answer.status >= 400:
        assert ground.rows() == before, f"refused with {answer.status}, but something stayed: {answer.body!r}"
    else:
        _check_what_follows(ground, route, answer)
    assert not ground.surprises.found


def _check_what_follows(ground: Ground, route: Route, answer: Answered) -> None:
    """What was taken can be read and used. What tests may not pile up is removed again by the last of these."""
    stored = answer.json() if answer.headers.get("content-type") == "application/json" else None
    for method, target, body in route.then(ground, stored):
        after = ground.send(method, target, None if body is None else as_bytes(body))
        check_answer(target, after, allowed=UNAVAILABLE)
        assert after.status < 400 or after.status in UNAVAILABLE, f"{method} {target}: {after.status} {after.body!r}"


def _takes_body(route: Route) -> bool:
    return route.body is not None or route.path == UPLOAD


def _share(route: Route) -> int:
    """How many bodies a route gets on one database."""
    units = sum(WORTH if _takes_body(one) else 1 for one in ROUTES)
    return -(-BODIES * (WORTH if _takes_body(route) else 1) // (units * len(DATABASES)))


def _body(route: Route, ground: Ground) -> st.SearchStrategy[tuple[bytes, str | None]]:
    if route.path == UPLOAD:
        return st.one_of(*[uploads()] * 6, st.tuples(RAW, st.just(f"multipart/form-data; boundary={'0' * 8}")))
    anything = st.tuples(st.one_of(ANY_JSON.map(as_bytes), RAW), st.just(JSON))
    if route.body is None:
        return anything
    valid = route.body(ground)
    spoilt = st.tuples(mutated(valid).map(as_bytes), st.just(JSON))
    mistyped = st.tuples(st.just(as_bytes(valid)), CONTENT_TYPES)
    return st.one_of(*[spoilt] * 7, anything, anything, mistyped)
