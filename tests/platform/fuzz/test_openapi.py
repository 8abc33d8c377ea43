"""The OpenAPI document tells the truth: no status, content type, header or schema that it does not name."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.conftest import ADMIN_KEY, make_settings
from tests.platform.fuzz.ground import LONG_FORM, Ground, check_error_shape, Answered

from doyen_platform.app import create_app

CASES = 4_000 if LONG_FORM else 500
CHECKS = [
    *(not_a_server_error, status_code_conformance, content_type_conformance),
    *(response_headers_conformance, response_schema_conformance),
]
# Generated names are seldom those of something that is there: these are put in half of the time.
REAL = {"name": "expert", "model": "echo", "tenant": "tenant", "decision_id": "decision"}
REMOVES_WHAT_OTHERS_NEED = ("DELETE /admin/experts/{name}",)

SCHEMA = schemathesis.openapi.from_dict(create_app(make_settings(Path("never-opened"))).openapi())
OPERATIONS = {result.ok().label: result.ok() for result in SCHEMA.get_all_operations()}
seen: Counter[int] = Counter()


@pytest.mark.parametrize("label", OPERATIONS)
def test_every_answer_is_one_that_the_document_names(ground: Ground, label: str) -> None:
    operation = OPERATIONS[label]
    good = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    bad = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @settings(
        max_examples=-(-CASES // len(OPERATIONS)),
        deadline=None,
        database=None,
        derandomize=not LONG_FORM,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=good | good | bad if _takes_anything(operation) else good, real=st.booleans())
    def ask(case: schemathesis.Case, real: bool) -> None:
        if real and label not in REMOVES_WHAT_OTHERS_NEED:
            fills = {key: getattr(ground, REAL[key]) for key in case.path_parameters or {} if key in REAL}
            case.path_parameters = {**(case.path_parameters or {}), **fills}
        if isinstance(case.query, dict) and "wait_seconds" in case.query:
            case.query["wait_seconds"] = 1
        answer = case.call(base_url=ground.server.url, headers={"Authorization": f"Bearer {ADMIN_KEY}"}, timeout=60)
        seen[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)
        if answer.status_code >= 400:
            headers = {name.lower(): values[0] for name, values in answer.headers.items()}
            check_error_shape(operation.path, Answered(answer.status_code, headers, answer.content, 0.0))

    ask()
    print(f"cases so far: {seen.total()}, answers: {dict(sorted(seen.items()))}")


def _takes_anything(operation: Any) -> bool:  # Any: schemathesis' APIOperation is generic in four ways
    return bool(operation.body or operation.query or operation.path_parameters or operation.headers)
