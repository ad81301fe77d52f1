"""A cell in a temporary folder with one account, and messages to file without parsing any."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast.clock import SystemClock
from holdfast.engines.datagrams import DatagramBus
from holdfast.engines.folder import FolderStore
from holdfast.engines.sqlite import SqliteDatabase, search_ddl
from holdfast.ids import AccountId, OrganisationId
from holdfast.kernel import accounts, blobs
from holdfast.kernel.cell import Cell
from holdfast.kernel.schema import metadata
from holdfast.kernel.transaction import Tx
from holdfast.kernel.types import Registry
from holdfast.services.mail import mailboxes
from holdfast.services.mail.filing import Message
from holdfast.services.mail.shapes import Shape
from holdfast.services.mail.tables import SEARCH
from holdfast.services.mail.types import TYPES
from holdfast.services.mail.verify import verify


@pytest.fixture
def cell(tmp_path: Path) -> Iterator[Cell]:
    """An empty cell; whatever a test wrote is verified in the end."""
    database = SqliteDatabase(tmp_path / "cell.sqlite")
    connection = database.writer()
    metadata.create_all(connection)
    for statement in search_ddl(SEARCH):
        connection.exec_driver_sql(statement)
    connection.commit()
    connection.close()
    made = Cell(
        database, Registry(TYPES), FolderStore(tmp_path / "blobs"), SystemClock(), DatagramBus(tmp_path / "run")
    )
    yield made
    findings = made.read_now(lambda tx: list(verify(tx, made.blobs, deep=True)))
    made.close()
    assert findings == []


@pytest.fixture
def alice(cell: Cell) -> AccountId:
    return cell.write_now(open_person, "alice@example.org")


def open_person(tx: Tx, name: str) -> AccountId:
    account = accounts.open_account(tx, OrganisationId(1), "person", name)
    mailboxes.provide(tx, account)
    return account


@pytest.fixture
def message(cell: Cell) -> Callable[..., Message]:
    """Makes a message with the words given; nothing of it is parsed."""

    def make(
        subject: str = "Hello", body: str = "words", *, message_id: str = "", refs: tuple[int, ...] = ()
    ) -> Message:
        data = f"Subject: {subject}\r\nMessage-ID: {message_id}\r\n\r\n{body}\r\n".encode()
        shape = Shape(
            version=1,
            header_size=data.index(b"\r\n\r\n") + 4,
            headers=data[: data.index(b"\r\n\r\n") + 4],
            envelope=b"()",
            structure=b"()",
            parts=b"",
            preview=body[:256],
            defects="",
            message_id=message_id,
            refs=list(refs),
            subject=subject,
            base_subject=subject,
            from_sort="",
            to_sort="",
            sent_at=None,
            has_attachment=False,
            texts=(subject, "", "", body, ""),
        )
        return Message(blobs.prepare(cell.blobs, data), shape)

    return make
