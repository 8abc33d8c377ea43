"""Every route declares who may call it, and holds that against every kind of key."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from doyen_platform.app import create_app
from doyen_platform.keys.access import OpenAccess, RouteAccess, Scope
from tests.conftest import Server, make_settings

# Served without a key by design: the documentation page, its files and the description it shows.
WITHOUT_ACCESS = {"/docs", "/docs/static", "/openapi.json"}
NOBODYS_ID = str(uuid.UUID(int=0))
ABSENT = {"name": "nobody-here", "model": "nobody-here", "version": "0" * 64, "tenant": "nobody-here"}
FORBIDDEN_TO_TENANTS = {
    *(("POST", "/admin/tenants"), ("POST", "/admin/gates"), ("GET", "/admin/gates"), ("GET", "/admin/gates/{gate_id}")),
    *(("POST", "/admin/gates/{version}/promote"), ("POST", "/admin/gates/rollback")),
}
# What changes the shared platform for the other tests, although it needs no body.
NEVER_CALLED_WITH_SUCCESS = {("POST", "/admin/gates/rollback")}


def application() -> FastAPI:
    return create_app(make_settings(__import__("pathlib").Path("unused")))


def access_of(dependant: Dependant) -> Iterator[RouteAccess]:
    for dependency in dependant.dependencies:
        if isinstance(dependency.call, RouteAccess):
            yield dependency.call
        yield from access_of(dependency)


APP = application()
ROUTES = sorted((method, route.path) for route in APP.routes if isinstance(route, APIRoute) for method in route.methods)
