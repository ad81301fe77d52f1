"""Outgoing parcels: one message for one outside recipient, until it is delivered, bounced or deleted.

Owns the rows, the leases, holds and suspended destinations, and what a try's outcome does to a parcel (schedule.py
decides when it is tried again). Leaves carrying to doors/smtp/courier.py. The row is the truth: a try is written down
before it is made, a parcel outlives whoever carries it. RFC 5321 §4.5.4.1, RFC 3461 §6.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, delete, func, select, update

from holdfast.errors import NotFound
from holdfast.ids import AccountId, BlobNo
from holdfast.kernel.transaction import ReadTx, Tx
from holdfast.services.mail import dsn, events
from holdfast.services.mail.envelope import domain_of
from holdfast.services.mail.events import Event
from holdfast.services.mail.schedule import MAX_AGE_MS, Again, GiveUp, after_failure
from holdfast.services.mail.tables import destinations, parcels

LEASE_MS = 15 * 60_000
"""Longer than a courier may take for one try."""
FOREVER_MS = 1 << 52


class Options(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the sender wished for this recipient. RFC 3461 §4, RFC 6531, RFC 6152."""

    notify: str = ""
    orcpt: str = ""
    ret: str = ""
    envid: str = ""
    smtputf8: bool = False
    body_8bit: bool = False


class NewParcel(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel to be. source and recipient together are its key: the same pair is taken once."""

    account: AccountId
    source: str
    blob_no: BlobNo
    skip_bytes: int
    sender: str
    recipient: str
    options: Options
    message_id: str
    size: int


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel as it waits. attempts: tries that were begun; every *_at is ms since 1970."""

    id: int
    account_id: AccountId
    source: str
    blob_no: BlobNo
    skip_bytes: int
    sender: str
    recipient: str
    domain: str
    options: Options
    message_id: str
    size: int
    created_at: int
    expires_at: int
    due_at: int
    attempts: int
    held: bool
    delay_told: bool
    lease_until: int
    last_answer: str


class Delivered(msgspec.Struct, frozen=True):
    """The next server has taken responsibility. told_by: whether it sends DSNs itself (RFC 3461 §5.2.2)."""

    answer: str
    remote: str
    relays_dsn: bool


class Failed(msgspec.Struct, frozen=True):
    """It did not go. permanent: trying again will not help. status: RFC 3463; remote: who answered, "" if nobody did."""

    permanent: bool
    status: str
    answer: str
    remote: str = ""


Outcome = Delivered | Failed


class Suspended(msgspec.Struct, frozen=True):
    """A destination that nothing is sent to for now. until: ms since 1970, FOREVER_MS: until somebody resumes it."""

    domain: str
    until: int
    why: str


class Notice(msgspec.Struct, frozen=True):
    """A report that the sender must get, in the same write. See sorting.deliver_notice."""

    kind: dsn.Kind
    parcel: Parcel
    report: dsn.Report


def post(tx: Tx, new: Sequence[NewParcel]) -> None:
    """Leave parcels for the couriers, due at once."""
    if not new:
        return
    rows = [
        {
            "account_id": parcel.account,
            "source": parcel.source,
            "blob_no": parcel.blob_no,
            "skip_bytes": parcel.skip_bytes,
            "sender": parcel.sender,
            "recipient": parcel.recipient,
            "domain": domain_of(parcel.recipient),
            "options": msgspec.msgpack.encode(parcel.options),
            "message_id": parcel.message_id,
            "size": parcel.size,
            "created_at": tx.now_ms,
            "expires_at": tx.now_ms + MAX_AGE_MS,
            "due_at": tx.now_ms,
        }
        for parcel in new
    ]
    tx.execute(tx.database.insert_once(parcels), rows)


def claim(tx: Tx, owner: str, limit: int, *, per_domain: int, not_domains: Sequence[str] = ()) -> list[Parcel]:
    """Take due parcels under a lease and count the try, the longest due first.

    At most per_domain for one domain, so that one slow destination does not fill the couriers' hands.
    """
    suspended = select(destinations.c.domain).where(destinations.c.suspended_until > tx.now_ms)
    free = (
        parcels.c.held.is_(False),
        parcels.c.due_at <= tx.now_ms,
        parcels.c.lease_until <= tx.now_ms,
        parcels.c.domain.not_in(suspended),
    )
    rank = func.row_number().over(partition_by=parcels.c.domain, order_by=(parcels.c.due_at, parcels.c.id))
    due = select(parcels.c.id, parcels.c.due_at, rank.label("rank")).where(*free)
    if not_domains:
        due = due.where(parcels.c.domain.not_in(not_domains))
    few = due.order_by(parcels.c.due_at, parcels.c.id).limit(10_000).subquery()
    chosen = select(few.c.id).where(few.c.rank <= per_domain).order_by(few.c.due_at, few.c.id).limit(limit)
    ids = list(tx.execute(chosen).scalars())
    if not ids:
        return []
    taken = {"lease_until": tx.now_ms + LEASE_MS, "owner": owner, "attempts": parcels.c.attempts + 1}
    tx.execute(update(parcels).where(parcels.c.id.in_(ids)).values(**taken))
    return _parcels(tx, parcels.c.id.in_(ids), len(ids))


def next_due(tx: ReadTx, not_domains: Sequence[str] = ()) -> int | None:
    """When the next parcel can be tried; None if nothing waits."""
    query = select(func.min(parcels.c.due_at)).where(parcels.c.held.is_(False), parcels.c.lease_until == 0)
    if not_domains:
        query = query.where(parcels.c.domain.not_in(not_domains))
    return tx.execute(query).scalar()


def settle(tx: Tx, owner: str, parcel: Parcel, outcome: Outcome, *, dice: float) -> Notice | None:
    """Write down how a try ended; answers the report that its sender is owed. A lost lease changes nothing."""
    mine = (parcels.c.id == parcel.id, parcels.c.owner == owner, parcels.c.lease_until != 0)
    if tx.execute(select(parcels.c.id).where(*mine)).scalar() is None:
        return None
    match outcome:
        case Delivered(answer, remote, relays_dsn):
            tx.execute(delete(parcels).where(*mine))
            _tell(tx, parcel, "sent", f"{remote} said: {answer}")
            if relays_dsn or not dsn.wants(parcel.options.notify, "SUCCESS"):
                return None
            return _notice(dsn.Kind.RELAYED, parcel, "2.0.0", answer, remote)
        case Failed(permanent=True):
            return _give_up(tx, parcel, outcome, outcome.answer)
        case Failed():
            decided = after_failure(
                now_ms=tx.now_ms,
                created_at=parcel.created_at,
                expires_at=parcel.expires_at,
                attempts=parcel.attempts,
                delay_told=parcel.delay_told,
                dice=dice,
            )
            if isinstance(decided, GiveUp):
                return _give_up(tx, parcel, outcome, f"{decided.why}; the last answer was: {outcome.answer}")
            return _later(tx, parcel, outcome, decided)


def give_back(tx: Tx, owner: str, parcel: Parcel) -> None:
    """A try that was not made after all: the parcel is free again and the try is not counted."""
    mine = (parcels.c.id == parcel.id, parcels.c.owner == owner)
    free = {"lease_until": 0, "owner": "", "attempts": parcels.c.attempts - 1}
    tx.execute(update(parcels).where(*mine).values(**free))


def _later(tx: Tx, parcel: Parcel, failed: Failed, again: Again) -> Notice | None:
    tell = again.tell_delay and bool(parcel.sender) and dsn.wants(parcel.options.notify, "DELAY")
    values = {
        "due_at": again.due_at,
        "lease_until": 0,
        "owner": "",
        "last_answer": _said(failed),
        "delay_told": parcel.delay_told or again.tell_delay,
    }
    tx.execute(update(parcels).where(parcels.c.id == parcel.id).values(**values))
    _tell(tx, parcel, "tried", f"{_said(failed)}; {again.why}")
    if not tell:
        return None
    return _notice(dsn.Kind.DELAYED, parcel, failed.status, failed.answer, failed.remote, until=parcel.expires_at)


def _give_up(tx: Tx, parcel: Parcel, failed: Failed, why: str) -> Notice | None:
    tx.execute(delete(parcels).where(parcels.c.id == parcel.id))
    _tell(tx, parcel, "bounced", f"{failed.status} {why}")
    if not parcel.sender or not dsn.wants(parcel.options.notify, "FAILURE"):
        return None
    status = failed.status if failed.status.startswith("5") or failed.permanent else "4.4.7"
    return _notice(dsn.Kind.FAILED, parcel, status, why, failed.remote)


def _notice(
    kind: dsn.Kind, parcel: Parcel, status: str, diagnostic: str, remote: str, until: int | None = None
) -> Notice:
    report = dsn.Report(
        recipient=parcel.recipient,
        orcpt=parcel.options.orcpt,
        status=status,
        diagnostic=diagnostic,
        remote=remote,
        will_retry_until_ms=until,
    )
    return Notice(kind, parcel, report)


def _said(failed: Failed) -> str:
    return f"{failed.remote} said: {failed.answer}" if failed.remote else failed.answer


# -- what people do with the queue -----------------------------------------------------------------------------------


def listed(
    tx: ReadTx,
    *,
    domain: str = "",
    address: str = "",
    account: AccountId | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[Parcel]:
    """Parcels that wait, oldest first."""
    where: list[ColumnElement[bool]] = [parcels.c.id > after]
    if domain:
        where.append(parcels.c.domain == domain.lower())
    if address:
        where.append((parcels.c.recipient == address) | (parcels.c.sender == address))
    if account is not None:
        where.append(parcels.c.account_id == account)
    query = select(*_COLUMNS).where(*where).order_by(parcels.c.id).limit(limit)
    return [_parcel(row._mapping) for row in tx.execute(query)]


def get(tx: ReadTx, id_: int) -> Parcel:
    """One parcel. NotFound."""
    found = _parcels(tx, parcels.c.id == id_, 1)
    if not found:
        raise NotFound("parcel", id_)
    return found[0]


def by_domain(tx: ReadTx, limit: int = 1000) -> list[tuple[str, int, int]]:
    """How much waits for each destination: domain, parcels, when the oldest came; the most first."""
    number = func.count()
    query = (
        select(parcels.c.domain, number, func.min(parcels.c.created_at))
        .group_by(parcels.c.domain)
        .order_by(number.desc(), parcels.c.domain)
        .limit(limit)
    )
    return [(domain, count, oldest) for domain, count, oldest in tx.execute(query)]


def retry(tx: Tx, where: Sequence[int]) -> int:
    """Try parcels as soon as a courier is free; answers how many there are. Not those that are being carried."""
    free = (parcels.c.id.in_(where), parcels.c.lease_until <= tx.now_ms)
    return int(tx.execute(update(parcels).where(*free).values(due_at=tx.now_ms, held=False)).rowcount)


def hold(tx: Tx, where: Sequence[int], held: bool) -> int:
    """Keep parcels from being tried, or let them go again; answers how many there are."""
    return int(tx.execute(update(parcels).where(parcels.c.id.in_(where)).values(held=held)).rowcount)


def remove(tx: Tx, where: Sequence[int], why: str) -> int:
    """Delete parcels; nobody is told but the trace."""
    gone = [get(tx, id_) for id_ in where]
    for parcel in gone:
        _tell(tx, parcel, "deleted", why)
    return int(tx.execute(delete(parcels).where(parcels.c.id.in_(where))).rowcount)


def suspend(tx: Tx, domain: str, why: str, until: int = FOREVER_MS) -> None:
    """Send nothing to a destination; its parcels wait and are not bounced before they expire."""
    resume(tx, domain)
    row = {"domain": domain.lower(), "suspended_until": until, "why": why, "set_at": tx.now_ms}
    tx.execute(destinations.insert(), row)


def resume(tx: Tx, domain: str) -> bool:
    """Send to a destination again. False: it was not suspended."""
    return bool(tx.execute(delete(destinations).where(destinations.c.domain == domain.lower())).rowcount)


def suspended(tx: ReadTx, limit: int = 1000) -> list[Suspended]:
    """Destinations that nothing is sent to, by name."""
    query = select(destinations.c.domain, destinations.c.suspended_until, destinations.c.why)
    return [Suspended(*row) for row in tx.execute(query.order_by(destinations.c.domain).limit(limit))]


def _parcels(tx: ReadTx, where: ColumnElement[bool], limit: int) -> list[Parcel]:
    query = select(*_COLUMNS).where(where).order_by(parcels.c.due_at, parcels.c.id).limit(limit)
    return [_parcel(row._mapping) for row in tx.execute(query)]


_COLUMNS = [parcels.c[name] for name in Parcel.__struct_fields__]
_decode = msgspec.msgpack.Decoder(Options).decode


def _parcel(row: object) -> Parcel:
    values = dict(row)  # type: ignore[call-overload]
    values["options"] = _decode(values["options"])
    return Parcel(**values)


def _tell(tx: Tx, parcel: Parcel, what: str, detail: str) -> None:
    event = Event(
        account_id=parcel.account_id,
        source=parcel.source,
        at=tx.now_ms,
        what=what,
        recipient=parcel.recipient,
        message_id=parcel.message_id,
        detail=detail,
    )
    events.tell(tx, [event])
