from __future__ import annotations

import importlib
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine

from holdfast.engines import migrate
from holdfast.engines.migrate import CELL, newest, open_sqlite, schema_of, schema_refusal
from holdfast.engines.sqlite import search_ddl
from holdfast.errors import Unavailable
from holdfast.kernel.database import SearchTable
from holdfast.kernel.schema import metadata

SERVICES = Path(migrate.__file__).parent.parent / "services"
AGAIN = "run scripts/regenerate-first-migration"


def declared() -> list[SearchTable]:
    """Import the tables of every service; answers their full-text indexes."""
    modules = [
        importlib.import_module(f"holdfast.services.{file.parent.name}.tables") for file in SERVICES.glob("*/tables.py")
    ]
    return [value for module in modules for value in vars(module).values() if isinstance(value, SearchTable)]


def of_full_text(name: str) -> bool:
    return any(name == table.name or name.startswith(f"{table.name}_") for table in declared())


def statements(connection: Connection) -> dict[str, str]:
    """How each table and index was made."""
    rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {name: sql for name, sql in rows if not name.startswith("sqlite_")}


def test_the_migrated_schema_is_the_declared_one(tmp_path: Path) -> None:
    search = declared()
    with open_sqlite(tmp_path).writer() as connection:
        differences = [
            difference
            for difference in compare_metadata(MigrationContext.configure(connection), metadata)
            if not (difference[0] == "remove_table" and of_full_text(difference[1].name))
        ]
        assert differences == [], AGAIN
        migrated = statements(connection)
    with create_engine("sqlite://").connect() as connection:
        metadata.create_all(connection)
        for table in search:
            for statement in search_ddl(table):
                connection.exec_driver_sql(statement)
        wanted = statements(connection)
    migrated.pop("alembic_version")
    assert migrated.keys() == wanted.keys(), AGAIN
    for name, statement in wanted.items():
        for word in ("WITHOUT ROWID", "AUTOINCREMENT", "fts5", "tokenize"):
            assert (word in statement) == (word in migrated[name]), f"{name}: {AGAIN}"


def test_a_second_start_takes_no_step_and_does_not_load_alembic(tmp_path: Path) -> None:
    open_sqlite(tmp_path).close()
    program = (
        "import sys; from pathlib import Path; from holdfast.engines.migrate import open_sqlite;"
        "open_sqlite(Path(sys.argv[1])).close(); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_only_its_owner_may_read_a_cell(tmp_path: Path) -> None:
    data = tmp_path / "data"
    open_sqlite(data).close()
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / CELL).stat().st_mode) == 0o600


def test_many_that_start_at_once_make_one_schema(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        for database in pool.map(lambda _: open_sqlite(tmp_path), range(4)):
            database.close()
    assert schema_of(tmp_path) == newest()


def test_a_newer_schema_is_refused_in_a_sentence(tmp_path: Path) -> None:
    assert schema_refusal(tmp_path) is None
    open_sqlite(tmp_path).close()
    assert schema_refusal(tmp_path) is None
    with closing(sqlite3.connect(tmp_path / CELL)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    refusal = schema_refusal(tmp_path)
    assert refusal is not None and "newer Holdfast" in refusal and "9999" in refusal
    with pytest.raises(Unavailable, match="newer Holdfast"):
        open_sqlite(tmp_path)


def test_a_file_that_is_no_database_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / CELL).write_bytes(b"hello " * 1000)
    refusal = schema_refusal(tmp_path)
    assert refusal is not None and "cannot be read" in refusal
    assert (tmp_path / CELL).read_bytes() == b"hello " * 1000


def test_a_migration_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite+pysqlite:///{tmp_path / CELL}", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        migrate.upgrade(connection)
        connection.exec_driver_sql("ROLLBACK")
    engine.dispose()
    assert schema_of(tmp_path) is None
    open_sqlite(tmp_path).close()
    assert schema_of(tmp_path) == newest()
