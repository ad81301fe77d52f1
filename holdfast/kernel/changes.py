"""The change log: what changed in an account since a modseq.

JMAP state, IMAP MODSEQ, DAV sync-token and push are all positions in it. Rows are written by transaction.py alone.
RFC 8620 §5.2 (Foo/changes), RFC 7162 §3.1 (MODSEQ).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import func, select

from holdfast.ids import AccountId, ModSeq, ObjectId
from holdfast.kernel.schema import accounts, changes

if TYPE_CHECKING:
    from holdfast.kernel.transaction import ReadTx

CREATED = 1
UPDATED = 2
DESTROYED = 3


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to the objects of one type between two positions; each object is named once."""

    since: ModSeq
    until: ModSeq
    more: bool
    created: list[ObjectId]
    updated: list[ObjectId]
    destroyed: list[ObjectId]


def state(tx: ReadTx, account: AccountId) -> ModSeq:
    """The account's position now; 0 for an account without changes or without existence."""
    return ModSeq(tx.execute(select(accounts.c.modseq).where(accounts.c.id == account)).scalar() or 0)


def type_state(tx: ReadTx, account: AccountId, type_name: str) -> ModSeq:
    """The position of the newest change of one type; 0 if there was none."""
    newest = select(func.max(changes.c.modseq)).where(changes.c.account_id == account, changes.c.type == type_name)
    return ModSeq(tx.execute(newest).scalar() or 0)


def since(tx: ReadTx, account: AccountId, type_name: str, modseq: ModSeq, limit: int = 10_000) -> Changes:
    """All changes of one type after a position, at most `limit` rows, never cutting one modseq in two.

    A created and then destroyed object is not named at all (RFC 8620 §5.2).
    """
    query = (
        select(changes.c.modseq, changes.c.object_id, changes.c.what)
        .where(changes.c.account_id == account, changes.c.type == type_name, changes.c.modseq > modseq)
        .order_by(changes.c.modseq, changes.c.object_id)
        .limit(limit + 1)
    )
    rows = tx.execute(query).all()
    more = len(rows) > limit
    until = ModSeq(rows[-1].modseq) if rows else modseq
    if more:
        whole = [row for row in rows if row.modseq < until]
        # One commit may be larger than the limit; it is still told in one piece.
        rows = whole or list(tx.execute(query.where(changes.c.modseq == until).limit(None)).all())
        until = ModSeq(rows[-1].modseq)
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for _, object_id, what in rows:
        first.setdefault(object_id, what)
        last[object_id] = what
    return Changes(
        since=modseq,
        until=until,
        more=more,
        created=[ObjectId(i) for i, what in last.items() if first[i] == CREATED and what != DESTROYED],
        updated=[ObjectId(i) for i, what in last.items() if first[i] != CREATED and what != DESTROYED],
        destroyed=[ObjectId(i) for i, what in last.items() if first[i] != CREATED and what == DESTROYED],
    )
