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
from tests.platform.fuzz.ground import LONG_FORM, Answered, Ground, check_answer
from tests.platform.fuzz.values import ANY_JSON, CONTENT_TYPES, RAW, as_bytes, mutated

from doyen_platform.app import create_app

BODIES = 10_000 if LONG_FORM else 600
UPLOAD = "/admin/experts/{name}/documents/files"
JSON = "application/json"
# A name that an expert may have, and an expert that may be told to wait, are no failure of the platform.
UNAVAILABLE = {"/v1/chat/completions": frozenset({503})}
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
    _forget(ground, route, answer)


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_no_body_breaks_a_route(ground: Ground, route: Route) -> None:
    count = -(-BODIES // len(ROUTES))

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=not LONG_FORM,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def send(data: st.DataObject) -> None:
        body, content_type = data.draw(_body(route, ground))
        before = ground.rows()
        target = route.target(ground)
        answer = ground.send(route.method, target, body, content_type)
        sent[answer.status] += 1
        check_answer(target, answer, allowed=UNAVAILABLE.get(route.path, frozenset()))
        if answer.status >= 400:
            assert ground.rows() == before, f"refused with {answer.status}, but something stayed: {answer.body!r}"
        else:
            _forget(ground, route, answer)

    send()
    print(f"bodies so far: {sent.total()}, answers: {dict(sorted(sent.items()))}")


def _forget(ground: Ground, route: Route, answer: Answered) -> None:
    """An expert that was made goes at once: examples of two experts would start trainings."""
    if route.path == "/admin/experts":
        assert ground.send("DELETE", f"/admin/experts/{answer.json()['name']}").status == 204


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
