"""Followers: work that reads the change log behind everybody's back, from a durable cursor.

A follower sees each change of its types at least once and in each account's order; a lost hint costs delay, never a
change. What it writes and its cursor are one commit, so for what stays in the cell it is exactly once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
from sqlalchemy import and_, func, select

from holdfast.errors import Unavailable
from holdfast.ids import AccountId, ModSeq
from holdfast.kernel import changes
from holdfast.kernel.cell import Cell
from holdfast.kernel.changes import Changes
from holdfast.kernel.schema import accounts, cursors
from holdfast.kernel.transaction import ReadTx, Tx
from holdfast.log import get

POLL_S = 5.0
log = get("kernel.followers")


class Follower(msgspec.Struct, frozen=True):
    """One follower: its durable name, the type it follows, and what it does with changes, in the same commit."""

    name: str
    type_name: str
    handle: Callable[[Tx, AccountId, Changes], None]


def behind(tx: ReadTx, follower: str, limit: int = 100) -> list[AccountId]:
    """Accounts that changed since the follower's cursor in them."""
    own = and_(cursors.c.account_id == accounts.c.id, cursors.c.follower == follower)
    query = (
        select(accounts.c.id)
        .select_from(accounts.outerjoin(cursors, own))
        .where(accounts.c.modseq > func.coalesce(cursors.c.modseq, 0))
        .order_by(accounts.c.id)
        .limit(limit)
    )
    return [AccountId(id_) for id_ in tx.execute(query).scalars()]


def advance(tx: Tx, follower: Follower, account: AccountId) -> bool:
    """Handle the next changes of one account and move the cursor; answers whether more are waiting."""
    where = (cursors.c.account_id == account, cursors.c.follower == follower.name)
    known = tx.execute(select(cursors.c.modseq).where(*where)).scalar()
    now = changes.state(tx, account)
    news = changes.since(tx, account, follower.type_name, ModSeq(known or 0))
    if news.created or news.updated or news.destroyed:
        follower.handle(tx, account, news)
    position = news.until if news.more else now
    if known is None:
        tx.execute(cursors.insert(), {"account_id": account, "follower": follower.name, "modseq": position})
    else:
        tx.execute(cursors.update().where(*where).values(modseq=position))
    return news.more


async def follow(cell: Cell, follower: Follower, woken: asyncio.Event) -> None:
    """Follow for ever. woken is set by hints; without one the log is read every POLL_S seconds."""
    while True:
        woken.clear()
        try:
            waiting = await cell.read(behind, follower.name)
            for account in waiting:
                while await cell.write(advance, follower, account):
                    pass
        except Unavailable as error:
            log.warning("follower waits", follower=follower.name, why=str(error))
            waiting = []
        if waiting:
            continue
        try:
            async with asyncio.timeout(POLL_S):
                await woken.wait()
        except TimeoutError:
            continue
