"""The house's smallest service, for tests of what all services stand on: a thing has a name, and may name a blob."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from sqlalchemy import BigInteger, Column, MetaData, String, Table, select

from holdfast.clock import Clock
from holdfast.engines.folder import FolderStore
from holdfast.engines.migrate import CELL, open_sqlite
from holdfast.engines.sqlite import search_ddl
from holdfast.ids import AccountId, ObjectId, OrganisationId
from holdfast.kernel.accounts import open_account
from holdfast.kernel.cell import Cell
from holdfast.kernel.database import Database, SearchTable
from holdfast.kernel.hints import Bus, Hint
from holdfast.kernel.transaction import ReadTx, Tx
from holdfast.kernel.types import ObjectType, Registry

metadata = MetaData()
things = Table(
    "things",
    metadata,
    Column("account_id", BigInteger, primary_key=True),
    Column("id", BigInteger, primary_key=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("blob_no", BigInteger, nullable=False, server_default="0"),
    Column("modseq", BigInteger, nullable=False),
)
notes = Table("notes", metadata, Column("text", String(255), primary_key=True))  # a side table, of no type


class Thing(msgspec.Struct, frozen=True):
    id: ObjectId
    name: str


THING = ObjectType("Thing", Thing, things, blob_columns=("blob_no",), counted=True)
HEAP = ObjectType("Heap", Thing)
SEARCH = SearchTable("search_things", ("title", "body"))
ENGINES = ("sqlite",)


class NoBus:
    """Carries hints to nobody."""

    def send(self, hints: list[Hint]) -> None: ...

    def listen(self, heard: Callable[[list[Hint]], None]) -> None: ...

    def close(self) -> None: ...


def open_engine(engine: str, folder: Path) -> Database:
    """The database of a folder that prepare made."""
    assert engine == "sqlite"
    return open_sqlite(folder)


def prepare(engine: str, folder: Path, template: Path) -> None:
    """Make an empty cell with the tables above. template: a folder that keeps one for the next."""
    assert engine == "sqlite"
    folder.mkdir(exist_ok=True)
    if not (template / CELL).exists():
        database = open_sqlite(template)
        with database.turn(), database.writer() as connection:
            database.begin_write(connection)
            metadata.create_all(connection)
            for statement in search_ddl(SEARCH):
                connection.exec_driver_sql(statement)
            connection.commit()
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()
    shutil.copyfile(template / CELL, folder / CELL)


def open_cell(database: Database, folder: Path, clock: Clock, bus: Bus | None = None) -> Cell:
    return Cell(database, Registry((THING, HEAP)), FolderStore(folder / "blobs"), clock, bus or NoBus())


def add_account(tx: Tx, name: str, quota_bytes: int | None = None, quota_objects: int | None = None) -> AccountId:
    return open_account(tx, OrganisationId(1), "person", name, quota_bytes=quota_bytes, quota_objects=quota_objects)


def add(tx: Tx, account: AccountId, *names: str) -> list[ObjectId]:
    """Make things; answers their ids."""
    ids = [ObjectId(id_) for id_ in tx.new_ids(account, len(names))]
    tx.create(THING, account, [{"id": id_, "name": name} for id_, name in zip(ids, names, strict=True)])
    return ids


def rename(tx: Tx, account: AccountId, id_: ObjectId, name: str) -> None:
    tx.update(THING, account, [id_], {"name": name})


def remove(tx: Tx, account: AccountId, *ids: ObjectId) -> None:
    tx.destroy(THING, account, ids)


def all_of(tx: ReadTx, account: AccountId) -> dict[ObjectId, str]:
    """Every thing of an account."""
    rows = tx.execute(select(things.c.id, things.c.name).where(things.c.account_id == account).order_by(things.c.id))
    return {ObjectId(id_): name for id_, name in rows}


def some_of(tx: ReadTx, account: AccountId, ids: Sequence[ObjectId]) -> dict[ObjectId, str]:
    """Some things of an account, as far as they are there."""
    rows = tx.execute(select(things.c.id, things.c.name).where(things.c.account_id == account, things.c.id.in_(ids)))
    return {ObjectId(id_): name for id_, name in rows}
