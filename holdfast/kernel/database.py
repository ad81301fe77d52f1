"""The port behind which databases differ; engines/ implements it.

A database gives connections, one writer's turn at a time, and the few statements whose words differ between engines.
Both engines pass tests/contracts.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec
from sqlalchemy import Connection, Table
from sqlalchemy.sql.dml import Insert

from holdfast.ids import AccountId, ObjectId


class SearchTable(msgspec.Struct, frozen=True):
    """A full-text index: its name and its fields, in the order of the texts that are added."""

    name: str
    fields: tuple[str, ...]


class TextIndex(Protocol):
    """Full text of one database. Words are runs of letters and digits, in lower case and composed (NFC).

    A piece that is more than one word once it is folded is found where all of them are.
    """

    def add(
        self, connection: Connection, table: SearchTable, rows: Sequence[tuple[AccountId, ObjectId, tuple[str, ...]]]
    ) -> None:
        """Index the texts of objects that were not indexed before, one text for each field."""
        ...

    def remove(
        self, connection: Connection, table: SearchTable, rows: Sequence[tuple[AccountId, ObjectId, tuple[str, ...]]]
    ) -> None:
        """Take objects out again; the texts are those that were added."""
        ...

    def containing(
        self, connection: Connection, table: SearchTable, account: AccountId, fields: Sequence[str], piece: str
    ) -> set[int]:
        """Objects in which some word of one of the fields contains `piece` (one run of letters and digits)."""
        ...

    def starting(
        self, connection: Connection, table: SearchTable, account: AccountId, fields: Sequence[str], piece: str
    ) -> set[int]:
        """Objects in which some word of one of the fields begins with `piece`."""
        ...


class Database(Protocol):
    """One cell's database."""

    name: str
    text: TextIndex

    def writer(self) -> Connection:
        """A connection for the one writing thread of this process; the caller closes it."""
        ...

    def reader(self) -> Connection:
        """A connection for one reading thread; the caller closes it."""
        ...

    def turn(self) -> AbstractContextManager[None]:
        """Waits until this process may write; nobody polls."""
        ...

    def begin_write(self, connection: Connection) -> None:
        """Start a transaction that may write."""
        ...

    def begin_read(self, connection: Connection) -> None:
        """Start a snapshot."""
        ...

    def rolled_back(self) -> None:
        """Something that was written in this process is not there after all: forget what was remembered of it."""
        ...

    def insert_once(self, table: Table) -> Insert:
        """An insert that passes over rows whose key is there already."""
        ...

    def close(self) -> None:
        """Let go of every connection."""
        ...
