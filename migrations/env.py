"""Alembic's environment: the URL comes from the caller's config, or from DOYEN_DATABASE_URL for the alembic command."""

from typing import Any

from alembic import context
from sqlalchemy import Connection, Engine, create_engine, event, make_url, pool

from doyen_platform.database.tables import metadata
from doyen_platform.settings import load_settings

url = context.config.get_main_option("sqlalchemy.url") or load_settings().database()
# Any number that no other program locks on this server: one migration at a time.
ADVISORY_LOCK = 0x646F79656E
SQLITE_WAIT_SECONDS = 60


def engine_of(url: str) -> Engine:
    """On SQLite everything is one transaction that waits for another migration, and that a kill leaves undone.

    Foreign keys stay off there: a batch operation drops and makes tables anew.
    """
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(url, poolclass=pool.NullPool)
    engine = create_engine(url, poolclass=pool.NullPool, connect_args={"timeout": SQLITE_WAIT_SECONDS})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:  # Any: sqlite3's connection behind SQLAlchemy's wrapper
        connection.isolation_level = None  # the driver would commit before each change of the schema

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def run() -> None:
    engine = engine_of(url)
    with engine.connect() as connection:
        is_postgres = connection.dialect.name == "postgresql"
        if is_postgres:
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({ADVISORY_LOCK})")
            connection.exec_driver_sql("SET lock_timeout = '5s'")
            connection.commit()
        context.configure(
            connection=connection,
            target_metadata=metadata,
            render_as_batch=True,
            compare_server_default=True,
            transactional_ddl=True,
        )
        try:
            with context.begin_transaction():
                context.run_migrations()
        finally:
            if is_postgres:
                connection.rollback()
                connection.exec_driver_sql(f"SELECT pg_advisory_unlock({ADVISORY_LOCK})")
                connection.commit()
    engine.dispose()


if context.is_offline_mode():
    context.configure(url=url, target_metadata=metadata, literal_binds=True, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    run()
