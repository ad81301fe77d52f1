from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from holdfast.clock import HandClock
from holdfast.ids import AccountId
from holdfast.kernel.cell import Cell
from holdfast.kernel.database import Database

from .things import ENGINES, add_account, open_cell, open_engine, prepare


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("templates")


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """The name of each database engine; what passes here for one must pass for all."""
    return str(request.param)


@pytest.fixture
def folder(engine: str, tmp_path: Path, templates: Path) -> Path:
    """A data folder with an empty cell."""
    prepare(engine, tmp_path / "data", templates / engine)
    return tmp_path / "data"


@pytest.fixture
def database(engine: str, folder: Path) -> Database:
    return open_engine(engine, folder)


@pytest.fixture
def clock() -> HandClock:
    return HandClock(datetime(2026, 1, 22, 12, 0, tzinfo=UTC))


@pytest.fixture
def cell(database: Database, folder: Path, clock: HandClock) -> Iterator[Cell]:
    cell = open_cell(database, folder, clock)
    yield cell
    cell.close()


@pytest.fixture
def account(cell: Cell) -> AccountId:
    return cell.write_now(add_account, "alice@example.org")


@pytest.fixture
def other(cell: Cell, account: AccountId) -> AccountId:
    return cell.write_now(add_account, "bob@example.org")
