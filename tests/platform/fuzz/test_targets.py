"""Names in paths, query parameters, headers and methods that nobody should send."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.routing import iter_route_contexts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import make_settings
from tests.platform.fuzz.ground import DATABASES, LONG_FORM, Ground, check_answer

from doyen_platform.app import create_app

APP = create_app(make_settings(Path("never-opened")))
METHODS: dict[str, set[str]] = {}
for context in iter_route_contexts(APP.routes):
    if context.methods and str(context.path) in APP.openapi()["paths"]:
        METHODS.setdefault(str(context.path), set()).update(context.methods)
NAMED = sorted((method, path) for path, methods in METHODS.items() for method in methods if "{" in path)
LISTS = sorted(path for path, methods in METHODS.items() if "GET" in methods)

NAMES = [
    *("..", ".", "%2e%2e", "%2e%2e%2fetc%2fpasswd", "..%5c..", "%00", "a%00b", "%0d%0aX-Injected:1", "%ff%fe"),
    *("%ed%a0%80", "a" * 64, "a" * 10_000, "%C3%A9", "%F0%9F%9C%81", "-a", "A", "a%20b", "auto", "auto%3A"),
    *("%25%30%30", "*", "%zz", "1e400", "00000000-0000-0000-0000-000000000000", "{name}", "%22%27%3B--", "nan"),
    *("0" * 64, "a%0A", "%20", ";", "~"),
]
QUERIES = [
    *("after=garbage", "after=", "after=%00", "after=00000000-0000-0000-0000-000000000000", "limit=-1", "limit=0"),
    *("limit=1e9", "limit=99999999999999999999", "limit=nan", "limit=", "limit=1&limit=2"),
    *("since=9999-12-31T23:59:59Z", "since=garbage", "since=0001-01-01T00:00:00%2B14:00"),
    *("until=9999-12-31T23:59:59-14:00", "until=0001-01-01T00:00:00Z", "since=1e400", "since=-62135596801"),
    *("until=1e18", "since=2026-02-30", "since=%00", "expert=%00", "expert=..", "expert=" + "a" * 10_000),
    *("reason=%ED%A0%80", "order=sideways", "tenant=..%2F", "tenant=%00", "state=none", "wait_seconds=1e400"),
    *("wait_seconds=nan", "unknown=1", "&&&", "=", "%", "%zz=%zz", "limit[]=1", "a" * 20_000),
]
HEADERS = [
    *(("If-Match", value) for value in ("garbage", '"1e400"', '"' + "9" * 5_000 + '"', "W/", "é", '"-1"', "")),
    *(
        ("Authorization", value)
        for value in ("", "Bearer", "Bearer ", "Basic YTpi", "Bearer \xff\xfe", "Bearer " + "a" * 20_000)
    ),
    *(("X-Request-ID", value) for value in ("a b", "é", "x" * 5_000)),
    *(("X-Doyen-Debug", value) for value in ("perhaps", "")),
    *(("Host", value) for value in ("", "..", "[::1", "a:b:c", "é")),
]


def fill(path: str, name: str) -> str:
    """Every placeholder replaced by the name."""
    parts = (name if part.startswith("{") else part for part in path.split("/"))
    return "/".join(parts)


@pytest.mark.parametrize("ground", DATABASES, indirect=True, scope="session")
@pytest.mark.parametrize(("method", "path"), NAMED)
def test_no_name_in_a_path_breaks_a_route(ground: Ground, method: str, path: str) -> None:
    before = ground.rows()
    for name in NAMES:
        target = fill(path, name)
        check_answer(target, ground.send(method, target, None if method in ("GET", "DELETE") else b"{}"))
    # Some of the names are names: a policy may be called so.
    assert ground.rows() | {"policies": 0} == before | {"policies": 0}


@pytest.mark.parametrize("ground", DATABASES, indirect=True, scope="session")
@pytest.mark.parametrize("path", LISTS)
def test_no_query_breaks_a_route(ground: Ground, path: str) -> None:
    filled = path.format_map(
        {"name": ground.expert, "model": ground.echo, "decision_id": ground.decision, "gate_id": ground.decision}
    )
    for query in QUERIES:
        target = f"{filled}?{query}"
        check_answer(target, ground.send("GET", target))


@pytest.mark.parametrize(("header", "value"), HEADERS)
def test_no_header_breaks_a_route(ground: Ground, header: str, value: str) -> None:
    given = {header: value.encode("latin-1")}
    for method, target, body in (
        ("PATCH", f"/admin/experts/{ground.expert}", b'{"title": "Roses"}'),
        ("GET", "/v1/models", None),
        ("GET", "/livez", None),
    ):
        check_answer(target, ground.send(method, target, body, headers=given))


@pytest.mark.parametrize("path", sorted(METHODS))
def test_another_method_is_405_and_says_which_do(ground: Ground, path: str) -> None:
    target = fill(path, "a")
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"} - METHODS[path]:
        answer = ground.send(method, target, b"{}")
        others = {other for other, methods in METHODS.items() if method in methods and matches(other, target)}
        if others:
            continue
        assert answer.status == 405, f"{method} {target}: {answer.status}"
        assert set(answer.headers["allow"].split(", ")) <= {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
        check_answer(target, answer)


def matches(path: str, target: str) -> bool:
    wanted, given = path.split("/"), target.split("/")
    return len(wanted) == len(given) and all(
        one.startswith("{") or one == two for one, two in zip(wanted, given, strict=True)
    )


def test_what_is_not_there_has_the_shape_of_its_part(ground: Ground) -> None:
    for target in (
        "/v1/nothing",
        "/admin/nothing",
        "/nothing",
        "/",
        "//",
        "/v1//models",
        "/docs/static/%2e%2e/%2e%2e/METADATA",
    ):
        answer = ground.send("GET", target)
        assert answer.status == 404, (target, answer.body)
        check_answer(target, answer)


@settings(
    max_examples=2_000 if LONG_FORM else 100,
    deadline=None,
    database=None,
    derandomize=not LONG_FORM,
    suppress_health_check=list(HealthCheck),
)
@given(
    path=st.sampled_from(LISTS),
    name=st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#?/"), min_size=1, max_size=50),
    query=st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"), max_size=80),
)
def test_random_targets(ground: Ground, path: str, name: str, query: str) -> None:
    target = f"{fill(path, name)}?{query}"
    check_answer(target, ground.send("GET", target))
