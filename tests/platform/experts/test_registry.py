"""`/admin/experts`: what is refused, versions, and changes that do not overwrite each other."""

from __future__ import annotations

import pytest
from tests.conftest import Server
from tests.platform.conftest import Json, unique


@pytest.mark.parametrize(
    "name",
    ["..", "a..b", "../x", "a/b", "a\x00b", "Upper", "", "-x", "a b", "é", "x" * 64, "auto", "default", "a\n", " a"],
)
def test_a_bad_name_is_refused(server: Server, name: str) -> None:
    with server.http() as http:
        answer = http.post("/admin/experts", json={"name": name, "description": "x", "kind": "echo"})
        assert answer.status_code in (400, 422), answer.text
        assert "name" in answer.json()["detail"]
        assert name not in [expert["name"] for expert in http.get("/admin/experts").json()["data"]]


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({"description": " "}, 422, "description"),
        ({"description": "a\x00b"}, 422, "description"),
        ({"kind": "oracle"}, 400, "oracle"),
        ({"config": {"delay_seconds": "long"}}, 400, "delay_seconds"),
        ({"config": {"colour": 1}}, 400, "colour"),
        ({"config": {"prefix": "a\x00"}}, 422, "NUL"),
        ({"colour": 1}, 422, "colour"),
        ({"tenant": "nobody-here"}, 404, "nobody-here"),
        ({"documents": [{"title": "t", "text": "x"}]}, 400, "keep no documents"),
        ({"kind": "retrieval", "documents": [{"title": "t", "text": " \n "}]}, 400, "'t' has no text"),
        ({"kind": "retrieval", "documents": [{"title": "t", "text": "a\x00b"}]}, 400, "NUL"),
        ({"kind": "remote", "config": {"model": "m", "base_url": "http://10.0.0.1/v1"}}, 400, "private"),
        ({"kind": "remote", "config": {"model": "m", "base_url": "http://169.254.169.254/v1"}}, 400, "private"),
        ({"kind": "remote", "config": {"model": "m", "base_url": "file:///etc/passwd"}}, 400, "base_url"),
        ({"kind": "remote", "config": {"model": "m"}}, 400, "base_url"),
    ],
)
def test_a_wrong_registration_leaves_nothing(server: Server, body: Json, status: int, word: str) -> None:
    name = unique("e")
    with server.http() as http:
        answer = http.post("/admin/experts", json={"name": name, "description": "x", "kind": "echo"} | body)
        assert answer.status_code == status, answer.text
        assert word in answer.json()["detail"]
        assert answer.json()["type"].startswith("urn:doyen:problem:")
        assert http.get(f"/admin/experts/{name}").status_code == 404


def test_unknown_fields_are_pointed_at(server: Server) -> None:
    body = {"name": unique("e"), "description": "x", "examples": [{"text": "x", "colour": 1}], "size": 2}
    with server.http() as http:
        answer = http.post("/admin/experts", json=body)
    assert answer.status_code == 422
    assert {e["pointer"] for e in answer.json()["errors"]} == {"/body/examples/0/colour", "/body/size"}


def test_a_name_is_taken_once(server: Server) -> None:
    name = server.expert(kind="echo")
    with server.http() as http:
        again = http.post("/admin/experts", json={"name": name, "description": "another", "kind": "echo"})
        assert (again.status_code, again.json()["code"]) == (409, "expert_exists")
        assert http.get(f"/admin/experts/{name}").json()["description"] == "A test's expert."
        http.delete(f"/admin/experts/{name}")


def test_a_change_is_a_new_version_and_stale_ones_are_refused(server: Server) -> None:
    tenant = server.tenant()
    name = server.expert(kind="echo", tenant=tenant, config={"prefix": "one: "})
    app = server.openai(server.key("app", tenant=tenant))

    def said() -> str | None:
        asked = app.chat.completions.create(model=name, messages=[{"role": "user", "content": "x"}])
        return asked.choices[0].message.content

    with server.http() as http:
        first = http.get(f"/admin/experts/{name}")
        assert said() == "one: x"
        headers = {"If-Match": first.headers["etag"]}
        changed = http.patch(f"/admin/experts/{name}", json={"config": {"prefix": "two: "}}, headers=headers)
        assert (changed.status_code, changed.json()["version"]) == (200, 2)
        assert changed.headers["etag"] != first.headers["etag"]
        assert said() == "two: x"
        stale = http.patch(f"/admin/experts/{name}", json={"config": {"prefix": "three: "}}, headers=headers)
        assert (stale.status_code, stale.json()["code"]) == (409, "version_changed")
        assert said() == "two: x"
        wrong = http.patch(f"/admin/experts/{name}", json={"title": "T"}, headers={"If-Match": "soon"})
        assert wrong.status_code == 400
        bad = http.patch(f"/admin/experts/{name}", json={"config": {"prefix": 1}})
        assert (bad.status_code, http.get(f"/admin/experts/{name}").json()["version"]) == (400, 2)
        titled = http.patch(f"/admin/experts/{name}", json={"title": "T"})
        assert (titled.json()["title"], titled.json()["config"]["prefix"]) == ("T", "two: ")


def test_a_remote_expert_says_that_its_secret_is_missing(server: Server) -> None:
    config = {"model": "m", "base_url": "https://models.example.com/v1", "api_key_ref": "env:PATH"}
    tenant, name = server.tenant(), unique("e")
    with server.http() as http:
        body = {"name": name, "description": "x", "kind": "remote", "config": config, "tenant": tenant}
        told = http.post("/admin/experts", json=body).json()
    assert told["state"] == "failed"
    assert "DOYEN_SECRET_" in told["state_reason"]
    with server.http(server.key("app", tenant=tenant)) as http:
        asked = http.post("/v1/chat/completions", json={"model": name, "messages": [{"role": "user", "content": "x"}]})
    assert (asked.status_code, asked.json()["error"]["code"]) == (503, "expert_unavailable")
