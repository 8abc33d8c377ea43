"""Connections and transactions on PostgreSQL or SQLite. It does not know what is stored."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, ExceptionContext, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from doyen_router.errors import Invalid, Unavailable

BUSY_TIMEOUT_MS = 5_000
DETAILS = re.compile(r"\n(?:DETAIL|CONTEXT):.*", re.DOTALL)
QUOTED = re.compile(r'".*"', re.DOTALL)


class DatabaseUnavailable(Unavailable):
    code = "database_unavailable"

    def __init__(self) -> None:
        super().__init__("the database cannot be reached at the moment", retry_after_seconds=2.0)


class DatabaseUrlInvalid(Invalid):
    """Never repeats the URL: it may hold a password."""

    def __init__(self) -> None:
        super().__init__(
            "DOYEN_DATABASE_URL is no URL of a database that can be used: write "
            "postgresql+psycopg://USER:PASSWORD@HOST:5432/NAME or sqlite+pysqlite:////PATH"
        )


class Database:
    """Hands out one transaction at a time. `write` takes SQLite's write lock at its start, so that what was read
    is still true when it writes (a deferred transaction loses updates); `read` never waits for a writer.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = _backend(url) == "sqlite"
        if self.is_sqlite:
            path = make_url(url).database
            if path:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._writer = _sqlite_engine(url, begin="BEGIN IMMEDIATE")
            self._reader = _sqlite_engine(url, begin="BEGIN")
        else:
            self._writer = self._reader = create_engine(
                url,
                pool_pre_ping=True,
                pool_size=5,
                max_overflow=10,
                connect_args={"connect_timeout": 5},
                hide_parameters=True,
            )
            event.listen(self._writer, "handle_error", _hide_details)

    @property
    def engine(self) -> Engine:
        return self._writer

    @contextlib.contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction, committed when the block ends, rolled back when it raises."""
        with _translated(), Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    @contextlib.contextmanager
    def read(self) -> Iterator[Session]:
        with _translated(), Session(self._reader, expire_on_commit=False, autoflush=False) as session:
            yield session

    def ping(self) -> None:
        """Raises DatabaseUnavailable."""
        with self.read() as session:
            session.execute(text("SELECT 1"))

    def close(self) -> None:
        self._writer.dispose()
        self._reader.dispose()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseUnavailable from error
    except OperationalError as error:
        # For SQLite a wrong statement or a missing table is "operational" too.
        if isinstance(error.orig, sqlite3.Error) and error.orig.sqlite_errorcode == sqlite3.SQLITE_ERROR:
            raise
        raise DatabaseUnavailable from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise DatabaseUnavailable from error
        raise


def _hide_details(context: ExceptionContext) -> None:
    """PostgreSQL quotes the value or the row that it refuses, and a row may hold a prompt."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None and error.args:
            told = DETAILS.sub("", str(error.args[0]))
            if isinstance(context.sqlalchemy_exception, DataError):
                told = QUOTED.sub('"..."', told)
            error.args = (told, *error.args[1:])


def _sqlite_engine(url: str, *, begin: str) -> Engine:
    engine = create_engine(
        url,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
        hide_parameters=True,  # an error in the log must not quote prompts or documents
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:  # Any: sqlite3's connection behind SQLAlchemy's wrapper
        connection.isolation_level = None  # the driver must not begin transactions of its own
        for pragma in ("journal_mode=WAL", f"busy_timeout={BUSY_TIMEOUT_MS}", "synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def start(connection: Any) -> None:  # Any: SQLAlchemy types the event's arguments loosely
        connection.exec_driver_sql(begin)

    return engine


def _backend(url: str) -> str:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseUrlInvalid from None
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg"):
        raise DatabaseUrlInvalid
    return parsed.get_backend_name()
