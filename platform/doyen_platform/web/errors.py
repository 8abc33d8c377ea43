"""Errors as HTTP answers: OpenAI's shape under /v1, RFC 9457 problems elsewhere. No route makes its own."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from doyen_experts.limits import DeadlinePassed
from doyen_platform.keys.access import Unauthorized
from doyen_router.errors import Conflict, DoyenError, Forbidden, Invalid, NotFound, Unavailable
from doyen_workers.dispatch import DeadlineExceeded, Overloaded

log = logging.getLogger(__name__)

# The first kind that fits gives the status.
STATUS: Sequence[tuple[type[DoyenError], int]] = (
    (Unauthorized, 401),
    (Overloaded, 429),
    (DeadlineExceeded, 504),
    (DeadlinePassed, 504),
    (NotFound, 404),
    (Conflict, 409),
    (Forbidden, 403),
    (Invalid, 400),
    (Unavailable, 503),
)
OPENAI_TYPE = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    409: "conflict_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
}
TITLE = {
    400: "Bad request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Content too large",
    415: "Unsupported media type",
    422: "Unprocessable content",
    429: "Too many requests",
    500: "Internal error",
    503: "Unavailable",
    504: "Timed out",
}

NO_OBJECT = "the body must be a JSON object, sent with the header 'Content-Type: application/json'"


def status_of(error: DoyenError) -> int:
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def openai_error(status: int, message: str, *, code: str | None, param: str | None = None) -> dict[str, Any]:
    kind = OPENAI_TYPE.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def answer_error(
    request: Request,
    status: int,
    message: str,
    *,
    code: str,
    param: str | None = None,
    errors: Sequence[Mapping[str, str]] = (),
    retry_after_seconds: float | None = None,
) -> JSONResponse:
    headers = {}
    decision_id = request.scope.get("state", {}).get("decision_id")
    if decision_id is not None:
        headers["x-doyen-decision-id"] = decision_id
    if retry_after_seconds is not None:
        headers["Retry-After"] = str(max(1, math.ceil(retry_after_seconds)))
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if request.url.path.startswith("/v1"):
        return JSONResponse(openai_error(status, message, code=code, param=param), status, headers=headers)
    problem: dict[str, Any] = {
        "type": f"urn:doyen:problem:{code}",
        "title": TITLE.get(status, "Error"),
        "status": status,
        "detail": message,
        "instance": request.url.path,
        "code": code,
        "request_id": request.scope.get("state", {}).get("request_id"),
    }
    if errors:
        problem["errors"] = list(errors)
    return JSONResponse(problem, status, headers=headers, media_type="application/problem+json")


async def _doyen_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DoyenError)
    status = status_of(error)
    if status >= 500:
        log.warning("%s %s answered %d: %s", request.method, request.url.path, status, error)
    return answer_error(
        request,
        status,
        str(error),
        code=error.code,
        param=error.param if isinstance(error, Invalid) else None,
        retry_after_seconds=error.retry_after_seconds if isinstance(error, Unavailable) else None,
    )


async def _invalid_body(request: Request, error: Exception) -> JSONResponse:
    """The framework's own handler echoes the input, and fails with 500 when that holds a NaN."""
    assert isinstance(error, RequestValidationError)
    problems = error.errors()
    if any(problem["type"] == "json_invalid" for problem in problems):
        reason = problems[0].get("ctx", {}).get("error", "syntax error")
        return answer_error(request, 400, f"the body is not valid JSON: {reason}", code="invalid_json")
    found = [{"pointer": _pointer(problem["loc"]), "detail": problem["msg"]} for problem in problems]
    first = found[0]
    status = 400 if request.url.path.startswith("/v1") else 422
    # The first part of a location is body, query, path or header.
    param = ".".join(str(part) for part in problems[0]["loc"][1:]) or None
    message = f"{param}: {first['detail']}" if param else f"{NO_OBJECT}; {first['detail']}"
    return answer_error(request, status, message, code="invalid_value", param=param, errors=found)


def _pointer(location: Sequence[int | str]) -> str:
    return "/" + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in location)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    message = error.detail if isinstance(error.detail, str) else TITLE.get(error.status_code, "Error")
    code = TITLE.get(error.status_code, "error").lower().replace(" ", "_")
    answer = answer_error(request, error.status_code, message, code=code)
    answer.headers.update(error.headers or {})
    return answer


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return answer_error(request, 500, "an error of the platform itself; its log has the details", code="internal_error")


def install(app: FastAPI) -> None:
    app.add_exception_handler(DoyenError, _doyen_error)
    app.add_exception_handler(RequestValidationError, _invalid_body)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)
