"""Hints: after the commit only, merged, and what is lost is made up for. Watch first, read second."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from holdfast.clock import HandClock
from holdfast.engines.datagrams import DatagramBus
from holdfast.errors import Invalid
from holdfast.ids import AccountId, ModSeq
from holdfast.kernel import changes
from holdfast.kernel.cell import Cell
from holdfast.kernel.hints import Hint, Hub
from holdfast.kernel.transaction import ReadTx, Tx

from .things import HEAP, add, add_account, all_of, open_cell, open_engine, remove, rename, some_of


class Ear:
    """A bus that only remembers what it was given, and what was committed by then."""

    def __init__(self) -> None:
        self.sent: list[Hint] = []

    def send(self, hints: list[Hint]) -> None:
        self.sent.extend(hints)

    def listen(self, heard: Callable[[list[Hint]], None]) -> None: ...

    def close(self) -> None: ...


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def told(engine: str, folder: Path, clock: HandClock, ear: Ear) -> Iterator[Cell]:
    cell = open_cell(open_engine(engine, folder), folder, clock, ear)
    yield cell
    cell.close()


def test_a_hint_says_which_account_which_types_and_where_it_is_now(told: Cell, ear: Ear) -> None:
    account = told.write_now(add_account, "alice@example.org")

    def write(tx: Tx) -> None:
        [id_] = add(tx, account, "one")
        tx.note(HEAP, account, created=[id_])

    told.write_now(write)
    assert ear.sent == [Hint(account, ModSeq(1), frozenset({"Thing", "Heap"}))]


def test_a_write_that_failed_gives_no_hint(told: Cell, ear: Ear) -> None:
    account = told.write_now(add_account, "alice@example.org")

    def fail(tx: Tx) -> None:
        add(tx, account, "one")
        raise Invalid("thing")

    with suppress(Invalid):
        told.write_now(fail)
    assert ear.sent == []


def test_a_hint_comes_after_the_commit(cell: Cell, account: AccountId) -> None:
    async def run() -> None:
        await cell.start()
        with cell.hub.watch(account) as hints:
            writing = asyncio.ensure_future(cell.write(add, account, "one"))
            hint = await hints.next()
            assert await cell.read(changes.state, account) >= hint.modseq
            await writing

    asyncio.run(run())


def test_hints_that_wait_are_merged(cell: Cell, account: AccountId) -> None:
    async def run() -> None:
        await cell.start()
        with cell.hub.watch(account) as hints:
            for number in range(20):
                await cell.write(add, account, f"thing {number}")
            assert (await hints.next()).modseq == 20
            assert hints.take() is None

    asyncio.run(run())


def test_a_watcher_hears_of_its_own_account_only(cell: Cell, account: AccountId, other: AccountId) -> None:
    async def run() -> None:
        await cell.start()
        with cell.hub.watch(account) as hints:
            await cell.write(add, other, "one")
            assert hints.take() is None

    asyncio.run(run())


def test_a_lost_hint_is_made_up_for() -> None:
    hub = Hub()
    account = AccountId(1)
    with hub.watch(account) as watch:
        hub.publish([Hint(account, ModSeq(3), frozenset({"Thing"}))])
        watch.take()
        assert hub.heal([(account, ModSeq(3))]) == 0
        assert watch.take() is None
        assert hub.heal([(account, ModSeq(5))]) == 1
        hint = watch.take()
        assert hint is not None and hint.modseq == 5
        assert hub.heal([(account, ModSeq(5))]) == 0
    assert hub.watched() == []


def test_a_new_watcher_is_healed_without_being_counted() -> None:
    hub = Hub()
    account = AccountId(1)
    with hub.watch(account) as watch:
        assert hub.heal([(account, ModSeq(5))]) == 0
        assert watch.take() is not None, "a hint may have been lost between its reading and now"


def test_a_hint_that_never_came_is_found_in_the_log(
    cell: Cell, account: AccountId, engine: str, folder: Path, clock: HandClock
) -> None:
    async def run() -> None:
        deaf = open_cell(open_engine(engine, folder), folder, clock)  # no bus reaches it
        await deaf.start()
        with deaf.hub.watch(account) as hints:
            await cell.write(add, account, "one")
            assert hints.take() is None
            await deaf.heal()
            assert (await hints.next()).modseq == 1
            await deaf.heal()
            assert hints.take() is None
        await asyncio.to_thread(deaf.close)

    asyncio.run(run())


async def follow(cell: Cell, account: AccountId, copy: dict[int, str], target: asyncio.Future[ModSeq]) -> None:
    """Keep a copy equal to an account: watch first, read second, then apply what the log says at each hint."""
    with cell.hub.watch(account) as hints:
        position, now = await cell.read(lambda tx: (changes.state(tx, account), all_of(tx, account)))
        copy.update(now)
        while not (target.done() and position >= target.result()):
            await hints.next()
            position = await cell.read(apply, account, position, copy)


def apply(tx: ReadTx, account: AccountId, position: ModSeq, copy: dict[int, str]) -> ModSeq:
    told = changes.since(tx, account, "Thing", position)
    for id_ in told.destroyed:
        del copy[id_]
    copy.update(some_of(tx, account, [*told.created, *told.updated]))
    return changes.state(tx, account)


@pytest.mark.parametrize("seed", range(3))
def test_watchers_that_apply_changes_end_equal(
    cell: Cell, account: AccountId, engine: str, folder: Path, clock: HandClock, tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)

    async def run() -> None:
        async with asyncio.timeout(20):
            # The second cell stands for another process: what it writes reaches the first by datagrams alone.
            near = open_cell(open_engine(engine, folder), folder, clock, DatagramBus(tmp_path / "bus"))
            far = open_cell(open_engine(engine, folder), folder, clock, DatagramBus(tmp_path / "bus"))
            await near.start()
            await far.start()
            target: asyncio.Future[ModSeq] = asyncio.get_running_loop().create_future()
            copies: list[dict[int, str]] = [{} for _ in range(4)]
            async with asyncio.TaskGroup() as group:
                watching = []
                for number in range(60):
                    if number % 15 == 0:  # watchers come while writers write
                        copy = copies[number // 15]
                        watching.append(group.create_task(follow(near, account, copy, target)))
                    await (near, far)[dice.randrange(2)].write(scramble, account, dice.random(), str(number))
                # Done is known before the last change is, so that every watcher looks once more.
                last = await near.read(changes.state, account)
                target.set_result(ModSeq(last + 1))
                await far.write(add, account, "the last")
            for copy in copies:
                assert copy == near.read_now(all_of, account)
            await asyncio.to_thread(near.close)
            await asyncio.to_thread(far.close)

    asyncio.run(run())


def scramble(tx: Tx, account: AccountId, dice: float, fresh: str) -> None:
    there = list(all_of(tx, account))
    if not there or dice < 0.5:
        add(tx, account, fresh)
    elif dice < 0.75:
        rename(tx, account, there[int(dice * 1000) % len(there)], fresh)
    else:
        remove(tx, account, there[int(dice * 1000) % len(there)])
