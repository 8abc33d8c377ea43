"""Every route declares who may call it, and holds that against every kind of key."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from tests.conftest import ADMIN_KEY, Server, make_settings, until

from doyen_platform.app import create_app
from doyen_platform.keys.access import OpenAccess, RouteAccess
from doyen_platform.keys.scopes import Scope

# Served without a key by design: the documentation page, its files, and the description that it shows.
WITHOUT_ACCESS = {"/docs", "/docs/static", "/openapi.json"}
ABSENT = {"name": "nobody-here", "model": "nobody-here", "tenant": "nobody-here", "version": "0" * 64}
# For the platform's own admins; the bodies would do, so that only the key can be what is refused.
PLATFORM_ONLY: dict[tuple[str, str], object] = {
    ("POST", "/admin/tenants"): {"id": "t-never-made", "title": "Never made"},
    ("POST", "/admin/gates"): {},
    ("GET", "/admin/gates"): None,
    ("GET", "/admin/gates/{gate_id}"): None,
    ("POST", "/admin/gates/{version}/promote"): None,
    ("POST", "/admin/gates/rollback"): None,
}
UNUSABLE: list[object] = []  # a body that no route takes, so that a right key changes nothing

APP = create_app(make_settings(Path("never-opened")))
CONTEXTS = [context for context in iter_route_contexts(APP.routes) if context.path not in WITHOUT_ACCESS]
ROUTES = sorted((method, str(context.path)) for context in CONTEXTS for method in context.methods or ())


def accesses(dependant: Dependant) -> Iterator[RouteAccess]:
    for dependency in dependant.dependencies:
        if isinstance(dependency.call, RouteAccess):
            yield dependency.call
        yield from accesses(dependency)


def access_of(context: RouteContext) -> RouteAccess:
    found = {id(access): access for access in accesses(context.dependant)}
    assert len(found) == 1, f"{context.methods} {context.path} declares {len(found)} accesses"
    return next(iter(found.values()))


def scope_of(method: str, path: str) -> Scope | None:
    return access_of(next(c for c in CONTEXTS if c.path == path and method in (c.methods or ()))).scope


def test_every_route_declares_exactly_one_access() -> None:
    assert len(ROUTES) > 30
    for context in CONTEXTS:
        access = access_of(context)
        assert (access.scope is None) == isinstance(access, OpenAccess)


def test_only_probes_and_metrics_are_open() -> None:
    assert {path for method, path in ROUTES if scope_of(method, path) is None} == {"/livez", "/readyz", "/metrics"}


@pytest.mark.parametrize(
    ("prefix", "scope"), [("/admin", Scope.ADMIN), ("/v1", Scope.APP), ("/analytics", Scope.ANALYTICS)]
)
def test_a_prefix_has_one_scope(prefix: str, scope: Scope) -> None:
    assert {scope_of(method, path) for method, path in ROUTES if path.startswith(prefix)} == {scope}


@pytest.fixture(scope="module")
def keys(server: Server) -> dict[str, str | None]:
    tenant = server.tenant()
    soon = (datetime.now(UTC) + timedelta(seconds=0.5)).isoformat()
    expired = server.key("admin", tenant=tenant, expires_at=soon)
    revoked = server.key("admin", tenant=tenant)
    with server.http() as http:
        (key_id,) = [k["id"] for k in http.get("/admin/keys").json()["data"] if k["tenant"] == tenant][1:]
        assert http.delete(f"/admin/keys/{key_id}").json()["revoked_at"]
    with server.http(expired) as http:
        until(lambda: http.get("/v1/models").status_code == 401)
    return {
        "no key": None,
        "unknown": "dk-" + uuid.uuid4().hex,
        "expired": expired,
        "revoked": revoked,
        "app": server.key("app", tenant=tenant),
        "analytics": server.key("analytics", tenant=tenant),
        "tenant admin": server.key("admin", tenant=tenant),
        "platform admin": ADMIN_KEY,
    }


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_matrix(server: Server, keys: dict[str, str | None], method: str, path: str) -> None:
    scope = scope_of(method, path)
    ids = dict.fromkeys(("gate_id", "key_id", "document_id", "decision_id"), str(uuid.UUID(int=0)))
    url = path.format_map(ABSENT | ids)
    for kind, key in keys.items():
        is_platforms = (method, path) in PLATFORM_ONLY
        if kind == "platform admin" and path == "/admin/gates/rollback":
            continue  # it needs no body: it would change the gate of all other tests
        body = PLATFORM_ONLY[method, path] if is_platforms and kind == "tenant admin" else UNUSABLE
        with server.http(key) as http:
            answer = http.request(method, url, json=None if method in ("GET", "DELETE") else body)
        told = f"{kind}: {answer.status_code} {answer.text[:200]}"
        if scope is None:
            assert answer.status_code == 200, told
        elif kind in ("no key", "unknown", "expired", "revoked"):
            assert answer.status_code == 401, told
            assert answer.headers["www-authenticate"] == "Bearer"
        elif (kind in ("app", "analytics") and kind != scope.value) or (kind == "tenant admin" and is_platforms):
            assert answer.status_code == 403, told
        else:
            assert answer.status_code in (200, 400, 404, 422), told
