"""Followers: every change is handled, once for what stays in the cell, however often the follower dies."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import insert, select

from holdfast.ids import AccountId
from holdfast.kernel.cell import Cell
from holdfast.kernel.changes import Changes
from holdfast.kernel.followers import Follower, advance, behind, follow
from holdfast.kernel.transaction import ReadTx, Tx

from .things import add, all_of, notes, rename


class Scribe:
    """Writes down what it is told, one note for each object; dies when it is told to."""

    def __init__(self) -> None:
        self.dies_at: set[int] = set()
        self.told = 0
        self.wrote = lambda told: None

    def handle(self, tx: Tx, account: AccountId, news: Changes) -> None:
        for id_ in (*news.created, *news.updated):
            # A second time would break the table's key: this is how the test sees "exactly once".
            tx.execute(insert(notes).values(text=f"{account}/{id_}"))
            self.told += 1
            self.wrote(self.told)
            if self.told in self.dies_at:
                raise RuntimeError("the follower dies")

    def follower(self) -> Follower:
        return Follower("scribe", "Thing", self.handle)


def noted(tx: ReadTx) -> set[str]:
    return set(tx.execute(select(notes.c.text)).scalars())


def drain(cell: Cell, follower: Follower) -> None:
    for account in cell.read_now(behind, follower.name):
        while cell.write_now(advance, follower, account):
            pass


def test_a_follower_that_dies_in_the_middle_handles_each_change_once(
    cell: Cell, account: AccountId, other: AccountId
) -> None:
    scribe = Scribe()
    scribe.dies_at = {2, 5}
    for mine, names in ((account, "abc"), (other, "de"), (account, "f")):
        cell.write_now(add, mine, *names)
    deaths = 0
    while cell.read_now(behind, "scribe"):
        try:
            drain(cell, scribe.follower())
        except RuntimeError:
            deaths += 1
    assert deaths == 2
    wanted = {f"{mine}/{id_}" for mine in (account, other) for id_ in cell.read_now(all_of, mine)}
    assert cell.read_now(noted) == wanted


def test_a_follower_is_behind_only_where_something_happened(cell: Cell, account: AccountId, other: AccountId) -> None:
    scribe = Scribe()
    cell.write_now(add, account, "one")
    assert cell.read_now(behind, "scribe") == [account]
    drain(cell, scribe.follower())
    assert cell.read_now(behind, "scribe") == []
    cell.write_now(add, other, "two")
    assert cell.read_now(behind, "scribe") == [other]
    assert cell.read_now(behind, "another") == [account, other]


def test_a_follower_may_write_what_it_follows_without_end_in_sight(cell: Cell, account: AccountId) -> None:
    def settle(tx: Tx, mine: AccountId, news: Changes) -> None:
        for id_ in news.created:
            rename(tx, mine, id_, f"seen {id_}")

    follower = Follower("settler", "Thing", settle)
    [id_] = cell.write_now(add, account, "one")
    for _ in range(3):
        drain(cell, follower)
    assert cell.read_now(all_of, account) == {id_: f"seen {id_}"}
    assert cell.read_now(behind, "settler") == []


def test_following_for_ever_is_woken_by_hints(cell: Cell, account: AccountId) -> None:
    scribe = Scribe()

    async def run() -> None:
        async with asyncio.timeout(10):
            await cell.start()
            woken, enough = asyncio.Event(), asyncio.Event()
            loop = asyncio.get_running_loop()
            scribe.wrote = lambda told: told == 5 and loop.call_soon_threadsafe(enough.set)
            following = asyncio.ensure_future(follow(cell, scribe.follower(), woken))
            with cell.hub.watch(account) as hints:
                for number in range(5):
                    await cell.write(add, account, f"thing {number}")
                    await hints.next()
                    woken.set()
            await enough.wait()
            following.cancel()
            with pytest.raises(asyncio.CancelledError):
                await following

    asyncio.run(run())
