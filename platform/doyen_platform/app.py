"""The HTTP application: routes, errors, and the platform's life from start to stop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from doyen_platform.analytics.routes import router as analytics
from doyen_platform.catalog.routes import router as catalog
from doyen_platform.chat.routes import router as chat
from doyen_platform.composition import Platform
from doyen_platform.decisions.routes import admin_router as replay
from doyen_platform.decisions.routes import router as decisions
from doyen_platform.embeddings.routes import router as embeddings
from doyen_platform.experts.routes import router as experts
from doyen_platform.gates.routes import router as gates
from doyen_platform.health.routes import router as health
from doyen_platform.keys.admission import Admission
from doyen_platform.keys.routes import router as keys
from doyen_platform.policies.routes import router as policies
from doyen_platform.routing.routes import router as routing
from doyen_platform.settings import Settings, load_settings
from doyen_platform.stores.routes import router as stores
from doyen_platform.tenants.routes import router as tenants
from doyen_platform.web import errors
from doyen_platform.web.body_limit import BodyLimit
from doyen_platform.web.reference import serve_documentation
from doyen_platform.web.request_log import RequestLog

ROUTERS = (
    *(chat, catalog, embeddings, routing, decisions),
    *(experts, stores, gates, replay, policies, keys, tenants),
    *(analytics, health),
)


def create_app(settings: Settings | None = None, *, platform: Platform | None = None) -> FastAPI:
    """A platform that is not given opens when the application starts; it closes when the application stops."""
    settings = settings or load_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if platform is None:
            # Only here: an API process that hosts no experts must not load what experts need.
            from doyen_platform.embedded import open_embedded

            app.state.platform = await run_in_threadpool(open_embedded, settings)
        else:
            app.state.platform = platform
        yield
        await app.state.platform.close()

    app = FastAPI(
        title="Doyen",
        version=version("doyen"),
        description="Requests go to the expert who knows. OpenAI's shapes under `/v1`, administration under `/admin`.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        telemetry={"logs": False},
    )
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.add_middleware(Admission)
    app.add_middleware(RequestLog)
    errors.install(app)
    for router in ROUTERS:
        app.include_router(router)
    serve_documentation(app)
    return app
