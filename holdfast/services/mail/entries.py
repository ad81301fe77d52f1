"""Entries: which email is in which mailbox under which UID, and everything that changes that.

Every verb here takes UIDs of one mailbox, writes entries, emails, tombstones and counts in one go, set-wise, and
answers what IMAP tells (COPYUID, MODIFIED). A copy is a new Email that shares its content, so that flags of the copy are
its own; a move keeps the Email. RFC 3501 §6.4, RFC 4315, RFC 6851, RFC 7162.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, bindparam, delete, func, or_, select, update

from holdfast.errors import NotFound
from holdfast.ids import AccountId, ModSeq, ObjectId
from holdfast.kernel.transaction import ReadTx, Tx
from holdfast.services.mail.tables import buried, emails, entries, expunged, mailbox_uids, mailboxes
from holdfast.services.mail.types import EMAIL, MAILBOX, SEEN, THREAD, keyword_set, keyword_text

RANGES = 200
"""Ranges of UIDs in one statement."""


class Counters(msgspec.Struct, frozen=True):
    """What IMAP counts in a mailbox."""

    uid_next: int
    content_modseq: ModSeq


class KeywordChange(msgspec.Struct, frozen=True, kw_only=True):
    """What to do to the keywords of emails; replace (all of them) is done before add and remove.

    deleted: IMAP's \\Deleted on the entry; None leaves it.
    """

    replace: frozenset[str] | None = None
    add: frozenset[str] = frozenset()
    remove: frozenset[str] = frozenset()
    deleted: bool | None = None

    def of(self, keywords: frozenset[str]) -> frozenset[str]:
        start = keywords if self.replace is None else self.replace
        return (start | self.add) - self.remove


class Stored(msgspec.Struct, frozen=True):
    """changed: UIDs that have a new modseq. unchanged_since_failed: UIDs that somebody changed meanwhile."""

    modseq: ModSeq
    changed: list[int]
    unchanged_since_failed: list[int]


class Copied(msgspec.Struct, frozen=True):
    """Which UID became which in the target. RFC 4315 §3 (COPYUID)."""

    uid_validity: int
    source_uids: list[int]
    target_uids: list[int]


def counters(tx: ReadTx, account: AccountId, mailbox: ObjectId) -> Counters:
    """UIDNEXT and HIGHESTMODSEQ. NotFound."""
    where = (mailbox_uids.c.account_id == account, mailbox_uids.c.mailbox_id == mailbox)
    row = tx.execute(select(mailbox_uids.c.uid_next, mailbox_uids.c.content_modseq).where(*where)).one_or_none()
    if row is None:
        raise NotFound("mailbox", mailbox)
    return Counters(row.uid_next, ModSeq(row.content_modseq))


def set_keywords(
    tx: Tx,
    account: AccountId,
    mailbox: ObjectId,
    uids: Collection[int],
    change: KeywordChange,
    *,
    unchanged_since: ModSeq | None = None,
) -> Stored:
    """Change keywords of emails by their UIDs; UIDs that are gone are passed over. RFC 7162 §3.1.3 (UNCHANGEDSINCE)."""
    changed: list[Row[*tuple[Any, ...]]] = []
    failed: list[int] = []
    by_new: dict[str, list[ObjectId]] = defaultdict(list)
    unread = 0
    texts: dict[str, str] = {}
    for row in _rows(tx, account, mailbox, uids):
        if unchanged_since is not None and row.modseq > unchanged_since:
            failed.append(row.uid)
            continue
        old = row.keywords
        new = texts.get(old)
        if new is None:
            new = texts[old] = keyword_text(change.of(keyword_set(old)))
        if new != old:
            by_new[new].append(row.email_id)
            unread += (SEEN in old) - (SEEN in new)
        elif change.deleted is None or change.deleted == row.deleted:
            continue
        changed.append(row)
    if not changed:
        return Stored(counters(tx, account, mailbox).content_modseq, [], failed)
    modseq = tx.modseq(account)
    for new, ids in by_new.items():
        tx.update(EMAIL, account, ids, {"keywords": new})
    values: dict[str, object] = {"modseq": modseq}
    if change.deleted is not None:
        values["deleted"] = change.deleted
    changed_uids = [row.uid for row in changed]
    for where in _by_uids(entries.c.uid, changed_uids):
        tx.execute(update(entries).where(*_in(account, mailbox), where).values(**values))
    _mark(tx, account, mailbox, modseq)
    if unread:
        tx.update(MAILBOX, account, [mailbox], {"unread": mailboxes.c.unread + unread})
    elsewhere = [row for row in changed if row.places > 1 and texts[row.keywords] != row.keywords]
    if elsewhere:
        _tell_other_places(tx, account, mailbox, elsewhere, texts, modseq)
    return Stored(modseq, changed_uids, failed)


def copy(tx: Tx, account: AccountId, mailbox: ObjectId, uids: Collection[int], target: ObjectId) -> Copied:
    """Put copies of emails into another (or the same) mailbox. OverQuota: nothing was copied."""
    rows = list(_rows(tx, account, mailbox, uids, *_COPIED))
    validity = _validity(tx, account, target)
    if not rows:
        return Copied(validity, [], [])
    tx.use(account, sum(row.size for row in rows), len(rows))
    ids = tx.new_ids(account, len(rows))
    made = [
        {
            **{column.name: row._mapping[column.name] for column in _COPIED},
            "id": id_,
            "keywords": row.keywords,
            "places": 1,
        }
        for id_, row in zip(ids, rows, strict=True)
    ]
    tx.create(EMAIL, account, made)
    tx.note(THREAD, account, updated={ObjectId(row.thread_id) for row in rows})
    new_uids = place(
        tx,
        account,
        target,
        [(ObjectId(id_), row.deleted) for id_, row in zip(ids, rows, strict=True)],
        unread=sum(SEEN not in row.keywords for row in rows),
        size_bytes=sum(row.size for row in rows),
    )
    return Copied(validity, [row.uid for row in rows], list(new_uids))


def move(tx: Tx, account: AccountId, mailbox: ObjectId, uids: Collection[int], target: ObjectId) -> Copied:
    """Take emails out of one mailbox and put them into another; they stay the same Emails. RFC 6851 §3.3."""
    rows = list(_rows(tx, account, mailbox, uids))
    validity = _validity(tx, account, target)
    if not rows:
        return Copied(validity, [], [])
    unread = sum(SEEN not in row.keywords for row in rows)
    size = sum(row.size for row in rows)
    there = _already_in(tx, account, target, [row.email_id for row in rows if row.places > 1])
    moved = [row for row in rows if row.email_id not in there]
    _take_out(tx, account, mailbox, rows, unread=unread, size_bytes=size)
    new_uids = place(
        tx,
        account,
        target,
        [(ObjectId(row.email_id), row.deleted) for row in moved],
        unread=sum(SEEN not in row.keywords for row in moved),
        size_bytes=sum(row.size for row in moved),
    )
    if there:
        tx.update(EMAIL, account, list(there), {"places": emails.c.places - 1})
    tx.update(EMAIL, account, [ObjectId(row.email_id) for row in moved], {})  # its mailboxes are part of an Email
    return Copied(validity, [row.uid for row in moved], list(new_uids))


def expunge(
    tx: Tx, account: AccountId, mailbox: ObjectId, uids: Collection[int] | None, *, marked: bool = True
) -> list[int]:
    """Remove entries (marked: only those that carry \\Deleted), and emails that are then nowhere. Answers their UIDs.

    uids None: the whole mailbox.
    """
    rows = [row for row in _rows(tx, account, mailbox, uids) if row.deleted or not marked]
    if not rows:
        return []
    unread = sum(SEEN not in row.keywords for row in rows)
    _take_out(tx, account, mailbox, rows, unread=unread, size_bytes=sum(row.size for row in rows))
    shared = [ObjectId(row.email_id) for row in rows if row.places > 1]
    if shared:
        tx.update(EMAIL, account, shared, {"places": emails.c.places - 1})
    destroy_emails(tx, account, [row for row in rows if row.places == 1])
    return [row.uid for row in rows]


def destroy_emails(tx: Tx, account: AccountId, rows: Sequence[Row[*tuple[Any, ...]]]) -> None:
    """Remove emails that have no place left; rows carry email_id, thread_id, text_id, blob_no and size."""
    if not rows:
        return
    tx.use(account, -sum(row.size for row in rows), -len(rows))
    tx.destroy(EMAIL, account, [ObjectId(row.email_id) for row in rows])
    threads = {ObjectId(row.thread_id) for row in rows}
    left: set[int] = set()
    texts = {row.text_id: row.blob_no for row in rows}
    used: set[int] = set()
    for some in _chunks(sorted(threads)):
        query = (
            select(emails.c.thread_id).where(emails.c.account_id == account, emails.c.thread_id.in_(some)).distinct()
        )
        left.update(tx.execute(query).scalars())
    for some in _chunks(sorted(texts)):
        query = select(emails.c.text_id).where(emails.c.account_id == account, emails.c.text_id.in_(some)).distinct()
        used.update(tx.execute(query).scalars())
    tx.note(THREAD, account, updated=threads & left, destroyed=threads - left)
    gone = [
        {"account_id": account, "text_id": text_id, "blob_no": blob_no}
        for text_id, blob_no in texts.items()
        if text_id not in used
    ]
    if gone:
        tx.execute(tx.database.insert_once(buried), gone)


def place(
    tx: Tx,
    account: AccountId,
    mailbox: ObjectId,
    placed: Sequence[tuple[ObjectId, bool]],
    *,
    unread: int,
    size_bytes: int,
) -> range:
    """Give emails (id, \\Deleted) their UIDs in a mailbox and count them; the Email rows are the caller's."""
    if not placed:
        return range(0)
    modseq = tx.modseq(account)
    first = counters(tx, account, mailbox).uid_next
    uids = range(first, first + len(placed))
    where = (mailbox_uids.c.account_id == account, mailbox_uids.c.mailbox_id == mailbox)
    tx.execute(update(mailbox_uids).where(*where).values(uid_next=uids.stop, content_modseq=modseq))
    own = {"account_id": account, "mailbox_id": mailbox, "modseq": modseq, "saved_at": tx.now_ms}
    tx.execute(
        entries.insert(),
        [
            {**own, "uid": uid, "email_id": id_, "deleted": deleted}
            for uid, (id_, deleted) in zip(uids, placed, strict=True)
        ],
    )
    counts = {
        "total": mailboxes.c.total + len(placed),
        "unread": mailboxes.c.unread + unread,
        "size_bytes": mailboxes.c.size_bytes + size_bytes,
    }
    tx.update(MAILBOX, account, [mailbox], counts)
    return uids


def _take_out(
    tx: Tx,
    account: AccountId,
    mailbox: ObjectId,
    rows: Sequence[Row[*tuple[Any, ...]]],
    *,
    unread: int,
    size_bytes: int,
) -> None:
    modseq = tx.modseq(account)
    uids = [row.uid for row in rows]
    for where in _by_uids(entries.c.uid, uids):
        tx.execute(delete(entries).where(*_in(account, mailbox), where))
    own = {"account_id": account, "mailbox_id": mailbox, "modseq": modseq}
    tx.execute(expunged.insert(), [{**own, "uid": uid} for uid in uids])
    _mark(tx, account, mailbox, modseq)
    counts = {
        "total": mailboxes.c.total - len(rows),
        "unread": mailboxes.c.unread - unread,
        "size_bytes": mailboxes.c.size_bytes - size_bytes,
    }
    tx.update(MAILBOX, account, [mailbox], counts)


def _tell_other_places(
    tx: Tx,
    account: AccountId,
    mailbox: ObjectId,
    rows: Sequence[Row[*tuple[Any, ...]]],
    texts: dict[str, str],
    modseq: ModSeq,
) -> None:
    """Keywords belong to the email: its other places have changed too."""
    seen = {row.email_id: (SEEN in row.keywords) - (SEEN in texts[row.keywords]) for row in rows}
    unread: dict[int, int] = defaultdict(int)
    for some in _chunks(sorted(seen)):
        where = (entries.c.account_id == account, entries.c.email_id.in_(some), entries.c.mailbox_id != mailbox)
        for other, email in tx.execute(select(entries.c.mailbox_id, entries.c.email_id).where(*where)):
            unread[other] += seen[email]
        tx.execute(update(entries).where(*where).values(modseq=modseq))
    for other, delta in unread.items():
        _mark(tx, account, ObjectId(other), modseq)
        if delta:
            tx.update(MAILBOX, account, [ObjectId(other)], {"unread": mailboxes.c.unread + delta})


def _already_in(tx: Tx, account: AccountId, mailbox: ObjectId, ids: Sequence[int]) -> set[ObjectId]:
    found: set[ObjectId] = set()
    for some in _chunks(ids):
        where = (entries.c.account_id == account, entries.c.email_id.in_(some), entries.c.mailbox_id == mailbox)
        found.update(ObjectId(id_) for id_ in tx.execute(select(entries.c.email_id).where(*where)).scalars())
    return found


def _mark(tx: Tx, account: AccountId, mailbox: ObjectId, modseq: ModSeq) -> None:
    tx.execute(_MARK, {"account": account, "mailbox": mailbox, "modseq_": modseq})


_MARK = (
    update(mailbox_uids)
    .where(mailbox_uids.c.account_id == bindparam("account"), mailbox_uids.c.mailbox_id == bindparam("mailbox"))
    .values(content_modseq=bindparam("modseq_"))
)


def _validity(tx: ReadTx, account: AccountId, mailbox: ObjectId) -> int:
    where = (mailboxes.c.account_id == account, mailboxes.c.id == mailbox)
    validity = tx.execute(select(mailboxes.c.uid_validity).where(*where)).scalar()
    if validity is None:
        raise NotFound("mailbox", mailbox)
    return int(validity)


_BASIC = (
    entries.c.uid,
    entries.c.email_id,
    entries.c.modseq,
    entries.c.deleted,
    emails.c.keywords,
    emails.c.places,
    emails.c.size,
    emails.c.thread_id,
    emails.c.text_id,
    emails.c.blob_no,
)
_COPIED = tuple(
    column for column in emails.c if column.name not in ("account_id", "id", "modseq", "keywords", "places")
)


def _rows(
    tx: ReadTx, account: AccountId, mailbox: ObjectId, uids: Collection[int] | None, *more: ColumnElement[Any]
) -> Iterator[Row[*tuple[Any, ...]]]:
    """Entries with their emails, by rising UID."""
    columns = list(dict.fromkeys((*_BASIC, *more)))
    both = entries.join(emails, (emails.c.account_id == entries.c.account_id) & (emails.c.id == entries.c.email_id))
    query = select(*columns).select_from(both).where(*_in(account, mailbox)).order_by(entries.c.uid)
    if uids is None:
        yield from tx.execute(query)
        return
    for where in _by_uids(entries.c.uid, uids):
        yield from tx.execute(query.where(where)).all()


def _in(account: AccountId, mailbox: ObjectId) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return entries.c.account_id == account, entries.c.mailbox_id == mailbox


def _by_uids(column: ColumnElement[int], uids: Collection[int]) -> Iterator[ColumnElement[bool]]:
    """Conditions that together hold for just these UIDs: ranges where they are dense."""
    runs = list(_runs(sorted(set(uids))))
    for start in range(0, len(runs), RANGES):
        some = runs[start : start + RANGES]
        single = [low for low, high in some if low == high]
        ranges = [column.between(low, high) for low, high in some if low != high]
        yield or_(*ranges, *([column.in_(single)] if single else []))


def _runs(ordered: Sequence[int]) -> Iterator[tuple[int, int]]:
    low = high = -1
    for uid in ordered:
        if uid == high + 1 and low >= 0:
            high = uid
            continue
        if low >= 0:
            yield low, high
        low = high = uid
    if low >= 0:
        yield low, high


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), 500):
        yield ids[start : start + 500]


def count_of(tx: ReadTx, account: AccountId, mailbox: ObjectId) -> int:
    """How many entries a mailbox has, counted."""
    return int(tx.execute(select(func.count()).select_from(entries).where(*_in(account, mailbox))).scalar_one())
