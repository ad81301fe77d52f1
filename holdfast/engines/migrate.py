"""From whatever schema a data folder has to the one of this program.

Owns the question how old a schema is and the steps that make it new (migrations/versions, Alembic). Alembic is imported
only when there is a step to take: it costs memory and start time. A step and its number are one commit, so a process that
dies in the middle leaves the schema as it was.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection

from holdfast.engines.sqlite import SqliteDatabase
from holdfast.errors import Unavailable
from holdfast.log import get

CELL = "cell.sqlite"
STEPS = Path(__file__).parent / "migrations"

log = get("engines.migrate")


def open_sqlite(data_dir: Path) -> SqliteDatabase:
    """The cell of a data folder with the schema of this program; made if it is not there.

    Of several processes that come at once, one does the work. Unavailable: schema_refusal says why, or the disk does.
    """
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    refusal = schema_refusal(data_dir)
    if refusal is not None:
        raise Unavailable("database", data_dir / CELL, refusal)
    if schema_of(data_dir) != newest():
        with _alone(data_dir):
            if schema_of(data_dir) != newest():  # nobody did it while we waited
                _migrate(data_dir / CELL)
    return SqliteDatabase(data_dir / CELL)


def schema_refusal(data_dir: Path) -> str | None:
    """Why this program must not touch a data folder, in a sentence; None if it may."""
    try:
        found = schema_of(data_dir)
    except sqlite3.Error as error:
        return f"The database {data_dir / CELL} cannot be read: {error}."
    if found is not None and found > newest():
        return (
            f"The data folder {data_dir} was written by a newer Holdfast (its schema is {found}, this program knows "
            f"{newest()}): start the newer program, or restore a backup from before the upgrade."
        )
    return None


def schema_of(data_dir: Path) -> str | None:
    """The number of the last step that was taken in a data folder; None if there is no schema yet."""
    file = data_dir / CELL
    if not file.exists():
        return None
    with closing(sqlite3.connect(file, timeout=30, isolation_level=None)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return row[0] if row else None


def newest() -> str:
    """The number of the last step that this program knows."""
    return max(file.name.partition("_")[0] for file in (STEPS / "versions").glob("[0-9]*.py"))


@contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    descriptor = os.open(data_dir / "cell.migrating", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _migrate(file: Path) -> None:
    # Made by us first, so that nobody else may read it; SQLite gives the files beside it the same mode.
    os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    database = SqliteDatabase(file)
    try:
        with database.turn(), database.writer() as connection:
            database.begin_write(connection)
            upgrade(connection)
            connection.commit()
    finally:
        database.close()
    log.info("schema migrated", file=str(file), schema=newest())


def upgrade(connection: Connection) -> None:
    """Take every step that is missing, in the transaction that is open."""
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(STEPS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    with EnvironmentContext(
        config, script, fn=lambda revision, _context: script._upgrade_revs("head", revision), destination_rev="head"
    ) as environment:
        environment.configure(connection=connection)
        environment.run_migrations()
