"""A cell: one database and this process's way to it.

Writing is group commit: writes that wait are run in one transaction, each in a savepoint of its own, and one commit
(one fsync) settles them all; a write that fails is rolled back alone. Reading is a snapshot in a reader thread.
After the commit, and only then, waiters are answered and hints go out.
Leaves what differs between databases to engines/, and what a write may do to transaction.py.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import msgspec
from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from holdfast.clock import Clock
from holdfast.errors import Unavailable
from holdfast.ids import AccountId, ModSeq
from holdfast.kernel.blobs import BlobStore
from holdfast.kernel.database import Database
from holdfast.kernel.hints import Bus, Hint, Hub
from holdfast.kernel.schema import accounts
from holdfast.kernel.transaction import ReadTx, Tx
from holdfast.kernel.types import Registry
from holdfast.log import get
from holdfast.metrics import counter, seconds

P = ParamSpec("P")
T = TypeVar("T")

BATCH = 256
"""Writes in one transaction at most: bounds how long the first of them waits for the last."""
READERS = 4
HEAL_S = 5.0
"""How often what watchers were told is compared with the change log: the longest delay that a lost hint costs."""

log = get("kernel.cell")
COMMITS = counter("cell_commits", "Transactions committed by this process")
WRITES = counter("cell_writes", "Writes settled, by outcome", ["outcome"])
COMMIT_S = seconds("cell_commit", "From the start of a write transaction to its commit")
LOST_HINTS = counter("cell_lost_hints", "Hints that never came and were made up for from the change log")


class _Write(msgspec.Struct):
    """One queued write: what to run, and how to answer."""

    run: Callable[[Tx], Any]
    future: asyncio.Future[Any] | Future[Any]
    loop: asyncio.AbstractEventLoop | None  # None: a thread waits
    result: Any = None
    error: BaseException | None = None


class Cell:
    """The one way to read and write; made once for each process."""

    def __init__(self, database: Database, registry: Registry, blobs: BlobStore, clock: Clock, bus: Bus) -> None:
        self.database = database
        self.registry = registry
        self.blobs = blobs
        self.clock = clock
        self.hub = Hub()
        self._bus = bus
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="cell-reader")
        self._local = threading.local()
        self._connections: list[Connection] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._healer: asyncio.Task[None] | None = None
        self._starting = threading.Lock()
        self._closed = False

    # -- for people who wait on an event loop ---------------------------------------------------------------------

    async def start(self) -> None:
        """Listen for hints of other processes; call once, on the event loop that will watch."""
        self._loop = asyncio.get_running_loop()
        self._bus.listen(self.hub.publish)
        self._healer = asyncio.create_task(self._heal_forever())

    async def write(self, fn: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run fn(tx, ...) and answer its result once it is committed.

        Whatever fn raises comes back, and then nothing of it was done. Unavailable: the database could not commit.
        If the waiter is cancelled the write may still happen.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._put(_Write(lambda tx: fn(tx, *args, **kwargs), future, loop))
        return await future

    async def read(self, fn: Callable[Concatenate[ReadTx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run fn(tx, ...) on a snapshot in a reader thread. Unavailable: the database cannot be read."""
        self._refuse_if_closed()
        return await asyncio.get_running_loop().run_in_executor(
            self._readers, lambda: self.read_now(fn, *args, **kwargs)
        )

    # -- for threads and the command line -------------------------------------------------------------------------

    def write_now(self, fn: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As write, for a thread that may wait."""
        future: Future[T] = Future()
        self._put(_Write(lambda tx: fn(tx, *args, **kwargs), future, None))
        return future.result()

    def read_now(self, fn: Callable[Concatenate[ReadTx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As read, in the calling thread."""
        try:
            connection = self._reader()
            try:
                self.database.begin_read(connection)
                return fn(ReadTx(connection, self.database), *args, **kwargs)
            finally:
                connection.rollback()
        except DBAPIError as error:
            raise _unavailable(error) from error

    def close(self) -> None:
        """Finish the queued writes, then let go of the database."""
        with self._starting:  # so that no write is queued behind the last word
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        if self._healer is not None:
            self._healer.cancel()
        if self._thread is not None:
            self._thread.join()
        self._readers.shutdown()
        for connection in self._connections:
            connection.close()
        self._bus.close()
        self.database.close()

    # -- the writing thread ---------------------------------------------------------------------------------------

    def _put(self, write: _Write) -> None:
        with self._starting:
            self._refuse_if_closed()
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_forever, name="cell-writer", daemon=True)
                self._thread.start()
            self._queue.put(write)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise Unavailable("database", why="this process is stopping")

    def _write_forever(self) -> None:
        connection: Connection | None = None
        stopping = False
        while not stopping:
            first = self._queue.get()
            if first is None:
                break
            batch = [first]
            hints: list[Hint] = []
            try:
                with self.database.turn():
                    # What queued up while this process waited for its turn goes into the same commit.
                    stopping = self._drain_into(batch)
                    connection = connection or self.database.writer()
                    hints = self._commit(connection, batch)
            except (DBAPIError, OSError) as error:  # no connection, or no turn: the next batch tries again
                _fail(batch, Unavailable("database", why=str(error)))
            if hints:
                self._bus.send(hints)
            self._answer(batch, hints)
        if connection is not None:
            connection.close()

    def _drain_into(self, batch: list[_Write]) -> bool:
        while len(batch) < BATCH:
            try:
                write = self._queue.get_nowait()
            except queue.Empty:
                return False
            if write is None:
                return True
            batch.append(write)
        return False

    def _commit(self, connection: Connection, batch: list[_Write]) -> list[Hint]:
        """Run a batch to its end: afterwards each write has its result or its error."""
        started = self.clock.monotonic_s()
        hints: list[Hint] = []
        run = self._run_alone if len(batch) == 1 else self._run
        try:
            self.database.begin_write(connection)
            for write in batch:
                run(connection, write, hints)
            connection.commit()
        except BaseException as error:
            self._roll_back(connection)
            problem = next(
                (write.error for write in batch if isinstance(write.error, Unavailable)), _unavailable(error)
            )
            if not isinstance(problem, Unavailable):
                log.error("commit failed", exc_info=error)
            _fail(batch, problem)
            return []
        COMMITS.inc()
        COMMIT_S.observe(self.clock.monotonic_s() - started)
        return _merged(hints)

    def _run_alone(self, connection: Connection, write: _Write, hints: list[Hint]) -> None:
        tx = Tx(connection, self.database, self.registry, self.clock.now_ms())
        try:
            write.result = write.run(tx)
            hints.extend(tx.settle())
        except BaseException as error:  # noqa: BLE001 - the waiter gets it
            write.error = _unavailable(error)
            self._roll_back(connection)

    def _run(self, connection: Connection, write: _Write, hints: list[Hint]) -> None:
        tx = Tx(connection, self.database, self.registry, self.clock.now_ms())
        connection.exec_driver_sql("SAVEPOINT one")
        try:
            write.result = write.run(tx)
            told = tx.settle()
        except BaseException as error:  # noqa: BLE001 - the waiter gets it
            write.error = _unavailable(error)
            # Where the disk failed, SQLite has rolled back everything; then this raises and the whole batch fails.
            connection.exec_driver_sql("ROLLBACK TO SAVEPOINT one")
            self.database.rolled_back()
        else:
            hints.extend(told)
        connection.exec_driver_sql("RELEASE SAVEPOINT one")

    def _roll_back(self, connection: Connection) -> None:
        self.database.rolled_back()
        try:
            connection.rollback()
        except DBAPIError as error:
            log.error("rollback failed", why=str(error.orig))

    def _answer(self, batch: list[_Write], hints: list[Hint]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[_Write]] = {}
        for write in batch:
            WRITES.labels("failed" if write.error else "done").inc()
            if write.loop is None:
                _settle(write)
            else:
                by_loop.setdefault(write.loop, []).append(write)
        if hints and self._loop is not None:
            by_loop.setdefault(self._loop, [])
        for loop, writes in by_loop.items():
            told = hints if loop is self._loop else []
            try:
                loop.call_soon_threadsafe(self._tell, writes, told)
            except RuntimeError:  # that loop is closed: nobody is left to tell
                continue

    def _tell(self, writes: list[_Write], hints: list[Hint]) -> None:
        for write in writes:
            _settle(write)
        self.hub.publish(hints)

    # -- reading and healing --------------------------------------------------------------------------------------

    def _reader(self) -> Connection:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self.database.reader()
            self._connections.append(connection)
        return cast(Connection, connection)

    async def _heal_forever(self) -> None:
        while True:
            await asyncio.sleep(HEAL_S)
            try:
                await self.heal()
            except Unavailable as error:
                log.warning("cannot compare hints with the change log", why=str(error))

    async def heal(self) -> None:
        """A hint may be lost; what it said may not. Ask the log for the accounts that are watched here."""
        watched = self.hub.watched()
        for start in range(0, len(watched), 500):
            LOST_HINTS.inc(self.hub.heal(await self.read(_positions, watched[start : start + 500])))


def _positions(tx: ReadTx, accounts_: list[AccountId]) -> list[tuple[AccountId, ModSeq]]:
    rows = tx.execute(select(accounts.c.id, accounts.c.modseq).where(accounts.c.id.in_(accounts_)))
    return [(AccountId(id_), ModSeq(modseq)) for id_, modseq in rows]


def _merged(hints: list[Hint]) -> list[Hint]:
    if len(hints) < 2:
        return hints
    by_account: dict[AccountId, Hint] = {}
    for hint in hints:
        known = by_account.get(hint.account)
        by_account[hint.account] = known.merged(hint) if known else hint
    return list(by_account.values())


def _settle(write: _Write) -> None:
    if write.future.done():  # the waiter was cancelled
        return
    if write.error is not None:
        write.future.set_exception(write.error)
    else:
        write.future.set_result(write.result)


def _fail(batch: list[_Write], problem: BaseException) -> None:
    for write in batch:
        write.error = write.error or problem


def _unavailable(error: BaseException) -> BaseException:
    """A database that does not do its part is a refusal; a statement that is wrong stays a bug."""
    if isinstance(error, DBAPIError) and type(error).__name__ in ("OperationalError", "InternalError"):
        return Unavailable("database", why=str(error.orig))
    return error
