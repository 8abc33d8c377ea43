"""The OpenAPI document tells the truth: no status, content type, header or schema that it does not name."""

from __future__ import annotations

import copy
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.conftest import ADMIN_KEY, make_settings
from tests.platform.fuzz.ground import LONG_FORM, Answered, Ground, check_error_shape

from doyen_platform.app import create_app

CASES = 4_000 if LONG_FORM else 300
CHECKS = [
    *(not_a_server_error, status_code_conformance, content_type_conformance),
    *(response_headers_conformance, response_schema_conformance),
]
AUTHORIZED = {"Authorization": f"Bearer {ADMIN_KEY}"}
# With a real name this would take away what the other routes are asked about.
REMOVES = "DELETE /admin/experts/{name}"

DOCUMENT = create_app(make_settings(Path("never-opened"))).openapi()
OPERATIONS = {
    result.ok().label: result.ok() for result in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations()
}
seen: Counter[int] = Counter()


@pytest.fixture(scope="module")
def real(ground: Ground) -> dict[str, str]:
    """Names and ids of what is there, by the paths' parameters: generated ones seldom are."""
    documents = ground.send("GET", f"/admin/experts/{ground.expert}/documents").json()["data"]
    gates = ground.send("GET", "/admin/gates").json()["data"]
    key = ground.send("POST", "/admin/keys", b'{"name": "to be revoked"}').json()
    return {
        "name": ground.expert,
        "model": ground.echo,
        "tenant": ground.tenant,
        "decision_id": ground.decision,
        "document_id": documents[0]["id"],
        "gate_id": gates[0]["id"],
        "version": gates[0]["version"],
        "key_id": key["id"],
    }


@pytest.mark.parametrize("label", OPERATIONS)
def test_every_answer_is_one_that_the_document_names(ground: Ground, real: dict[str, str], label: str) -> None:
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
    @given(case=good | good | bad if _takes_anything(operation) else good, with_real=st.booleans())
    def ask(case: schemathesis.Case, with_real: bool) -> None:
        if with_real and label != REMOVES:
            given_parameters = case.path_parameters or {}
            case.path_parameters = {name: real.get(name, value) for name, value in given_parameters.items()}
        if isinstance(case.query, dict) and "wait_seconds" in case.query:
            case.query["wait_seconds"] = 1
        answer = case.call(base_url=ground.server.url, headers=AUTHORIZED, timeout=60)
        seen[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)
        if answer.status_code >= 400:
            headers = {name.lower(): values[0] for name, values in answer.headers.items()}
            check_error_shape(operation.path, Answered(answer.status_code, headers, answer.content, 0.0))

    ask()
    print(f"cases so far: {seen.total()}, answers: {dict(sorted(seen.items()))}")


@pytest.mark.parametrize("lie", ["status", "content type", "schema"])
def test_a_document_that_lies_is_found_out(ground: Ground, lie: str) -> None:
    document = copy.deepcopy(DOCUMENT)
    responses = document["paths"]["/livez"]["get"]["responses"]
    if lie == "status":
        responses["201"] = responses.pop("200")
    elif lie == "content type":
        responses["200"]["content"] = {"text/html": {}}
    else:
        responses["200"]["content"] = {"application/json": {"schema": {"type": "object", "required": ["absent"]}}}
    case = schemathesis.openapi.from_dict(document)["/livez"]["GET"].Case()
    answer = case.call(base_url=ground.server.url)
    with pytest.raises(FailureGroup):
        case.validate_response(answer, checks=CHECKS)


def _takes_anything(operation: Any) -> bool:  # Any: schemathesis' APIOperation is generic in four ways
    return bool(operation.body or operation.query or operation.path_parameters or operation.headers)
