"""Events: the life of a message, told in the commit that makes it true; what `holdfast trace` reads."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import delete, or_, select

from holdfast.ids import AccountId
from holdfast.kernel.transaction import ReadTx, Tx
from holdfast.services.mail.tables import events

KEPT_DAYS = 30


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a message for one recipient. at: ms since 1970."""

    account_id: AccountId
    source: str
    at: int
    what: str
    recipient: str
    message_id: str
    detail: str


_INSERT = events.insert()


def tell(tx: Tx, told: Sequence[Event]) -> None:
    """Write events."""
    if told:
        tx.execute(_INSERT, [msgspec.structs.asdict(event) for event in told])


def trace(tx: ReadTx, wanted: str, limit: int = 1000) -> list[Event]:
    """Everything known of messages by Message-ID, by recipient's address or by source, oldest first.

    With an address: its newest events and all else that is known of those messages.
    """
    bare = wanted.strip().strip("<>")
    forms = [bare, f"<{bare}>"]
    direct = (
        select(events.c.source)
        .where(or_(events.c.message_id.in_(forms), events.c.recipient == bare, events.c.source == bare))
        .order_by(events.c.id.desc())
        .limit(limit)
    )
    sources = list(dict.fromkeys(tx.execute(direct).scalars()))[:100]
    if not sources:
        return []
    query = select(*_COLUMNS).where(events.c.source.in_(sources)).order_by(events.c.id).limit(limit)
    return [Event(**row._mapping) for row in tx.execute(query)]


def forget(tx: Tx, before_ms: int, limit: int = 5000) -> int:
    """Remove old events, a few at a time; answers how many."""
    old = select(events.c.id).where(events.c.at < before_ms).order_by(events.c.at).limit(limit)
    return int(tx.execute(delete(events).where(events.c.id.in_(old))).rowcount)


_COLUMNS = [events.c[name] for name in Event.__struct_fields__]
