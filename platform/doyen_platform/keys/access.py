"""Who calls, and what they may: every route declares it. Answers come from memory, never from the database."""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from doyen_platform.keys.scopes import Scope
from doyen_platform.tenants.models import DEFAULT_TENANT
from doyen_router.errors import DoyenError, Forbidden


class Unauthorized(DoyenError):
    code = "invalid_api_key"


class ScopeMissing(Forbidden):
    code = "insufficient_scope"

    def __init__(self, needed: Scope) -> None:
        super().__init__(f"this key may not do that: it lacks the scope {needed.value!r}")


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller. `tenant` None acts for every tenant; only admin keys may."""

    key_id: uuid.UUID
    tenant: str | None
    scopes: frozenset[Scope]
    expires_at: dt.datetime | None = None

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def sees(self, tenant: str | None) -> bool:
        """Whether something of this tenant is visible to the caller. None is shared: everybody sees it."""
        return tenant is None or self.tenant is None or tenant == self.tenant

    def owns(self, tenant: str | None) -> bool:
        """Whether the caller may change something of this tenant. What is shared belongs to the platform's admins."""
        return self.tenant is None or tenant == self.tenant

    @property
    def home(self) -> str:
        """The tenant that this caller's own requests count for."""
        return self.tenant or DEFAULT_TENANT


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


class KeyRing:
    """Every valid key, by digest. Looking up a digest tells an attacker's clock nothing about the key."""

    def __init__(self) -> None:
        self._principals: dict[str, Principal] = {}
        self._lock = threading.Lock()

    def refresh(self, read: Callable[[], dict[str, Principal]]) -> None:
        """One reader after another: a slow one must not bring a key back that was revoked meanwhile."""
        with self._lock:
            self._principals = read()

    def bearer(self, authorization: str | None) -> Principal:
        """The caller of an `Authorization` header. Raises Unauthorized."""
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Unauthorized("no API key was sent: set the header 'Authorization: Bearer <key>'")
        return self.principal(key.strip())

    def principal(self, key: str) -> Principal:
        """Raises Unauthorized for a key that is unknown, revoked or expired."""
        found = self._principals.get(digest(key))
        if found is None:
            raise Unauthorized("the API key is unknown or was revoked")
        if found.expires_at is not None and found.expires_at <= dt.datetime.now(dt.UTC):
            raise Unauthorized("the API key has expired")
        return found


_bearer = HTTPBearer(auto_error=False, description="an API key: `Authorization: Bearer dk-...`")


class RouteAccess:
    """A dependency that a route declares. `scope` None: open to everybody."""

    def __init__(self, scope: Scope | None) -> None:
        self.scope = scope

    async def __call__(
        self, request: Request, _documented: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
    ) -> Principal:
        ring: KeyRing = request.app.state.platform.keyring
        principal = ring.bearer(request.headers.get("authorization"))
        if self.scope is not None and not principal.may(self.scope):
            raise ScopeMissing(self.scope)
        return principal


class OpenAccess(RouteAccess):
    """For the few routes that need no key: probes, metrics on loopback, the documentation page."""

    def __init__(self) -> None:
        super().__init__(None)

    async def __call__(self) -> None:  # type: ignore[override]  # an open route has no caller to return
        return None


Admin = Annotated[Principal, Depends(RouteAccess(Scope.ADMIN))]
App = Annotated[Principal, Depends(RouteAccess(Scope.APP))]
Analyst = Annotated[Principal, Depends(RouteAccess(Scope.ANALYTICS))]
open_to_all: Callable[[], object] = OpenAccess()
