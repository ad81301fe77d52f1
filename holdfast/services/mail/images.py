"""Images: a mailbox as its sessions share it in memory, loaded once and carried on by its changes.

An image is an immutable Snapshot (wire/imap/picture.py); catching up makes a new one from the entries whose modseq is
newer, so the cost of a change is the size of the change. RFC 7162 §3.2.6 (what is asked since a modseq).
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select

from holdfast.ids import AccountId, ModSeq, ObjectId
from holdfast.kernel.transaction import ReadTx
from holdfast.services.mail import entries as places
from holdfast.services.mail import mailboxes
from holdfast.services.mail.tables import emails, entries, expunged
from holdfast.wire.imap.picture import Changed, Snapshot, apply

_COLUMNS = (
    entries.c.uid,
    entries.c.email_id,
    entries.c.modseq,
    entries.c.deleted,
    emails.c.keywords,
    emails.c.blob_no,
    emails.c.received_at,
    emails.c.size,
)
_BOTH = entries.join(emails, (emails.c.account_id == entries.c.account_id) & (emails.c.id == entries.c.email_id))

_FLAGS = {"$seen": "\\Seen", "$flagged": "\\Flagged", "$answered": "\\Answered", "$draft": "\\Draft"}
_KEYWORDS = {flag.lower(): keyword for keyword, flag in _FLAGS.items()}


def flags_of(keywords: str, deleted: bool) -> bytes:
    """Keywords of a row as IMAP writes flags. RFC 8621 §4.1.1, RFC 3501 §2.3.2."""
    names = [_FLAGS.get(keyword, keyword) for keyword in keywords.split()]
    if deleted:
        names.append("\\Deleted")
    return " ".join(names).encode("utf-8", "surrogateescape")


def keyword_of(flag: str) -> str | None:
    """The keyword that an IMAP flag stands for; None for \\Deleted and \\Recent, which are no keywords."""
    lower = flag.lower()
    if lower in ("\\deleted", "\\recent"):
        return None
    return _KEYWORDS.get(lower, lower)


def load(tx: ReadTx, account: AccountId, mailbox: ObjectId) -> Snapshot:
    """A mailbox as it is now. NotFound."""
    there = mailboxes.get(tx, account, mailbox)
    counted = places.counters(tx, account, mailbox)
    query = select(*_COLUMNS).select_from(_BOTH)
    where = (entries.c.account_id == account, entries.c.mailbox_id == mailbox)
    rows = tx.execute(query.where(*where).order_by(entries.c.uid)).all()
    interned: dict[tuple[str, bool], bytes] = {}
    uids, ids, modseqs, deleted, keywords, blobs, received, sizes = zip(*rows, strict=True) if rows else ((),) * 8
    flags: list[bytes] = []
    for key in zip(keywords, deleted, strict=True):
        known = interned.get(key)
        if known is None:
            known = interned[key] = flags_of(*key)
        flags.append(known)
    return Snapshot(
        uids=array("I", uids),
        flags=flags,
        modseqs=array("Q", modseqs),
        emails=array("Q", ids),
        blobs=array("Q", blobs),
        received=array("q", received),
        sizes=array("Q", sizes),
        uid_validity=there.uid_validity,
        uid_next=counted.uid_next,
        highest_modseq=counted.content_modseq,
    )


def catch_up(tx: ReadTx, account: AccountId, mailbox: ObjectId, image: Snapshot) -> Snapshot:
    """The image as it is now; the same object if nothing changed. NotFound: the mailbox is gone or another one."""
    counted = places.counters(tx, account, mailbox)
    if counted.content_modseq == image.highest_modseq:
        return image
    since = ModSeq(image.highest_modseq)
    query = select(*_COLUMNS).select_from(_BOTH)
    newer = (entries.c.account_id == account, entries.c.mailbox_id == mailbox, entries.c.modseq > since)
    rows = tx.execute(query.where(*newer).order_by(entries.c.uid)).all()
    gone = vanished_since(tx, account, mailbox, since)
    return apply(
        image,
        [_changed(row) for row in rows],
        gone,
        uid_next=counted.uid_next,
        highest_modseq=counted.content_modseq,
    )


def vanished_since(tx: ReadTx, account: AccountId, mailbox: ObjectId, modseq: ModSeq) -> Sequence[int]:
    """UIDs that were removed from a mailbox after a modseq, rising. RFC 7162 §3.2.5.2."""
    where = (expunged.c.account_id == account, expunged.c.mailbox_id == mailbox, expunged.c.modseq > modseq)
    return sorted(tx.execute(select(expunged.c.uid).where(*where)).scalars())


def _changed(row: Row[*tuple[Any, ...]]) -> Changed:
    return Changed(
        uid=row.uid,
        flags=flags_of(row.keywords, row.deleted),
        modseq=row.modseq,
        email=row.email_id,
        blob=row.blob_no,
        received=row.received_at,
        size=row.size,
    )
