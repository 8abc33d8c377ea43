"""What an expert's admin may not do, and what a change that fails leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conftest import Server, make_settings, serving

from doyen_platform.experts.service import find_expert
from doyen_platform.stores.models import DocumentRow

REMOTE = {"base_url": "https://models.example.com/v1", "model": "m"}


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DOYEN_SECRET_TEST", "sk-a-secret-of-the-platform")
    return "env:DOYEN_SECRET_TEST"


def test_a_tenants_admin_cannot_send_the_platforms_secrets_anywhere(server: Server, secret: str) -> None:
    tenant = server.tenant()
    admin = server.key("admin", tenant=tenant)
    body = {"description": "x", "kind": "remote", "config": REMOTE | {"api_key_ref": secret}}
    with server.http(admin) as http:
        refused = http.post("/admin/experts", json=body | {"name": f"thief-{tenant}"})
        assert (refused.status_code, refused.json()["code"]) == (403, "secrets_forbidden")
        assert http.get(f"/admin/experts/thief-{tenant}").status_code == 404
    # One that the platform's admin set up for the tenant: it works, and stays where it points.
    name = server.expert(**body, tenant=tenant)
    with server.http(admin) as http:
        assert http.patch(f"/admin/experts/{name}", json={"title": "Ours"}).status_code == 200
        moved = REMOTE | {"api_key_ref": secret, "base_url": "https://evil.example.com/v1"}
        assert http.patch(f"/admin/experts/{name}", json={"config": moved}).status_code == 403
        assert http.patch(f"/admin/experts/{name}", json={"config": REMOTE}).status_code == 200


def test_a_version_that_cannot_open_leaves_the_one_before_in_service(server: Server) -> None:
    name = server.expert(kind="remote", config=REMOTE)
    with server.http() as http:
        broken = REMOTE | {"api_key_ref": "env:DOYEN_SECRET_THAT_IS_NOT_THERE"}
        view = http.patch(f"/admin/experts/{name}", json={"config": broken}).json()
        assert view["state"] == "active"
        assert view["version"] == 1
        assert "version 2 was refused" in view["state_reason"]
        assert view["config"]["api_key_ref"] is None
        again = http.patch(f"/admin/experts/{name}", json={"title": "New"}).json()
        assert (again["version"], again["state"], again["state_reason"]) == (3, "active", None)


def test_a_deleted_document_is_not_served_after_a_kill(tmp_path: Path) -> None:
    documents = [
        {"title": "Leave", "text": "Everybody has thirty days of leave a year."},
        {"title": "Salaries", "text": "The secret salary table begins with the director."},
    ]
    asked = {"messages": [{"role": "user", "content": "What does the secret salary table say?"}]}
    settings = make_settings(tmp_path)
    with serving(settings) as server:
        name = server.expert(documents=documents)
        with server.http() as http:
            assert "director" in http.post("/v1/chat/completions", json={**asked, "model": name}).text
        # As a kill leaves it: the row is gone, the index was not built anew.
        from doyen_platform.stores.service import remove_document

        principal = server.platform.keyring.principal("test-admin-key-of-this-run")
        with server.platform.database.write() as session:
            expert = find_expert(session, name)
            assert expert is not None
            row = session.query(DocumentRow).filter_by(expert_id=expert.id, title="Salaries").one()
            remove_document(session, principal, expert, row.id)
    with serving(settings) as server, server.http() as http:
        assert "director" not in http.post("/v1/chat/completions", json={**asked, "model": name}).text
        http.post(f"/admin/experts/{name}/resume")
        after = http.post("/v1/chat/completions", json={**asked, "model": name})
        assert after.status_code == 200
        assert "director" not in after.text


def test_a_tenants_admin_makes_keys_for_the_own_tenant_by_default(server: Server) -> None:
    tenant = server.tenant()
    with server.http(server.key("admin", tenant=tenant)) as http:
        assert http.post("/admin/keys", json={"name": "ours"}).json()["tenant"] == tenant
