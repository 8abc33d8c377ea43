"""Alembic's environment: the URL comes from the caller's config, or from DOYEN_DATABASE_URL for the alembic command."""

from alembic import context
from sqlalchemy import create_engine, pool

from doyen_platform.database.tables import metadata
from doyen_platform.settings import load_settings

url = context.config.get_main_option("sqlalchemy.url") or load_settings().database()
# Any number that no other program locks on this server: one migration at a time.
ADVISORY_LOCK = 0x646F79656E


def run() -> None:
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        is_postgres = connection.dialect.name == "postgresql"
        if is_postgres:
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({ADVISORY_LOCK})")
            connection.exec_driver_sql("SET lock_timeout = '5s'")
            connection.commit()
        context.configure(
            connection=connection, target_metadata=metadata, render_as_batch=True, compare_server_default=True
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
