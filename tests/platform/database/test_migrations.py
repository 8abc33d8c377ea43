"""The schema goes up and down on both databases, alone or in a crowd, from a checkout or a wheel."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from doyen_platform.database.migrations import alembic_config, downgrade, is_current, migrations_path, upgrade
from doyen_platform.database.tables import metadata
from doyen_platform.database.transactions import Database

REPOSITORY = Path(__file__).parents[3]
ADVISORY_LOCK = 0x646F79656E


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(database_url)
    yield made
    made.close()


def tables(database: Database) -> set[str]:
    return set(inspect(database.engine).get_table_names())


def migrate(url: str, *arguments: str, data_dir: Path) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DOYEN_")}
    environment |= {"DOYEN_DATABASE_URL": url, "DOYEN_DATA_DIR": str(data_dir)}
    main = "from doyen_platform.cli.root import main; main()"
    program = [sys.executable, "-c", main, "migrate", *arguments]
    return subprocess.Popen(
        program, env=environment, cwd=data_dir, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finished(process: subprocess.Popen[str]) -> str:
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, output + errors
    return output


def test_there_is_exactly_one_head() -> None:
    assert len(ScriptDirectory(str(migrations_path())).get_heads()) == 1


def test_the_schema_is_that_of_the_models_and_goes_down_to_nothing_and_up_again(database: Database) -> None:
    assert not is_current(database)
    upgrade(database)
    assert is_current(database)
    assert tables(database) == set(metadata.tables) | {"alembic_version"}
    command.check(alembic_config(database.url))
    downgrade(database, "base")
    assert tables(database) <= {"alembic_version"}
    assert not is_current(database)
    upgrade(database)
    upgrade(database)
    assert is_current(database)
    command.check(alembic_config(database.url))


def test_check_would_see_a_difference(database: Database) -> None:
    upgrade(database)
    with database.write() as session:
        session.execute(text("ALTER TABLE tenants DROP COLUMN title"))
    with pytest.raises(Exception, match="New upgrade operations detected"):
        command.check(alembic_config(database.url))


def test_several_processes_at_once_all_succeed(database: Database, tmp_path: Path) -> None:
    processes = [migrate(database.url, data_dir=tmp_path) for _ in range(3)]
    for process in processes:
        finished(process)
    assert is_current(database)
    command.check(alembic_config(database.url))


def test_a_migration_waits_for_another_one(postgres_url: str, tmp_path: Path) -> None:
    database = Database(postgres_url)
    with database.engine.connect() as holder:
        holder.execute(text(f"SELECT pg_advisory_lock({ADVISORY_LOCK})"))
        process = migrate(postgres_url, data_dir=tmp_path)
        time.sleep(2)
        assert process.poll() is None
        assert tables(database) == set()
        holder.execute(text(f"SELECT pg_advisory_unlock({ADVISORY_LOCK})"))
        finished(process)
    assert is_current(database)
    with database.read() as session:
        # Of this database only: the server may be at other work, too.
        left = text(
            "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database "
            "WHERE locktype = 'advisory' AND datname = current_database()"
        )
        assert session.execute(left).scalar_one() == 0
    database.close()


KILLED = """
import os, signal, sys
from sqlalchemy import Engine, event
from doyen_platform.database.migrations import upgrade
from doyen_platform.database.transactions import Database

@event.listens_for(Engine, "before_cursor_execute")
def kill(connection, cursor, statement, *_):
    if "CREATE TABLE keys" in statement:
        os.kill(os.getpid(), signal.SIGKILL)

upgrade(Database(sys.argv[1]))
"""


def test_a_migration_that_is_killed_half_way_leaves_nothing_and_can_be_done_again(database: Database) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, database.url], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    upgrade(database)
    assert is_current(database)
    command.check(alembic_config(database.url))


def test_data_survives_an_upgrade_of_a_current_database(database: Database) -> None:
    upgrade(database)
    with database.write() as session:
        session.execute(
            text("INSERT INTO tenants (id, title, prompt_storage, created_at) VALUES ('t', 'T', 'hash', :now)"),
            {"now": "2026-03-01 00:00:00"},
        )
    upgrade(database)
    with database.read() as session:
        assert session.execute(text("SELECT title FROM tenants")).scalar_one() == "T"


def test_the_command_goes_up_and_down(database: Database, tmp_path: Path) -> None:
    assert json.loads(finished(migrate(database.url, "--json", data_dir=tmp_path))) == {"revision": "head"}
    assert is_current(database)
    finished(migrate(database.url, "base", "--down", data_dir=tmp_path))
    assert tables(database) <= {"alembic_version"}


def test_the_alembic_command_reads_a_url_with_a_percent_sign() -> None:
    assert alembic_config("postgresql://u:p%40ss@h/d").get_main_option("sqlalchemy.url") == "postgresql://u:p%40ss@h/d"


@pytest.mark.slow
def test_an_installed_wheel_holds_the_four_parts_and_migrates(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="building a wheel needs hatchling")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        archive.extractall(tmp_path / "installed")
    parts = ("doyen_platform", "doyen_workers", "doyen_experts", "doyen_router")
    for part in parts:
        assert {f"{part}/__init__.py", f"{part}/py.typed"} <= held
    assert "doyen_platform/database/_migrations/env.py" in held
    assert any(name.startswith("doyen_platform/database/_migrations/versions/0001") for name in held)
    tops = {name.split("/")[0] for name in held}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(parts)
    assert not [name for name in held if "__pycache__" in name or "test" in Path(name).parts]

    program = (
        "import sys; sys.path[:0] = [sys.argv[1]]\n"
        "from doyen_platform.database import migrations\n"
        "from doyen_platform.database.transactions import Database\n"
        "assert migrations.__file__.startswith(sys.argv[1]), migrations.__file__\n"
        "assert str(migrations.migrations_path()).startswith(sys.argv[1])\n"
        "database = Database(sys.argv[2]); migrations.upgrade(database); assert migrations.is_current(database)\n"
    )
    url = f"sqlite+pysqlite:///{tmp_path}/doyen.db"
    command_line = [sys.executable, "-c", program, str(tmp_path / "installed"), url]
    done = subprocess.run(command_line, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
