"""Keys: shown once, kept as a digest, revoked at once, and inside their tenant."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import openai
import pytest
from tests.conftest import Server


def test_a_key_is_never_stored_nor_shown_again(server: Server) -> None:
    key = server.key("app")
    with server.http() as http:
        listed = http.get("/admin/keys").text
    assert key not in listed
    with sqlite3.connect(f"file:{server.platform.settings.data_dir / 'doyen.db'}?mode=ro", uri=True) as database:
        dump = "\n".join(str(row) for table in ("keys", "audit") for row in database.execute(f"SELECT * FROM {table}"))
    assert key not in dump
    assert key[len("dk-") :] not in dump
    assert key[:8] in dump


def test_a_revoked_key_is_refused_by_the_next_request(server: Server) -> None:
    with server.http() as http:
        made = http.post("/admin/keys", json={"name": "short-lived"}).json()
    client = server.openai(made["key"])
    assert client.models.list().data
    with server.http() as http:
        http.delete(f"/admin/keys/{made['id']}")
    with pytest.raises(openai.AuthenticationError):
        client.models.list()
    with server.http() as http:
        assert http.delete(f"/admin/keys/{made['id']}").status_code == 200  # again: nothing changes


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": ""}, 422),
        ({"name": "a\x00b"}, 422),
        ({"name": "x", "scopes": []}, 422),
        ({"name": "x", "scopes": ["root"]}, 422),
        ({"name": "x", "tenant": "nobody-here"}, 404),
        ({"name": "x", "tenant": "a\x00b"}, 422),
        ({"name": "x", "tenant": None}, 400),
        ({"name": "x", "expires_at": (datetime.now(UTC) - timedelta(days=1)).isoformat()}, 400),
        ({"name": "x", "expires_at": "9999-12-31T23:59:59-14:00"}, 422),
        ({"name": "x", "expires_at": "tomorrow"}, 422),
        ({"name": "x", "role": "admin"}, 422),
    ],
)
def test_a_wrong_key_request_makes_none(server: Server, body: dict[str, object], status: int) -> None:
    with server.http() as http:
        before = len(http.get("/admin/keys").json()["data"])
        answer = http.post("/admin/keys", json=body)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert len(http.get("/admin/keys").json()["data"]) == before


def test_a_tenants_admin_stays_in_the_tenant(server: Server) -> None:
    ours, theirs = server.tenant(), server.tenant()
    with server.http() as http:
        foreign = http.post("/admin/keys", json={"name": "theirs", "tenant": theirs}).json()
    with server.http(server.key("admin", tenant=ours)) as http:
        assert http.post("/admin/keys", json={"name": "x", "tenant": theirs}).status_code == 400
        mine = http.post("/admin/keys", json={"name": "x", "tenant": ours, "scopes": ["admin"]})
        assert mine.json()["tenant"] == ours
        unnamed = http.post("/admin/keys", json={"name": "x", "tenant": None, "scopes": ["admin"]})
        assert unnamed.json()["tenant"] == ours  # never a key for all tenants
        assert {key["tenant"] for key in http.get("/admin/keys").json()["data"]} == {ours}
        assert http.delete(f"/admin/keys/{foreign['id']}").status_code == 404
    with server.http(foreign["key"]) as http:
        assert http.get("/v1/models").status_code == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Basic abc", "Bearer \u00e9\u00e8", "bearer  x y"])
def test_a_malformed_authorization_is_401(server: Server, header: str) -> None:
    with server.http(None) as http:
        answer = http.get("/v1/models", headers={"Authorization": header.encode("latin-1")})  # type: ignore[dict-item]
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"
