from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from holdfast.clock import HandClock
from holdfast.engines.folder import FolderStore
from holdfast.engines.sqlite import SqliteDatabase
from holdfast.ids import AccountId, OrganisationId
from holdfast.kernel.cell import Cell
from holdfast.kernel.hints import Hint
from holdfast.kernel.schema import metadata
from holdfast.kernel.transaction import Tx
from holdfast.kernel.types import Registry
from holdfast.services.directory import people, types


class NoBus:
    """Carries hints to nobody: there is one process."""

    def send(self, hints: list[Hint]) -> None: ...

    def listen(self, heard: Callable[[list[Hint]], None]) -> None: ...

    def close(self) -> None: ...


@pytest.fixture
def clock() -> HandClock:
    return HandClock(datetime(2026, 1, 22, 12, 0, tzinfo=UTC))


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = create_engine(f"sqlite+pysqlite:///{tmp_path / 'cell.sqlite'}")
    metadata.create_all(engine)
    return engine


@pytest.fixture
def cell(tmp_path: Path, clock: HandClock, engine: Engine) -> Iterator[Cell]:
    engine.dispose()
    database = SqliteDatabase(tmp_path / "cell.sqlite")
    cell = Cell(database, Registry(types.TYPES), FolderStore(tmp_path / "blobs"), clock, NoBus())
    cell.write_now(people.found_directory)
    yield cell
    cell.close()


@pytest.fixture
def organisation(cell: Cell) -> OrganisationId:
    def make(tx: Tx) -> OrganisationId:
        organisation = people.add_organisation(tx, "Example")
        people.add_domain(tx, organisation, "example.org")
        return organisation

    return cell.write_now(make)


@pytest.fixture
def alice(cell: Cell, organisation: OrganisationId) -> AccountId:
    return cell.write_now(people.add_account, "alice@example.org", administrator=True)


@pytest.fixture
def bob(cell: Cell, alice: AccountId) -> AccountId:
    return cell.write_now(people.add_account, "bob@example.org")
