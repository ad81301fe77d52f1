"""The intake: the node's own durable store in which every message is before it is anywhere else.

One small SQLite file for each process that takes in, written by that process alone, so that taking in waits for nothing
but this disk: no directory call, no cell, no filter. take_in returns after the fsync; messages that wait at the same
moment share one. Bodies up to SPILL bytes lie in the row, larger ones are streamed to a file beside it and their row is
written when the file is durable. Rows are read in order by whoever sorts them, who keeps his own position; they stay
for a while after that as a safety net (DESIGN §5).
Knows no mail: an envelope is bytes to it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from holdfast.clock import Clock
from holdfast.errors import Unavailable
from holdfast.ids import BlobId
from holdfast.log import get
from holdfast.metrics import counter, seconds

SPILL = 256 * 1024
"""Bytes of a body up to which it is kept in memory and in the row."""
BATCH = 512
"""Messages that share one fsync at most."""

log = get("kernel.intake")
TAKEN = counter("intake_taken", "Messages taken in durably")
FAILED = counter("intake_failed", "Messages that could not be made durable and were refused")
COMMIT_S = seconds("intake_commit", "From the start of an intake transaction to its fsync")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS taken (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,          -- ms since 1970
  envelope BLOB NOT NULL,
  size INTEGER NOT NULL,
  digest BLOB NOT NULL,         -- SHA-256 of the body
  body BLOB,                    -- NULL: in the file
  file TEXT                     -- name of the body's file, relative to the folder
);
CREATE INDEX IF NOT EXISTS taken_at ON taken(at);
"""
_INSERT = "INSERT INTO taken(at, envelope, size, digest, body, file) VALUES (?, ?, ?, ?, ?, ?)"


class Taken(msgspec.Struct, frozen=True):
    """One message as it was taken in. Either body or file is set."""

    seq: int
    at: int
    envelope: bytes
    size: int
    digest: BlobId
    body: bytes | None
    file: Path | None

    def content(self) -> bytes:
        """The whole body; reads the file of a large one."""
        if self.body is not None:
            return self.body
        assert self.file is not None
        return self.file.read_bytes()


class Body:
    """A body while it arrives: in memory up to SPILL bytes, in a file beyond. One task at a time may use it."""

    __slots__ = (
        "_busy",
        "_chunks",
        "_digest",
        "_file",
        "_gone",
        "_handed_over",
        "_intake",
        "_name",
        "_waiting",
        "size",
    )

    def __init__(self, intake: Intake, first: bytes = b"") -> None:
        self._intake = intake
        self._chunks: list[bytes] = [first] if first else []
        self._waiting = len(first)
        self._digest: hashlib._Hash | None = None
        self._file: int | None = None
        self._name: str | None = None
        self._busy = threading.Lock()  # held while a thread writes the file
        self._gone = False
        self._handed_over = False
        self.size = len(first)

    def add(self, chunk: bytes) -> bool:
        """Take the next piece; answers True when spill() is due before the next one."""
        self._chunks.append(chunk)
        self._waiting += len(chunk)
        self.size += len(chunk)
        return self._waiting > SPILL

    async def spill(self) -> None:
        """Move what is in memory to the file, in a thread. Unavailable: the disk does not take it.

        If the waiter is cancelled the thread still ends its piece; discard() is right at any moment.
        """
        try:
            await asyncio.get_running_loop().run_in_executor(None, self._spill)
        except OSError as error:
            raise Unavailable("intake", why=f"the body cannot be written: {error.strerror}") from error

    def _spill(self) -> None:
        with self._busy:
            if not self._gone:
                self._write_piece()
        if self._gone:
            self._remove()  # discarded while we wrote

    def _write_piece(self) -> None:
        if self._file is None:
            self._name = f"{self._intake.name}.{os.urandom(12).hex()}"
            self._file = os.open(self._intake.large / self._name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._digest = hashlib.sha256()
        assert self._digest is not None
        piece = b"".join(self._chunks)
        self._chunks.clear()
        self._waiting = 0
        self._digest.update(piece)
        view = memoryview(piece)
        while view:
            view = view[os.write(self._file, view) :]

    def _finish(self) -> tuple[int, bytes, bytes | None, str | None]:
        """Make the body durable, as far as it is in a file; answers the row's values. In the writing thread."""
        if self._file is None:
            body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
            return self.size, hashlib.sha256(body).digest(), body, None
        self._write_piece()
        os.fsync(self._file)
        os.close(self._file)
        self._file = None
        assert self._digest is not None
        return self.size, self._digest.digest(), None, self._name

    def discard(self) -> None:
        """Forget a body that was not handed to take_in; quiet if it was, or if there is nothing to forget."""
        if not self._handed_over:
            self._drop()

    def hand_over(self) -> None:
        """From now on it is the intake's alone, whatever becomes of who waits for the answer."""
        self._handed_over = True

    def _drop(self) -> None:
        self._gone = True
        self._remove()

    def _remove(self) -> None:
        # While a thread writes, the descriptor is its own (another file may get the number); it comes here after.
        if not self._busy.acquire(blocking=False):
            return
        try:
            self._chunks.clear()
            if self._file is not None:
                os.close(self._file)
                self._file = None
            if self._name is not None:
                (self._intake.large / self._name).unlink(missing_ok=True)
                self._name = None
        finally:
            self._busy.release()

    def taken(self) -> None:
        """It is in the row, or its file belongs to the row."""
        self._name = None
        self._chunks.clear()


class _Waiting(msgspec.Struct):
    envelope: bytes
    body: Body
    future: asyncio.Future[int]
    error: Exception | None = None
    seq: int = 0


class Intake:
    """The intake that this process writes. name tells the intakes of one folder apart and never changes hands."""

    def __init__(self, folder: Path, name: str, clock: Clock, poke: Callable[[], None]) -> None:
        self.name = name
        self.folder = folder
        self.large = folder / "large"
        self.large.mkdir(parents=True, exist_ok=True)
        self._clock = clock
        self._poke = poke  # wakes whoever sorts
        self._file = folder / f"{name}.sqlite"
        self._queue: queue.SimpleQueue[_Waiting | Callable[[sqlite3.Connection], None] | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._closed = False
        _connect(self._file).close()
        self._thread = threading.Thread(target=self._write_forever, name="intake-writer", daemon=True)
        self._thread.start()

    def body(self, first: bytes = b"") -> Body:
        """A place for a new body; first: what stands before what the peer sends (trace headers)."""
        return Body(self, first)

    def take_in(self, envelope: bytes, body: Body) -> asyncio.Future[int]:
        """Make a message durable; the future answers its number after the fsync.

        Unavailable: it is not durable and nothing of it is kept.
        """
        if self._closed:
            body.discard()
            raise Unavailable("intake", why="this process is stopping")
        body.hand_over()
        future: asyncio.Future[int] = self._loop.create_future()
        self._queue.put(_Waiting(envelope, body, future))
        return future

    def sweep(self, until_seq: int, before_ms: int, limit: int = 2000) -> None:
        """Forget messages that were sorted (seq <= until_seq) and taken before a time; a few at a time."""

        def run(connection: sqlite3.Connection) -> None:
            where = "seq <= ? AND at < ?"
            rows = connection.execute(
                f"SELECT seq, file FROM taken WHERE {where} ORDER BY seq LIMIT ?", (until_seq, before_ms, limit)
            ).fetchall()
            if rows:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("DELETE FROM taken WHERE seq <= ? AND at < ?", (rows[-1][0], before_ms))
                connection.execute("COMMIT")
            for _, name in rows:
                if name:
                    (self.large / name).unlink(missing_ok=True)

        self._queue.put(run)

    def clear_strays(self) -> None:
        """Remove large bodies that no row names: their sender never got an answer. Call before taking in."""
        connection = _connect(self._file)
        named = {name for (name,) in connection.execute("SELECT file FROM taken WHERE file IS NOT NULL")}
        connection.close()
        for file in self.large.glob(f"{self.name}.*"):
            if file.name not in named:
                file.unlink(missing_ok=True)

    def close(self) -> None:
        """Finish what waits. Call on the event loop's thread, as take_in."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join()

    # -- the writing thread ---------------------------------------------------------------------------------------

    def _write_forever(self) -> None:
        connection = _connect(self._file)
        stopping = False
        while not stopping:
            item = self._queue.get()
            batch: list[_Waiting] = []
            while True:
                if item is None:
                    stopping = True
                elif isinstance(item, _Waiting):
                    batch.append(item)
                else:
                    self._tidy(connection, item)
                if stopping or len(batch) >= BATCH:
                    break
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            if batch:
                self._commit(connection, batch)
        connection.close()

    def _tidy(self, connection: sqlite3.Connection, run: Callable[[sqlite3.Connection], None]) -> None:
        try:
            run(connection)
        except (sqlite3.Error, OSError) as error:
            _roll_back(connection)
            log.warning("intake not swept", intake=self.name, why=str(error))

    def _commit(self, connection: sqlite3.Connection, batch: list[_Waiting]) -> None:
        started = self._clock.monotonic_s()
        now = self._clock.now_ms()
        try:
            rows = self._rows(batch, now)
            connection.execute("BEGIN IMMEDIATE")
            for waiting, row in rows:
                waiting.seq = connection.execute(_INSERT, row).lastrowid or 0
            connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            _roll_back(connection)
            for waiting in batch:
                waiting.error = waiting.error or Unavailable("intake", why=str(error))
            log.error("intake does not take", intake=self.name, why=str(error))
        COMMIT_S.observe(self._clock.monotonic_s() - started)
        try:
            self._loop.call_soon_threadsafe(self._answer, batch)
        except RuntimeError:  # the loop is closed, so nobody waits; what was committed will be sorted
            return

    def _rows(self, batch: list[_Waiting], now: int) -> list[tuple[_Waiting, tuple[object, ...]]]:
        rows: list[tuple[_Waiting, tuple[object, ...]]] = []
        large = False
        for waiting in batch:
            try:
                size, digest, body, name = waiting.body._finish()
            except OSError as error:
                waiting.error = Unavailable("intake", why=f"the body cannot be written: {error.strerror}")
                continue
            large = large or name is not None
            rows.append((waiting, (now, waiting.envelope, size, digest, body, name)))
        if large:
            _sync_folder(self.large)
        return rows

    def _answer(self, batch: Sequence[_Waiting]) -> None:
        for waiting in batch:
            if waiting.error is None:
                TAKEN.inc()
                waiting.body.taken()
                if not waiting.future.done():
                    waiting.future.set_result(waiting.seq)
            else:
                FAILED.inc()
                waiting.body._drop()
                if not waiting.future.done():
                    waiting.future.set_exception(waiting.error)
        self._poke()


class IntakeReader:
    """Reads one intake, in order, from any process; made for one thread."""

    def __init__(self, file: Path) -> None:
        self.name = file.stem
        self._large = file.parent / "large"
        self._connection = _connect(file)

    def after(self, seq: int, limit: int, *, size_bytes: int = 8 << 20) -> list[Taken]:
        """The next messages after a number, at most `limit` and about `size_bytes` of bodies."""
        taken: list[Taken] = []
        size = 0
        query = "SELECT seq, at, envelope, size, digest, body, file FROM taken WHERE seq > ? ORDER BY seq LIMIT ?"
        for row in self._connection.execute(query, (seq, limit)):
            taken.append(self._taken(row))
            size += row[3]
            if size >= size_bytes:
                break
        return taken

    def get(self, seq: int) -> Taken | None:
        """One message by its number, if it is still kept."""
        query = "SELECT seq, at, envelope, size, digest, body, file FROM taken WHERE seq = ?"
        row = self._connection.execute(query, (seq,)).fetchone()
        return self._taken(row) if row else None

    def newest(self) -> int:
        """The highest number given so far; 0 if none was."""
        # Not max(seq): after a sweep of everything there is none, and the numbers go on.
        row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'taken'").fetchone()
        return int(row[0]) if row else 0

    def _taken(self, row: tuple[int, int, bytes, int, bytes, bytes | None, str | None]) -> Taken:
        seq, at, envelope, size, digest, body, name = row
        return Taken(seq, at, envelope, size, BlobId(digest), body, self._large / name if name else None)

    def close(self) -> None:
        self._connection.close()


def intakes(folder: Path) -> list[Path]:
    """The files of all intakes of a folder, in order of name."""
    return sorted(folder.glob("*.sqlite"))


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=30, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL").close()
    connection.execute("PRAGMA synchronous=FULL").close()
    connection.execute("PRAGMA wal_autocheckpoint=4000").close()
    connection.execute("PRAGMA secure_delete=FAST").close()
    connection.executescript(_SCHEMA)
    return connection


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
