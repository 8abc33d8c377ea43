"""Conditions survive their way into a decision and back, and decisions from before there were any still live."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, text
from tests.platform.decisions.conftest import REPOSITORY, make_record, write_journal

from doyen_platform.database.migrations import downgrade, upgrade
from doyen_platform.database.table import new_id
from doyen_platform.database.transactions import Database
from doyen_platform.decisions.conditions import from_json, to_json
from doyen_platform.decisions.context import Contexts, address
from doyen_platform.decisions.context import from_json as context_from_json
from doyen_platform.decisions.models import DecisionRow
from doyen_platform.decisions.record import DecisionRecord, Execution
from doyen_platform.decisions.recorder import Recorder
from doyen_router.gate.decision import NO_CONDITIONS, Arm, Candidate, Conditions, Exploration, Load, Policy, Snapshot

NEW = ("conditions", "adjustments", "propensity", "session")
name = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=12)
number = st.floats(allow_nan=False, allow_infinity=False)
loads = st.builds(Load, wait_ms=number, health=number, balance=number)
conditions = st.builds(
    Conditions,
    context=st.dictionaries(name, name, max_size=3),
    previous=st.none() | name,
    loads=st.dictionaries(name, loads, max_size=3),
    arm=st.none() | st.builds(Arm, name=name, offsets=st.dictionaries(name, number, max_size=2)),
    data_class=st.none() | name,
    hash_key=st.none() | name,
)


@settings(max_examples=200, deadline=None)
@given(conditions)
def test_conditions_come_back_from_json_as_they_were(made: Conditions) -> None:
    assert from_json(orjson.loads(orjson.dumps(to_json(made)))) == made


def test_what_is_as_usual_takes_no_room() -> None:
    assert to_json(NO_CONDITIONS) == {}
    assert from_json(None) == NO_CONDITIONS
    assert to_json(Conditions(loads={"law": Load(health=0.5)})) == {"loads": {"law": {"health": 0.5}}}


def test_a_context_with_all_that_a_policy_and_a_candidate_can_say_comes_back() -> None:
    policy = Policy("p", "soft", regions=("eu",), data_class="pii", exploration=Exploration("gumbel", scale=0.1))
    snapshot = Snapshot((Candidate("a", group="x/y", region="eu", data_classes=("pii",), cost_usd=0.1),), "a")
    context_id, body = Contexts().of(policy, snapshot)
    stored = json.loads(json.dumps(body))
    assert context_from_json(stored) == (policy, snapshot)
    assert address(stored) == context_id


def test_a_context_of_an_older_version_reads_as_what_it_meant() -> None:
    old_policy = {"name": "p", "selection": "mass", "top_k": 1, "mass": 0.5, "floor": 0.0, "inside_floor": None}
    old_policy |= {"on_abstain": "refuse", "allow": ["a"], "deny": []}
    old = {"policy": old_policy, "snapshot": {"candidates": [{"name": "a", "masked": None}], "generalist": None}}
    policy, snapshot = context_from_json(old)
    assert policy == Policy("p", "mass", mass=0.5, on_abstain="refuse", allow=("a",))
    assert snapshot == Snapshot((Candidate("a"),))


def old_line(record: DecisionRecord) -> bytes:
    values = orjson.loads(record.to_json())
    return orjson.dumps({name: value for name, value in values.items() if name not in NEW}) + b"\n"


def test_a_journal_that_an_older_version_left_is_delivered(database: Database, journal: Path) -> None:
    record = make_record()
    write_journal(journal, old_line(record))
    recorder = Recorder(database, journal)
    recorder.record(make_record())
    assert recorder.flush()
    recorder.close()
    with database.read() as session:
        row = session.get_one(DecisionRow, record.id)
    assert (row.conditions, row.adjustments, row.propensity, row.session) == (None, None, 1.0, None)
    assert row.chosen == [["history", 1.0, 1.0]]


def test_all_of_a_new_decision_is_in_its_row(database: Database, journal: Path) -> None:
    record = make_record(
        conditions={"data_class": "pii", "loads": {"history": {"wait_ms": 12.5}}},
        adjustments=[("wait", "history", -0.125)],
        propensity=0.25,
        session="given:s1",
    )
    recorder = Recorder(database, journal)
    recorder.record(record)
    assert recorder.flush()
    recorder.close()
    with database.read() as session:
        row = session.get_one(DecisionRow, record.id)
    assert row.conditions == record.conditions
    assert row.adjustments == [["wait", "history", -0.125]]
    assert (row.propensity, row.session) == (0.25, "given:s1")


@pytest.mark.parametrize("value", [7, None, [1], [None]])
def test_altered_adjustments_are_a_value_error(value: object) -> None:
    values = orjson.loads(make_record().to_json()) | {"adjustments": value}
    with pytest.raises(ValueError):
        DecisionRecord.from_json(orjson.dumps(values))


def test_one_query_tells_whether_a_data_class_ever_left_a_region(postgres_url: str, journal: Path) -> None:
    """The documentation's own."""
    query = (REPOSITORY / "docs/api.md").read_text().split("```sql")[1].split("```")[0]
    database = Database(postgres_url)
    upgrade(database)
    recorder = Recorder(database, journal)
    contexts = Contexts()
    snapshot = Snapshot((Candidate("home", region="eu"), Candidate("away", region="us"), Candidate("nowhere")))
    made = {}
    for policy_class, own_class in (("pii", None), (None, "pii"), ("pii", "public"), (None, None)):
        for expert in ("home", "away", "nowhere"):
            context_id, context = contexts.of(Policy(data_class=policy_class), snapshot)
            conditions = to_json(Conditions(data_class=own_class))
            execution = Execution(new_id(), expert, 1.0, "answered", 1.0)
            record = make_record(
                context_id=context_id, context=context, conditions=conditions, executions=(execution,), expert=expert
            )
            recorder.record(record)
            made[record.id] = (policy_class, own_class, expert)
    assert recorder.flush()
    recorder.close()
    with database.read() as session:
        found = session.execute(text(query), {"data_class": "pii", "region": "eu"}).all()
    database.close()
    assert sorted(map(str, (made[row.decision_id] for row in found))) == sorted(
        str((*classes, expert))
        for classes in (("pii", None), (None, "pii"), ("pii", "public"))
        for expert in ("away", "nowhere")
    )


def test_decisions_of_the_first_schema_live_on_in_the_next(database: Database) -> None:
    downgrade(database, "0001")
    values = {column: value for column, value in make_record().row().items() if column not in NEW}
    with database.write() as session:
        table = DecisionRow.__table__
        session.execute(insert(table).values({table.c[column]: value for column, value in values.items()}))
    upgrade(database)
    with database.read() as session:
        row = session.scalars(select(DecisionRow)).one()
    assert (row.id, row.propensity, row.conditions, row.adjustments) == (values["id"], 1.0, None, None)
    downgrade(database, "0001")
    upgrade(database)
    with database.read() as session:
        assert session.scalars(select(DecisionRow.id)).one() == values["id"]
