"""Runs the Alembic migrations. Called by `doyen migrate` and by the embedded start, never at import."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from doyen_platform.database.transactions import Database


def migrations_path() -> Path:
    """In a wheel the migrations lie inside this package; in a checkout, at the top of the repository."""
    packaged = Path(__file__).with_name("_migrations")
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "migrations"


def alembic_config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_path()))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def upgrade(database: Database, revision: str = "head") -> None:
    command.upgrade(alembic_config(database.url), revision)


def downgrade(database: Database, revision: str) -> None:
    command.downgrade(alembic_config(database.url), revision)


def is_current(database: Database) -> bool:
    """True when the database stands at this program's newest revision."""
    newest = ScriptDirectory.from_config(alembic_config(database.url)).get_current_head()
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == newest
