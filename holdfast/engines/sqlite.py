"""A cell in one SQLite file: WAL, synchronous=FULL, one writer at a time, many readers.

Several processes of one machine share the file. They take turns to write by a lock file: a process that waits for its
turn sleeps in the kernel, where SQLite's own busy handler would poll.
"""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Table, create_engine, event
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.dml import Insert

from holdfast.ids import AccountId, ObjectId
from holdfast.kernel.database import SearchTable

CACHE_KIB = 16 * 1024
CHECKPOINT_PAGES = 4000
"""Pages in the write-ahead log before they are moved into the file: a longer log means fewer and larger fsyncs."""
KNOWN_WORDS = 100_000
"""Words of the vocabulary that are remembered as written, so that only new ones cost an insert."""


class SqliteDatabase:
    """The database of a cell in a folder; the file and its schema exist already (see migrate.py)."""

    name = "sqlite"

    def __init__(self, file: Path) -> None:
        self.file = file
        self.text = SqliteText()
        self._engine = create_engine(f"sqlite+pysqlite:///{file}", poolclass=NullPool, connect_args={"timeout": 30})
        event.listen(self._engine, "connect", _set_up_connection)
        self._turn = os.open(file.with_suffix(".turn"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def writer(self) -> Connection:
        return self._engine.connect()

    def reader(self) -> Connection:
        connection = self._engine.connect()
        connection.exec_driver_sql("PRAGMA query_only=ON")
        connection.rollback()
        return connection

    @contextmanager
    def turn(self) -> Iterator[None]:
        fcntl.flock(self._turn, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._turn, fcntl.LOCK_UN)

    def begin_write(self, connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def begin_read(self, connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    def rolled_back(self) -> None:
        self.text.forget_known()

    def insert_once(self, table: Table) -> Insert:
        return insert(table).on_conflict_do_nothing()

    def close(self) -> None:
        self._engine.dispose()
        if self._turn >= 0:
            os.close(self._turn)
            self._turn = -1


def _set_up_connection(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by begin_read and begin_write alone
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"cache_size=-{CACHE_KIB}",
        f"wal_autocheckpoint={CHECKPOINT_PAGES}",
        "temp_store=MEMORY",
        "mmap_size=1073741824",
        # Debian's SQLite overwrites whatever is deleted with zeros, which doubles the writing of every queue.
        "secure_delete=FAST",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


_WORD = re.compile(r"[^\W_]+")


class SqliteText:
    """Full text by FTS5 without a copy of the text, and a vocabulary of its own.

    A word is found by any piece of it (IMAP SEARCH means substrings, RFC 3501 §6.4.4): the vocabulary is scanned for
    words that contain the piece, and the index is asked for those words. Rows are numbered account << 32 | object, so
    that one account's rows lie together.
    What a word is, is decided here: FTS5 is given words with spaces between, and told to split at nothing else. Its own
    idea of Unicode is another one than Python's, and a word on which they differ could never be found again.
    gap: the vocabulary is one for the whole cell, so the scan grows with the variety of everybody's mail (about
    10 ms for 100,000 words).
    """

    def __init__(self) -> None:
        self._known: dict[str, set[str]] = {}

    def add(
        self, connection: Connection, table: SearchTable, rows: Sequence[tuple[AccountId, ObjectId, tuple[str, ...]]]
    ) -> None:
        fields = ", ".join(table.fields)
        marks = ", ".join("?" for _ in table.fields)
        words: set[str] = set()
        split = [(account << 32 | id_, *(_split(text, words) for text in texts)) for account, id_, texts in rows]
        connection.exec_driver_sql(f"INSERT INTO {table.name}(rowid, {fields}) VALUES (?, {marks})", split)
        self._learn(connection, table, words)

    def _learn(self, connection: Connection, table: SearchTable, words: set[str]) -> None:
        known = self._known.setdefault(table.name, set())
        words -= known
        if not words:
            return
        connection.exec_driver_sql(
            f"INSERT OR IGNORE INTO {table.name}_words(word) VALUES (?)", [(word,) for word in sorted(words)]
        )
        # Remembered before the commit: should it fail, forget everything rather than miss a word.
        if len(known) + len(words) > KNOWN_WORDS:
            known.clear()
        known |= words

    def forget_known(self) -> None:
        """After a rollback nothing is certain; ask the table again."""
        self._known.clear()

    def remove(
        self, connection: Connection, table: SearchTable, rows: Sequence[tuple[AccountId, ObjectId, tuple[str, ...]]]
    ) -> None:
        fields = ", ".join(table.fields)
        marks = ", ".join("?" for _ in table.fields)
        split = [(account << 32 | id_, *(_split(text, set()) for text in texts)) for account, id_, texts in rows]
        connection.exec_driver_sql(
            f"INSERT INTO {table.name}({table.name}, rowid, {fields}) VALUES ('delete', ?, {marks})", split
        )

    def containing(
        self, connection: Connection, table: SearchTable, account: AccountId, fields: Sequence[str], piece: str
    ) -> set[int]:
        found: list[set[int]] = []
        for part in _words(piece):
            words = connection.exec_driver_sql(
                f"SELECT word FROM {table.name}_words WHERE instr(word, ?)", (part,)
            ).scalars()
            found.append(self._with_words(connection, table, account, fields, words.all()))
        return set.intersection(*found) if found else set()

    def starting(
        self, connection: Connection, table: SearchTable, account: AccountId, fields: Sequence[str], piece: str
    ) -> set[int]:
        found = [self._match(connection, table, account, _among(fields, f'"{part}"*')) for part in _words(piece)]
        return set.intersection(*found) if found else set()

    def _with_words(
        self,
        connection: Connection,
        table: SearchTable,
        account: AccountId,
        fields: Sequence[str],
        words: Sequence[str],
    ) -> set[int]:
        found: set[int] = set()
        for start in range(0, len(words), 100):
            any_of = " OR ".join(f'"{word}"' for word in words[start : start + 100])
            found |= self._match(connection, table, account, _among(fields, f"({any_of})"))
        return found

    def _match(self, connection: Connection, table: SearchTable, account: AccountId, match: str) -> set[int]:
        rows = connection.exec_driver_sql(
            f"SELECT rowid & 4294967295 FROM {table.name} WHERE {table.name} MATCH ? AND rowid BETWEEN ? AND ?",
            (match, account << 32, (account + 1 << 32) - 1),
        )
        return set(rows.scalars())


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFC", text.lower()))


def _split(text: str, learned: set[str]) -> str:
    words = _words(text)
    learned.update(words)
    return " ".join(words)


def _among(fields: Sequence[str], match: str) -> str:
    return "{" + " ".join(fields) + "} : " + match


def search_ddl(table: SearchTable) -> list[str]:
    """The statements that make an index; for migrations."""
    fields = ", ".join(table.fields)
    return [
        f"CREATE VIRTUAL TABLE {table.name} USING fts5("
        f"{fields}, content='', detail=column, tokenize='ascii')",  # everything beyond ASCII is part of a word
        f"CREATE TABLE {table.name}_words (word TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID",
    ]
