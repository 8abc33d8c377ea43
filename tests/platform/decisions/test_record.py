"""A decision survives its way through the journal unchanged."""

from __future__ import annotations

import datetime as dt
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.platform.decisions.conftest import make_record

from doyen_platform.database.table import new_id
from doyen_platform.decisions.context import Contexts, from_json
from doyen_platform.decisions.record import DecisionRecord, Execution
from doyen_router.gate.decision import Candidate, Policy, Snapshot

text = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
number = st.floats(allow_nan=False, allow_infinity=False)
json_value = st.recursive(
    st.none() | st.booleans() | number | text, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner)
)
executions = st.builds(
    Execution,
    id=st.uuids(),
    expert=text,
    weight=number,
    state=text,
    duration_ms=number,
    error=st.none() | text,
    prompt_tokens=st.integers(0, 2**31),
    completion_tokens=st.integers(0, 2**31),
    cost_usd=number,
)
records = st.builds(
    DecisionRecord,
    id=st.uuids(),
    created_at=st.datetimes(timezones=st.just(dt.UTC)),
    tenant_id=text,
    key_id=st.uuids(),
    route=text,
    requested_model=text,
    gate_version=st.none() | text,
    context_id=st.none() | text,
    context=st.none() | st.dictionaries(text, json_value, max_size=3),
    seed=st.integers(0, 2**31 - 1),
    features=st.none() | st.binary(max_size=64),
    prompt=st.none() | text,
    reason=text,
    abstained=st.booleans(),
    expert=st.none() | text,
    chosen=st.lists(st.tuples(text, number, number), max_size=4),
    probabilities=st.dictionaries(text, number, max_size=4),
    **dict.fromkeys(("confidence", "inside", "inside_floor"), number),
    outcome=text,
    error=st.none() | text,
    streamed=st.booleans(),
    **dict.fromkeys(("encode_ms", "decide_ms", "expert_ms", "total_ms"), number),
    executions=st.lists(executions, max_size=3).map(tuple),
    conditions=st.none() | st.dictionaries(text, json_value, max_size=3),
    adjustments=st.lists(st.tuples(text, text, number), max_size=3),
    propensity=number,
    session=st.none() | text,
)


@settings(max_examples=150, deadline=None)
@given(records)
def test_json_and_back_is_the_same_on_one_line(record: DecisionRecord) -> None:
    line = record.to_json()
    assert b"\n" not in line
    assert DecisionRecord.from_json(line + b"\n") == record


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_cut_line_is_a_value_error(data: st.DataObject) -> None:
    line = make_record().to_json()
    with pytest.raises(ValueError):
        DecisionRecord.from_json(line[: data.draw(st.integers(0, len(line) - 1))])


@pytest.mark.parametrize("field", ["id", "key_id", "created_at", "chosen", "features", "executions"])
@pytest.mark.parametrize("value", [7, "x", [1], {"a": 1}, [[]], [{"id": 3}]])
def test_an_altered_line_is_a_value_error_or_reads(field: str, value: object) -> None:
    """Never another exception: one bad line must not stop the recorder."""
    values = json.loads(make_record().to_json())
    for altered in (values | {field: value}, {k: v for k, v in values.items() if k != field}, values | {"new": 1}):
        try:
            DecisionRecord.from_json(json.dumps(altered).encode())
        except ValueError:
            continue
        assert field in ("chosen", "features"), "it should not have been read"


@pytest.mark.parametrize("line", [b"", b"null", b"7", b'"x"', b"[]", b"{}", b"\x00\x00", b"\xff\xfe"])
def test_what_is_no_decision_is_a_value_error(line: bytes) -> None:
    with pytest.raises(ValueError):
        DecisionRecord.from_json(line)


def test_rows_of_its_executions_carry_the_decision() -> None:
    record = make_record()
    (row,) = record.execution_rows()
    assert (row["decision_id"], row["tenant_id"], row["expert"]) == (record.id, "default", "history")
    assert "executions" not in record.row()
    assert "context" not in record.row()


def test_a_context_has_one_address_for_its_content_and_comes_back() -> None:
    policy = Policy("careful", "mass", top_k=2, floor=0.3, allow=("a", "b"), deny=("c",))
    snapshot = Snapshot((Candidate("a"), Candidate("b", "paused")), generalist="a")
    first_id, body = Contexts().of(policy, snapshot)
    assert Contexts().of(policy, snapshot) == (first_id, body)
    assert from_json(json.loads(json.dumps(body))) == (policy, snapshot)
    assert Contexts().of(policy, Snapshot((Candidate("a"),), generalist="a"))[0] != first_id


def test_what_json_cannot_say_is_not_a_number_in_the_journal() -> None:
    """NaN becomes null, which the database refuses: such a decision is put aside, see test_recorder."""
    line = make_record(id=new_id(), confidence=math.nan).to_json()
    assert json.loads(line)["confidence"] is None
