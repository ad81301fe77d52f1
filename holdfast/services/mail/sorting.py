"""Sorting: a message from an intake goes to everybody here in one commit, and parcels are left for the rest.

Owns the decision who gets what, and the position in each intake. The key of a filing is (source, recipient): a message
that is sorted twice is filed once. What nobody can have ends in a DSN to the sender, and a DSN that cannot be delivered
ends here. RFC 5321 §6.1 (responsibility), §6.3 (loops).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence

import msgspec
from sqlalchemy import delete, insert, select, update

from holdfast.errors import NotFound, OverQuota
from holdfast.ids import NOBODY, AccountId, BlobId, BlobNo, ObjectId
from holdfast.kernel.schema import positions
from holdfast.kernel.transaction import ReadTx, Tx
from holdfast.services.mail import dsn, events, filing, mailboxes, outgoing
from holdfast.services.mail.envelope import Envelope
from holdfast.services.mail.events import Event
from holdfast.services.mail.filing import Message, NewEmail
from holdfast.services.mail.outgoing import NewParcel, Options
from holdfast.services.mail.routes import Refused, Resolve, expand
from holdfast.services.mail.tables import deliveries, stuck

MOST_HOPS = 50
"""Received headers at which a message is taken to go in circles."""

_RECEIVED = re.compile(rb"^received:", re.IGNORECASE | re.MULTILINE)
_DELIVERED_TO = re.compile(rb"^delivered-to:[ \t]*<?([^\r\n>]*)", re.IGNORECASE | re.MULTILINE)


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One message on the sorting table. own_headers: bytes at its start that this house wrote when it was taken in."""

    source: str
    at: int
    envelope: Envelope
    message: Message
    headers: bytes
    own_headers: int


class House(msgspec.Struct, frozen=True):
    """What sorting needs to know of the house it works in."""

    hostname: str
    resolve: Resolve
    make_message: Callable[[bytes], Message]


class _Plan(msgspec.Struct):
    """Where one item goes."""

    item: Item
    local: list[tuple[str, AccountId]]
    remote: list[tuple[str, str]]
    refused: list[Refused]


def source_of(intake: str, seq: int) -> str:
    """The name of a message in an intake, for keys, events and people."""
    return f"{intake}/{seq}"


def position(tx: ReadTx, intake: str) -> int:
    """The number of the last message of an intake that was sorted; 0 if none was."""
    return int(tx.execute(select(positions.c.position).where(positions.c.name == f"intake/{intake}")).scalar() or 0)


def sort(tx: Tx, house: House, items: Sequence[Item], *, intake: str = "", until: int | None = None) -> None:
    """Sort some messages and move the intake's position to `until`, all in this write."""
    plans = [_plan(item, house.resolve) for item in items]
    _pass_over_done(tx, plans)
    numbers = filing.keep_messages(tx, [plan.item.message for plan in plans if plan.local or plan.remote])
    told: list[Event] = []
    for plan in plans:
        told.extend(_taken_in(plan))
    _file(tx, plans, numbers, told)
    for plan in plans:
        _post(tx, plan, numbers, told)
    for plan in plans:
        if plan.refused:
            _bounce(tx, house, plan, told)
    events.tell(tx, told)
    if until is not None:
        _move_position(tx, intake, until)


def set_aside(tx: Tx, source: str, why: str, *, intake: str, until: int, due_at: int) -> None:
    """Put a message that cannot be sorted aside, so that those behind it go on; it stays in the intake and is tried again."""
    row = {"source": source, "at": tx.now_ms, "due_at": due_at, "attempts": 1, "why": why[:2000]}
    if not tx.execute(tx.database.insert_once(stuck), row).rowcount:
        again = {"due_at": due_at, "attempts": stuck.c.attempts + 1, "why": why[:2000]}
        tx.execute(update(stuck).where(stuck.c.source == source).values(**again))
    _move_position(tx, intake, until)


def try_later(tx: Tx, source: str, why: str, *, due_at: int) -> None:
    """Leave a message aside for longer."""
    again = {"due_at": due_at, "attempts": stuck.c.attempts + 1, "why": why[:2000]}
    tx.execute(update(stuck).where(stuck.c.source == source).values(**again))


def put_aside(tx: ReadTx, due_before: int, limit: int = 100) -> list[str]:
    """Sources of messages that were set aside and are due to be tried again, in order."""
    query = select(stuck.c.source).where(stuck.c.due_at <= due_before).order_by(stuck.c.due_at, stuck.c.source)
    return list(tx.execute(query.limit(limit)).scalars())


def oldest_aside(tx: ReadTx, intake: str) -> int | None:
    """The lowest number of an intake that was set aside; what is from there on may not be swept."""
    query = select(stuck.c.source).where(stuck.c.source.like(f"{intake}/%")).limit(10_000)
    return min((int(source.rpartition("/")[2]) for source in tx.execute(query).scalars()), default=None)


def sort_again(tx: Tx, house: House, item: Item) -> None:
    """Sort a message that was set aside."""
    sort(tx, house, [item])
    tx.execute(delete(stuck).where(stuck.c.source == item.source))


def _plan(item: Item, resolve: Resolve) -> _Plan:
    recipients = [recipient.address for recipient in item.envelope.recipients]
    foreign = item.headers[item.own_headers :]
    if len(_RECEIVED.findall(foreign)) > MOST_HOPS:
        why = f"the message has been through more than {MOST_HOPS} servers: it goes in circles"
        return _Plan(item, [], [], [Refused(recipient, "5.4.6", why) for recipient in recipients])
    found = expand(recipients, resolve)
    plan = _Plan(item, found.local, found.remote, found.refused)
    been = {value.strip().lower() for value in _DELIVERED_TO.findall(foreign)}
    if been:
        looping = [pair for pair in plan.local if pair[0].lower().encode("utf-8", "replace") in been]
        plan.local = [pair for pair in plan.local if pair not in looping]
        why = "the message was delivered to this address before: it goes in circles"
        plan.refused.extend(Refused(recipient, "5.4.6", why) for recipient, _ in looping)
    return plan


def _pass_over_done(tx: Tx, plans: Sequence[_Plan]) -> None:
    accounts = {account for plan in plans for _, account in plan.local}
    if not accounts:
        return
    query = select(deliveries.c.account_id, deliveries.c.source).where(
        deliveries.c.account_id.in_(accounts), deliveries.c.source.in_([plan.item.source for plan in plans])
    )
    done = {(account, source) for account, source in tx.execute(query)}
    if done:
        for plan in plans:
            plan.local = [pair for pair in plan.local if (pair[1], plan.item.source) not in done]


def _file(tx: Tx, plans: Sequence[_Plan], numbers: dict[BlobId, BlobNo], told: list[Event]) -> None:
    by_account: dict[AccountId, list[tuple[_Plan, str]]] = defaultdict(list)
    for plan in plans:
        for recipient, account in plan.local:
            by_account[account].append((plan, recipient))
    keys: list[dict[str, object]] = []
    for account, work in by_account.items():
        try:
            inbox = mailboxes.by_role(tx, account, "inbox").id
        except NotFound:
            _refuse_all(work, "5.1.1", "the account is gone")
            continue
        new = [_new_email(plan, inbox) for plan, _ in work]
        try:
            added = filing.add(tx, account, new, numbers=numbers)
        except OverQuota:
            added, work = _file_one_by_one(tx, account, work, new, numbers)
        for (plan, recipient), place in zip(work, added, strict=True):
            key = {"account_id": account, "source": plan.item.source, "recipient": recipient}
            keys.append({**key, "email_id": place.email, "at": tx.now_ms})
            told.append(_event(tx, plan.item, account, "filed", recipient, f"in the inbox with UID {place.uid}"))
    if keys:
        tx.execute(insert(deliveries), keys)


def _file_one_by_one(
    tx: Tx,
    account: AccountId,
    work: Sequence[tuple[_Plan, str]],
    new: Sequence[NewEmail],
    numbers: dict[BlobId, BlobNo],
) -> tuple[list[filing.Added], list[tuple[_Plan, str]]]:
    """Near the end of a quota small messages may fit where the batch does not."""
    added: list[filing.Added] = []
    filed: list[tuple[_Plan, str]] = []
    for (plan, recipient), item in zip(work, new, strict=True):
        try:
            added.extend(filing.add(tx, account, [item], numbers=numbers))
        except OverQuota:
            plan.refused.append(Refused(recipient, "5.2.2", "the mailbox is full"))
            continue
        filed.append((plan, recipient))
    return added, filed


def _refuse_all(work: Sequence[tuple[_Plan, str]], status: str, why: str) -> None:
    for plan, recipient in work:
        plan.refused.append(Refused(recipient, status, why))


def _new_email(plan: _Plan, mailbox: ObjectId) -> NewEmail:
    return NewEmail(message=plan.item.message, mailbox=mailbox, received_at=plan.item.at)


def _post(tx: Tx, plan: _Plan, numbers: dict[BlobId, BlobNo], told: list[Event]) -> None:
    item = plan.item
    if not plan.remote:
        return
    wishes = {recipient.address: recipient for recipient in item.envelope.recipients}
    new: list[NewParcel] = []
    for recipient, address in plan.remote:
        wish = wishes[recipient]
        options = Options(
            notify=wish.notify,
            orcpt=wish.orcpt,
            ret=item.envelope.ret,
            envid=item.envelope.envid,
            smtputf8=item.envelope.smtputf8,
            body_8bit=item.envelope.body_8bit,
        )
        new.append(
            NewParcel(
                account=AccountId(item.envelope.account),
                source=item.source,
                blob_no=numbers[item.message.content.id],
                skip_bytes=item.envelope.skip_bytes,
                sender=item.envelope.sender,
                recipient=address,
                options=options,
                message_id=item.message.shape.message_id,
                size=item.message.content.size,
            )
        )
        told.append(_event(tx, item, AccountId(item.envelope.account), "queued", address, "waits for a courier"))
    outgoing.post(tx, new)


def _bounce(tx: Tx, house: House, plan: _Plan, told: list[Event]) -> None:
    """Tell the sender who did not get the message and why. A DSN and a NOTIFY=NEVER get no answer (RFC 3461 §4.1)."""
    item = plan.item
    for refused in plan.refused:
        detail = f"{refused.status} {refused.why}"
        told.append(_event(tx, item, AccountId(item.envelope.account), "refused", refused.recipient, detail))
    wishes = {recipient.address: recipient for recipient in item.envelope.recipients}
    asked = [refused for refused in plan.refused if dsn.wants(wishes[refused.recipient].notify, "FAILURE")]
    if not item.envelope.sender or not asked:
        return
    failures = [
        dsn.Report(
            recipient=refused.recipient,
            orcpt=wishes[refused.recipient].orcpt,
            status=refused.status,
            diagnostic=refused.why,
        )
        for refused in asked
    ]
    headers = item.headers[item.own_headers :]
    notice = dsn.compose(
        dsn.Kind.FAILED,
        failures,
        hostname=house.hostname,
        now_ms=tx.now_ms,
        to=item.envelope.sender,
        envid=item.envelope.envid,
        original_headers=headers,
        key=item.source,
    )
    deliver_notice(tx, house, notice, to=item.envelope.sender, source=f"{item.source}/dsn", told=told)


def deliver_notice(
    tx: Tx, house: House, notice: bytes, *, to: str, source: str, told: list[Event] | None = None
) -> None:
    """Deliver a message of this house's own (a DSN) with the null sender; what cannot be delivered is dropped and told."""
    mine: list[Event] = [] if told is None else told
    message = house.make_message(notice)
    item = Item(
        source=source,
        at=tx.now_ms,
        envelope=Envelope(sender="", recipients=[], door="dsn"),
        message=message,
        headers=b"",
        own_headers=0,
    )
    found = expand([to], house.resolve)
    plan = _Plan(item, found.local, found.remote, [])
    _pass_over_done(tx, [plan])
    if plan.local or plan.remote:
        numbers = filing.keep_messages(tx, [message])
        _file(tx, [plan], numbers, mine)
        for _, address in plan.remote:
            parcel = NewParcel(
                account=NOBODY,
                source=source,
                blob_no=numbers[message.content.id],
                skip_bytes=0,
                sender="",
                recipient=address,
                options=Options(notify="NEVER"),
                message_id=message.shape.message_id,
                size=message.content.size,
            )
            outgoing.post(tx, [parcel])
            mine.append(_event(tx, item, NOBODY, "queued", address, "a delivery report waits for a courier"))
    for refused in (*found.refused, *plan.refused):
        mine.append(
            _event(tx, item, NOBODY, "dropped", to, f"a delivery report that cannot be delivered: {refused.why}")
        )
    if told is None:
        events.tell(tx, mine)


def _taken_in(plan: _Plan) -> list[Event]:
    item = plan.item
    account = AccountId(item.envelope.account)
    detail = f"by {item.envelope.door} from {item.envelope.peer or 'this house'}, {item.message.content.size} bytes"
    return [
        Event(
            account_id=account,
            source=item.source,
            at=item.at,
            what="taken-in",
            recipient=recipient.address,
            message_id=item.message.shape.message_id,
            detail=f"{detail}, sender <{item.envelope.sender}>",
        )
        for recipient in item.envelope.recipients
    ]


def _event(tx: Tx, item: Item, account: AccountId, what: str, recipient: str, detail: str) -> Event:
    return Event(
        account_id=account,
        source=item.source,
        at=tx.now_ms,
        what=what,
        recipient=recipient,
        message_id=item.message.shape.message_id,
        detail=detail,
    )


def _move_position(tx: Tx, intake: str, until: int) -> None:
    name = f"intake/{intake}"
    if not tx.execute(update(positions).where(positions.c.name == name).values(position=until)).rowcount:
        tx.execute(insert(positions).values(name=name, position=until))
