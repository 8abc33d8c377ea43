"""The API's own documentation: the error answers that every route declares, and a page that needs no CDN."""

from __future__ import annotations

from importlib.metadata import files
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel

Responses = dict[int | str, dict[str, Any]]  # Any: OpenAPI


class OpenAIErrorBody(BaseModel):
    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIError(BaseModel):
    error: OpenAIErrorBody


class ProblemPart(BaseModel):
    pointer: str
    detail: str


class Problem(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str | None = None
    errors: list[ProblemPart] | None = None


DESCRIPTIONS = {
    400: "The request cannot be used; the message says what and where",
    401: "No key, or an unknown, revoked or expired one",
    403: "The key may not do that",
    404: "No such thing, or not for this key",
    409: "It exists already, or changed meanwhile",
    413: "The body is too large",
    415: "The body's content type cannot be read",
    422: "A field has a value that cannot be used",
    429: "The expert's queue is full; see Retry-After",
    503: "Not now; see Retry-After",
    504: "No answer within the request's deadline",
}


def _openai(*statuses: int) -> Responses:
    return {status: {"model": OpenAIError, "description": DESCRIPTIONS[status]} for status in statuses}


def problems(*statuses: int) -> Responses:
    """The problems that a native route may answer, beside those that every one of them may."""
    always = (400, 401, 403, 413, 415, 422, 503)
    return {
        status: {
            "description": DESCRIPTIONS[status],
            "content": {"application/problem+json": {"schema": Problem.model_json_schema()}},
        }
        for status in sorted({*always, *statuses})
    }


OPENAI_ERRORS = _openai(400, 401, 403, 404, 413, 415, 422, 429, 503, 504)


def serve_documentation(app: FastAPI) -> None:
    """Swagger UI at /docs, from the files of the package fastapi-offline."""
    script = next(file for file in files("fastapi-offline") or [] if file.name == "swagger-ui-bundle.js")
    app.mount("/docs/static", StaticFiles(directory=Path(str(script.locate())).parent), name="documentation")

    async def documentation() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="Doyen API",
            swagger_js_url="/docs/static/swagger-ui-bundle.js",
            swagger_css_url="/docs/static/swagger-ui.css",
            swagger_favicon_url="/docs/static/favicon.png",
        )

    app.add_api_route("/docs", documentation, include_in_schema=False)
