"""The sorter: reads the intakes of this node and has their messages sorted, in order, many in one commit.

Owns reading, computing shapes (in a thread, before the writer's turn) and what happens when a message cannot be sorted:
it is set aside, those behind it go on, and it is tried again. A wake-up is a hint; the positions are the truth.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from holdfast.errors import Unavailable
from holdfast.ids import BlobId
from holdfast.kernel import blobs
from holdfast.kernel.blobs import BlobStore
from holdfast.kernel.cell import Cell
from holdfast.kernel.intake import IntakeReader, Taken, intakes
from holdfast.log import get
from holdfast.metrics import counter, gauge, seconds
from holdfast.services.mail import envelope, sorting
from holdfast.services.mail.filing import Message
from holdfast.services.mail.routes import Resolve
from holdfast.services.mail.shapes import shape
from holdfast.services.mail.sorting import House, Item

BATCH = 64
"""Messages in one commit at most: larger batches gain little and make a mailbox wait."""
POLL_S = 1.0
ASIDE_FIRST_MS = 60_000
ASIDE_EVERY_MS = 15 * 60_000

log = get("app.sorter")
SORTED = counter("sorted", "Messages sorted from the intake")
ASIDE = counter("sorting_set_aside", "Messages that could not be sorted at once")
BATCH_S = seconds("sorting_batch", "From reading a batch of the intake to its commit")
BEHIND = gauge("intake_unsorted", "Messages in the intake that are not sorted yet", ["intake"])


class Sorter:
    """Sorts all intakes of a folder for ever."""

    def __init__(self, cell: Cell, folder: Path, hostname: str, resolve: Resolve) -> None:
        self._cell = cell
        self._folder = folder
        self._house = House(hostname, resolve, self._make_notice)
        self._readers: dict[str, IntakeReader] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sorter")
        self.woken = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled; what is in the middle of a commit then is committed."""
        while True:
            self.woken.clear()
            try:
                found = await self._sort_all()
                await self._try_aside()
            except Unavailable as error:
                log.warning("sorting waits", why=str(error))
                await asyncio.sleep(POLL_S)
                continue
            if found:
                continue
            try:
                async with asyncio.timeout(POLL_S):
                    await self.woken.wait()
            except TimeoutError:
                continue

    async def _sort_all(self) -> bool:
        found = False
        for file in await asyncio.to_thread(intakes, self._folder):
            reader = self._readers.get(file.stem)
            if reader is None:
                reader = self._readers[file.stem] = IntakeReader(file)
            at = await self._cell.read(sorting.position, reader.name)
            while taken := await self._in_thread(reader, at):
                found = True
                items, at = taken
                await self._sort(reader.name, items, at)
                if len(items) < BATCH:
                    break
        return found

    async def _in_thread(self, reader: IntakeReader, at: int) -> tuple[list[Item], int] | None:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._read, reader, at)

    def _read(self, reader: IntakeReader, at: int) -> tuple[list[Item], int] | None:
        taken = reader.after(at, BATCH)
        if not taken:
            return None
        return [item_of(self._cell.blobs, reader.name, one) for one in taken], taken[-1].seq

    async def _sort(self, intake: str, items: list[Item], until: int) -> None:
        started = time.monotonic()
        try:
            await self._cell.write(sorting.sort, self._house, items, intake=intake, until=until)
        except Unavailable:
            raise
        except Exception as error:
            log.error("batch not sorted, going one by one", intake=intake, until=until, exc_info=error)
            await self._one_by_one(intake, items)
        SORTED.inc(len(items))
        took_s = time.monotonic() - started
        BATCH_S.observe(took_s)
        log.debug("sorted", intake=intake, until=until, messages=len(items), took_s=round(took_s, 4))

    async def _one_by_one(self, intake: str, items: Iterable[Item]) -> None:
        for item in items:
            seq = int(item.source.rpartition("/")[2])
            try:
                await self._cell.write(sorting.sort, self._house, [item], intake=intake, until=seq)
            except Unavailable:
                raise
            except Exception as error:
                ASIDE.inc()
                log.error("message set aside", source=item.source, exc_info=error)
                due_at = self._cell.clock.now_ms() + ASIDE_FIRST_MS
                why = f"{type(error).__name__}: {error}"
                await self._cell.write(sorting.set_aside, item.source, why, intake=intake, until=seq, due_at=due_at)

    async def _try_aside(self) -> None:
        now = self._cell.clock.now_ms()
        for source in await self._cell.read(sorting.put_aside, now):
            intake, _, number = source.rpartition("/")
            reader = self._readers.get(intake)
            taken = reader.get(int(number)) if reader else None
            if taken is None:
                log.error("a message that was set aside is not in its intake", source=source)
                continue
            try:
                item = item_of(self._cell.blobs, intake, taken)
                await self._cell.write(sorting.sort_again, self._house, item)
                log.info("sorted at last", source=source)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 - it stays aside
                why = f"{type(error).__name__}: {error}"
                await self._cell.write(sorting.try_later, source, why, due_at=now + ASIDE_EVERY_MS)

    def _make_notice(self, data: bytes) -> Message:
        return make_message(self._cell.blobs, data)


def item_of(store: BlobStore, intake: str, taken: Taken) -> Item:
    """A message of an intake, read and with its shape computed. Blocks; for a thread."""
    packed = envelope.unpack(taken.envelope)
    data = taken.content()
    content = blobs.Content(BlobId(taken.digest), taken.size, taken.body)
    if taken.file is not None:
        content = blobs.prepare_file(store, BlobId(taken.digest), taken.size, taken.file)
    computed = shape(data)
    return Item(
        source=sorting.source_of(intake, taken.seq),
        at=taken.at,
        envelope=packed,
        message=Message(content, computed),
        headers=data[: computed.header_size],
        own_headers=packed.own_headers,
    )


def make_message(store: BlobStore, data: bytes) -> Message:
    """A message ready to be filed. Blocks."""
    return Message(blobs.prepare(store, data), shape(data))
