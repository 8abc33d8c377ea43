"""Bodies that cannot be used: each gets its clear 4xx in the right shape, never a 500, and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx2
import pytest
from tests.conftest import Server, make_settings, serving
from tests.platform.conftest import Json

from doyen_router.conversation.reading import KEPT_CHARS

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "hello"}]
DEEP = "[" * 100_000 + "]" * 100_000


def post(server: Server, path: str, content: bytes | str, media_type: str = "application/json") -> httpx2.Response:
    with server.http() as http:
        return http.post(path, content=content, headers={"Content-Type": media_type})


def chat(**more: object) -> str:
    return json.dumps({"model": "auto", "messages": HELLO} | more)


BROKEN = {
    "empty": "",
    "cut": '{"model": "auto", "messages": [',
    "not JSON": "hello",
    "not UTF-8": b'{"model": "\xff\xfe"}',
    "a list": "[]",
    "null": "null",
    "a number": "17",
    "deep": DEEP,
    "deep inside": '{"model": "auto", "messages": ' + DEEP + "}",
    "duplicate brackets": "{}{}",
    "a huge integer": '{"model": "auto", "messages": ' + "9" * 10_000 + "}",
}


@pytest.mark.parametrize("path", [CHAT, "/v1/embeddings", "/v1/routing/explain", "/v1/routing/feedback"])
@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_broken_bodies_under_v1_are_400_in_openais_shape(server: Server, path: str, kind: str) -> None:
    answer = post(server, path, BROKEN[kind])
    assert answer.status_code == 400, answer.text[:300]
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    assert len(answer.text) < 2_000


@pytest.mark.parametrize("path", ["/admin/experts", "/admin/keys", "/admin/tenants", "/admin/gates"])
@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_broken_bodies_elsewhere_are_problems(server: Server, path: str, kind: str) -> None:
    answer = post(server, path, BROKEN[kind])
    assert answer.status_code in (400, 422), answer.text[:300]
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["detail"]
    assert problem["instance"] == path
    assert problem["request_id"] == answer.headers["x-request-id"]


WRONG: dict[str, tuple[str, str]] = {
    "temperature NaN": (chat(temperature=0).replace(": 0}", ": NaN}"), "temperature"),
    "temperature 1e400": (chat(temperature=0).replace(": 0}", ": 1e400}"), "temperature"),
    "temperature -1e400": (chat(temperature=0).replace(": 0}", ": -1e400}"), "temperature"),
    "top_p 2": (chat(top_p=2), "top_p"),
    "seed huge": (chat(seed=10**30), "seed"),
    "max_tokens huge": (chat(max_tokens=10**30), "max_tokens"),
    "max_tokens 0": (chat(max_tokens=0), "max_tokens"),
    "max_tokens text": (chat(max_tokens="many"), "max_tokens"),
    "n": (chat(n=2), "n"),
    "no messages": ('{"model": "auto"}', "messages"),
    "empty messages": (chat(messages=[]), "messages"),
    "no model": (json.dumps({"messages": HELLO}), "model"),
    "model NUL": (chat(model="a\x00"), "model"),
    "model long": (chat(model="a" * 1000), "model"),
    "role": (chat(messages=[{"role": "wizard", "content": "x"}]), "messages.0.role"),
    "content number": (chat(messages=[{"role": "user", "content": 17}]), "messages.0.content"),
    "image": (
        chat(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x"}}]}]),
        "messages.0.content",
    ),
    "half a surrogate": (
        '{"model": "auto", "messages": [{"role": "user", "content": "\\ud800"}]}',
        "messages.0.content",
    ),
    "half a surrogate in the model": ('{"model": "\\udfff", "messages": []}', "model"),
    "only a system turn": (chat(messages=[{"role": "system", "content": "x"}]), "messages"),
    "blank": (chat(messages=[{"role": "user", "content": " \n "}]), "messages"),
    "half a surrogate in a part": (
        '{"model": "auto", "messages": [{"role": "user", "content": [{"type": "text", "text": "\\ud800"}]}]}',
        "messages.0.content",
    ),
    "half a surrogate in a stop word": (chat(stop=["x"]).replace('"x"', '"\\udc00"'), "stop"),
    "stop": (chat(stop={"a": 1}), "stop"),
}


@pytest.mark.parametrize("kind", sorted(WRONG))
def test_wrong_values_name_their_field(server: Server, kind: str) -> None:
    body, field = WRONG[kind]
    answer = post(server, CHAT, body)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["param"].startswith(field), error
    assert error["code"]


def test_an_image_part_says_that_only_text_is_taken(server: Server) -> None:
    error = post(server, CHAT, WRONG["image"][0]).json()["error"]
    assert "image_url" in error["message"]
    assert "text" in error["message"]


def test_a_megabyte_is_too_long_a_prompt(server: Server) -> None:
    words = "many words " * 100_000
    answer = post(server, CHAT, chat(messages=[{"role": "user", "content": words}]))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "context_length_exceeded")
    parts = [{"role": "user", "content": words[:3000]}] * 400
    answer = post(server, CHAT, chat(messages=parts))
    assert answer.json()["error"]["code"] == "context_length_exceeded"
    for body in ({"input": words}, {"input": ""}, {"input": "x", "messages": HELLO}, {}):
        assert post(server, "/v1/routing/explain", json.dumps(body)).status_code == 400
    long = post(server, "/v1/embeddings", json.dumps({"model": "auto", "input": words}))
    assert long.status_code == 400


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "image/png", ""])
@pytest.mark.parametrize("path", [CHAT, "/admin/experts"])
def test_another_content_type_is_refused(server: Server, path: str, media_type: str) -> None:
    answer = post(server, path, chat(), media_type)
    assert answer.status_code in (400, 415, 422), answer.text
    assert "error" in answer.json() or answer.headers["content-type"] == "application/problem+json"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(make_settings(tmp_path_factory.mktemp("small"), max_body_bytes=20_000)) as running:
        yield running


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("path", [CHAT, "/admin/experts"])
def test_a_body_that_is_too_large_is_413(small: Server, path: str, chunked: bool) -> None:
    body = chat(messages=[{"role": "user", "content": "x" * 30_000}]).encode()

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]

    with small.http() as http:
        headers = {"Content-Type": "application/json"}
        answer = http.post(path, content=pieces() if chunked else body, headers=headers)
    assert answer.status_code == 413, answer.text
    shape: Json = answer.json()
    assert ("error" in shape) == path.startswith("/v1")
    assert small.http().get("/livez").status_code == 200


@pytest.mark.parametrize(
    "path", ["/v1/nothing", "/admin/nothing", "/nothing", "/v1/models/a/b", "/docs/static/../../x"]
)
def test_no_such_route(server: Server, path: str) -> None:
    with server.http() as http:
        answer = http.get(path)
        assert answer.status_code == 404
        assert ("error" in answer.json()) == path.startswith("/v1")
        assert http.delete("/v1/models").status_code == 405
        assert http.delete("/v1/models").headers["allow"]


def test_unknown_fields_are_taken_under_v1(server: Server) -> None:
    tenant = server.tenant()
    name, key = server.expert(kind="echo", tenant=tenant), server.key("app", tenant=tenant)
    with server.http(key) as http:
        body = {"model": name, "messages": [{"role": "user", "content": "x", "mood": 1}], "mood": {"a": [1, None]}}
        assert http.post(CHAT, json=body).status_code == 200


def test_wild_but_valid_text_is_answered(server: Server) -> None:
    tenant = server.tenant("full")
    name, key = server.expert(kind="echo", tenant=tenant), server.key("app", tenant=tenant)
    for text in (
        "\U0001f600 é",
        "a\x00b",
        "\u202eabc",
        "x" * KEPT_CHARS,
        "<script>",
        "'; DROP TABLE keys; --",
        "\ufffe",
    ):
        with server.http(key) as http:
            answer = http.post(CHAT, json={"model": name, "messages": [{"role": "user", "content": text}]})
            assert answer.status_code == 200, repr(text)
            assert answer.json()["choices"][0]["message"]["content"] == text.strip()
            decision = answer.headers["x-doyen-decision-id"]
            assert http.get(f"/v1/routing/decisions/{decision}").status_code == 200
