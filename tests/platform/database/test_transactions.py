"""Transactions: nothing is lost between threads, readers do not wait, and errors tell nothing that was stored."""

from __future__ import annotations

import datetime as dt
import threading
import time
import traceback
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, insert, select, text, update
from sqlalchemy.exc import DBAPIError, OperationalError, StatementError

from doyen_platform.database.migrations import upgrade
from doyen_platform.database.table import UtcTime, new_id
from doyen_platform.database.transactions import Database, DatabaseUnavailable
from doyen_platform.keys.models import Key
from doyen_platform.tenants.models import Tenant

metadata = MetaData()
counter = Table("counter", metadata, Column("id", Integer, primary_key=True), Column("value", Integer))
moments = Table("moments", metadata, Column("id", Integer, primary_key=True), Column("at", UtcTime))
names = Table(
    "names", metadata, Column("id", Integer, primary_key=True), Column("name", String(8), nullable=False, unique=True)
)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(database_url)
    metadata.create_all(made.engine)
    with made.write() as session:
        session.execute(insert(counter).values(id=1, value=0))
    yield made
    made.close()


def value(database: Database) -> int:
    with database.read() as session:
        return int(session.execute(select(counter.c.value)).scalar_one())


def test_read_modify_write_of_eight_threads_loses_nothing(database: Database) -> None:
    failures: list[Exception] = []

    def count_up() -> None:
        try:
            for _ in range(100):
                with database.write() as session:
                    now = session.execute(select(counter.c.value).with_for_update()).scalar_one()
                    session.execute(update(counter).values(value=now + 1))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=count_up) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert value(database) == 800


def test_a_block_that_raises_leaves_nothing(database: Database) -> None:
    def change_and_fail() -> None:
        with database.write() as session:
            session.execute(update(counter).values(value=7))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        change_and_fail()
    assert value(database) == 0


def test_a_reader_neither_waits_for_a_writer_nor_sees_half_of_its_work(database: Database) -> None:
    with database.write() as session:
        session.execute(update(counter).values(value=5))
        session.flush()
        started = time.monotonic()
        assert value(database) == 0
        assert time.monotonic() - started < 1
    assert value(database) == 5


def test_a_second_writer_waits_for_the_first(database: Database) -> None:
    done = threading.Event()

    def write() -> None:
        with database.write() as session:
            now = session.execute(select(counter.c.value).with_for_update()).scalar_one()
            session.execute(update(counter).values(value=now + 1))
        done.set()

    with database.write() as session:
        session.execute(update(counter).values(value=10))
        thread = threading.Thread(target=write)
        thread.start()
        assert not done.wait(0.3)
    thread.join()
    assert value(database) == 11


@pytest.mark.parametrize("url", ["postgresql+psycopg://nobody@127.0.0.1:1/none", "sqlite+pysqlite:///{directory}"])
def test_a_database_that_is_not_there_is_unavailable(url: str, tmp_path: Path) -> None:
    database = Database(url.format(directory=tmp_path))
    for transaction in (database.write, database.read):
        with pytest.raises(DatabaseUnavailable) as unavailable, transaction() as session:
            session.execute(text("SELECT 1"))
        assert unavailable.value.retry_after_seconds
    with pytest.raises(DatabaseUnavailable):
        database.ping()
    database.close()


def test_connections_that_the_server_cut_are_replaced(postgres_url: str) -> None:
    database, other = Database(postgres_url), create_engine(postgres_url)
    database.ping()
    with other.begin() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    database.ping()
    other.dispose()
    database.close()


def test_a_connection_cut_within_a_transaction_is_unavailable(postgres_url: str) -> None:
    database, other = Database(postgres_url), create_engine(postgres_url)

    def work_while_the_connection_is_cut() -> None:
        with database.write() as session:
            pid = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
            with other.begin() as connection:
                connection.execute(text(f"SELECT pg_terminate_backend({pid})"))
            session.execute(text("SELECT 1"))

    with pytest.raises(DatabaseUnavailable):
        work_while_the_connection_is_cut()
    other.dispose()
    database.close()


def test_a_wrong_statement_is_no_outage(database: Database) -> None:
    for statement in ("SELECT nonsense FROM nowhere", "SELEKT 1"):
        with pytest.raises(DBAPIError), database.read() as session:
            session.execute(text(statement))


def test_sqlites_lock_held_too_long_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doyen_platform.database.transactions.BUSY_TIMEOUT_MS", 100)
    database = Database(f"sqlite+pysqlite:///{tmp_path / 'doyen.db'}")
    with database.write() as holder:
        holder.execute(text("CREATE TABLE held (id INTEGER)"))
        with pytest.raises(DatabaseUnavailable), database.write() as session:
            session.execute(text("SELECT 1"))
    database.close()


@pytest.mark.parametrize(
    "moment",
    [
        dt.datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=dt.UTC),
        dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30))),
        dt.datetime(1970, 1, 1, tzinfo=dt.UTC),
        dt.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=dt.UTC),
        None,
    ],
)
def test_a_time_comes_back_as_the_same_moment_in_utc(database: Database, moment: dt.datetime | None) -> None:
    with database.write() as session:
        session.execute(insert(moments).values(id=1, at=moment))
    with database.read() as session:
        found = session.execute(select(moments.c.at)).scalar_one()
        assert found == moment
        assert found is None or found.tzinfo is dt.UTC
        if moment is not None:
            assert session.execute(select(moments.c.id).where(moments.c.at == moment)).scalar_one() == 1


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="without a zone"), database.write() as session:
        session.execute(insert(moments).values(id=1, at=dt.datetime(2026, 3, 1)))  # noqa: DTZ001 - that is the point


SECRET = "hunter2x"
LONG = SECRET * 100 + "\x00"


def told(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    "rows",
    [
        [{"id": 1, "name": SECRET}, {"id": 2, "name": SECRET}],
        [{"id": 1, "name": SECRET}, {"id": 1, "name": "other"}],
        [{"id": SECRET, "name": "x"}],
        [{"id": 1, "name": LONG}],
    ],
    ids=["unique", "primary key", "type", "length"],
)
def test_an_error_of_a_statement_never_tells_its_values(database: Database, rows: list[dict[str, object]]) -> None:
    def insert_all() -> None:
        with database.write() as session:
            for row in rows:
                session.execute(insert(names).values(**row))

    if database.is_sqlite and rows[0]["name"] == LONG:
        insert_all()
        return  # SQLite takes long strings and NUL
    with pytest.raises(DBAPIError) as refused:
        insert_all()
    assert SECRET not in told(refused.value)


def test_a_row_that_is_refused_is_not_quoted(database_url: str) -> None:
    """PostgreSQL would tell the whole failing row."""
    database = Database(database_url)
    upgrade(database)
    with pytest.raises(DBAPIError) as refused, database.write() as session:
        session.execute(
            text("INSERT INTO tenants (id, title, prompt_storage) VALUES (:id, :title, :storage)"),
            {"id": "t", "title": SECRET, "storage": "full"},
        )
    assert SECRET not in told(refused.value)
    database.close()


def test_a_duplicate_key_is_not_quoted(database_url: str) -> None:
    database = Database(database_url)
    upgrade(database)

    def add() -> None:
        with database.write() as session:
            session.add(Key(name="k", scopes=["app"], hint="h", digest=SECRET))

    add()
    with pytest.raises(DBAPIError) as refused:
        add()
    assert SECRET not in told(refused.value)
    database.close()


def test_foreign_keys_are_held_on_both(database_url: str) -> None:
    database = Database(database_url)
    upgrade(database)
    with pytest.raises(DBAPIError), database.write() as session:
        session.add(Key(name="k", scopes=["app"], hint="h", digest="d", tenant_id="nobody"))
    with database.write() as session:
        session.add(Tenant(id="somebody", title="Somebody", prompt_storage="hash"))
        session.flush()
        session.add(Key(name="k", scopes=["app"], hint="h", digest="d", tenant_id="somebody"))
    database.close()


def test_ids_sort_by_the_time_they_were_made() -> None:
    ids = [new_id() for _ in range(1000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 1000
    assert {made.version for made in ids} == {7}
    assert isinstance(ids[0], uuid.UUID)


def test_sqlite_makes_its_directory_and_keeps_a_write_ahead_log(tmp_path: Path) -> None:
    database = Database(f"sqlite+pysqlite:///{tmp_path}/new/doyen.db")
    with database.read() as session:
        assert session.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert session.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
    database.close()


def test_an_outage_keeps_its_cause(database: Database) -> None:
    database.close()
    broken = Database("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(DatabaseUnavailable) as unavailable:
        broken.ping()
    assert isinstance(unavailable.value.__cause__, OperationalError)
    broken.close()
