"""Verify: every invariant of a mailbox, asked of the rows; silence means that all hold.

Each check is one sentence and one query that finds what breaks it. What a check finds is a bug or a damaged disk, never
something a user did. DESIGN §8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
from sqlalchemy import text

from holdfast.ids import BlobId, BlobNo, blob_id
from holdfast.kernel.blobs import BlobStore
from holdfast.kernel.transaction import ReadTx

MOST = 50
"""Findings of one check that are told; the rest is counted."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong. check: the promise that does not hold."""

    check: str
    account: int
    what: str


class Check(msgspec.Struct, frozen=True):
    """promise: what should be true. query: rows (account, what) where it is not."""

    promise: str
    query: str


_ROWS = "SELECT {account} AS account, {what} AS what FROM {tables} WHERE {broken} ORDER BY 1 LIMIT 51"


def _check(promise: str, *, account: str, what: str, tables: str, broken: str) -> Check:
    return Check(promise, _ROWS.format(account=account, what=what, tables=tables, broken=broken))


_ENTRY_COUNTS = (
    "mailboxes m LEFT JOIN (SELECT e.account_id, e.mailbox_id, count(*) AS total, sum(x.size) AS size,"
    " sum(CASE WHEN ' ' || x.keywords || ' ' LIKE '% $seen %' THEN 0 ELSE 1 END) AS unread"
    " FROM entries e JOIN emails x ON x.account_id = e.account_id AND x.id = e.email_id"
    " GROUP BY e.account_id, e.mailbox_id) c ON c.account_id = m.account_id AND c.mailbox_id = m.id"
)
_USED = (
    "accounts a LEFT JOIN (SELECT account_id, count(*) AS objects, sum(size) AS size FROM emails GROUP BY account_id) c"
    " ON c.account_id = a.id"
)
_NEWEST = "(SELECT account_id, object_id, max(modseq) AS newest FROM changes WHERE type = '{type}' GROUP BY account_id, object_id)"

CHECKS: tuple[Check, ...] = (
    _check(
        "a mailbox counts its emails, its unread and its bytes right",
        account="m.account_id",
        what="'mailbox ' || m.id || ' says ' || m.total || '/' || m.unread || '/' || m.size_bytes || ' and has '"
        " || coalesce(c.total, 0) || '/' || coalesce(c.unread, 0) || '/' || coalesce(c.size, 0)",
        tables=_ENTRY_COUNTS,
        broken="m.total <> coalesce(c.total, 0) OR m.unread <> coalesce(c.unread, 0)"
        " OR m.size_bytes <> coalesce(c.size, 0)",
    ),
    _check(
        "a UID is below its mailbox's next UID",
        account="e.account_id",
        what="'mailbox ' || e.mailbox_id || ' UID ' || e.uid",
        tables="entries e JOIN mailbox_uids u ON u.account_id = e.account_id AND u.mailbox_id = e.mailbox_id",
        broken="e.uid >= u.uid_next OR e.uid < 1",
    ),
    _check(
        "modseq rises: entry <= mailbox <= account",
        account="e.account_id",
        what="'mailbox ' || e.mailbox_id || ' UID ' || e.uid || ' has modseq ' || e.modseq",
        tables="entries e JOIN mailbox_uids u ON u.account_id = e.account_id AND u.mailbox_id = e.mailbox_id"
        " JOIN accounts a ON a.id = e.account_id",
        broken="e.modseq > u.content_modseq OR u.content_modseq > a.modseq",
    ),
    _check(
        "an entry is in a mailbox that exists and names an email that exists",
        account="e.account_id",
        what="'mailbox ' || e.mailbox_id || ' UID ' || e.uid || ' email ' || e.email_id",
        tables="entries e LEFT JOIN emails x ON x.account_id = e.account_id AND x.id = e.email_id"
        " LEFT JOIN mailboxes m ON m.account_id = e.account_id AND m.id = e.mailbox_id",
        broken="x.id IS NULL OR m.id IS NULL",
    ),
    _check(
        "an email is in as many mailboxes as it says, and in one at least",
        account="x.account_id",
        what="'email ' || x.id || ' says ' || x.places || ' and has ' || coalesce(c.n, 0)",
        tables="emails x LEFT JOIN (SELECT account_id, email_id, count(*) AS n FROM entries"
        " GROUP BY account_id, email_id) c ON c.account_id = x.account_id AND c.email_id = x.id",
        broken="coalesce(c.n, 0) <> x.places OR x.places < 1",
    ),
    _check(
        "an expunged UID is not in the mailbox",
        account="d.account_id",
        what="'mailbox ' || d.mailbox_id || ' UID ' || d.uid",
        tables="expunged d JOIN entries e ON e.account_id = d.account_id AND e.mailbox_id = d.mailbox_id"
        " AND e.uid = d.uid",
        broken="1 = 1",
    ),
    _check(
        "a mailbox hangs below one that exists",
        account="m.account_id",
        what="'mailbox ' || m.id || ' below ' || m.parent_id",
        tables="mailboxes m LEFT JOIN mailboxes p ON p.account_id = m.account_id AND p.id = m.parent_id",
        broken="m.parent_id <> 0 AND p.id IS NULL",
    ),
    _check(
        "ids of objects and threads were given by the account",
        account="x.account_id",
        what="'email ' || x.id || ' thread ' || x.thread_id",
        tables="emails x JOIN accounts a ON a.id = x.account_id",
        broken="x.id >= a.next_object OR x.thread_id >= a.next_object OR x.text_id >= a.next_object",
    ),
    _check(
        "a thread is a set without order: no thread is an email, none leads to another",
        account="t.account_id",
        what="'thread ' || t.thread_id || ' is the id of an email'",
        tables="thread_refs t JOIN emails x ON x.account_id = t.account_id AND x.id = t.thread_id",
        broken="1 = 1",
    ),
    _check(
        "every email's content and shape are there",
        account="x.account_id",
        what="'email ' || x.id || ' blob ' || x.blob_no",
        tables="emails x LEFT JOIN blobs b ON b.no = x.blob_no LEFT JOIN shapes s ON s.blob_no = x.blob_no",
        broken="b.no IS NULL OR s.blob_no IS NULL OR b.size <> x.size",
    ),
    _check(
        "every parcel's content is there",
        account="p.account_id",
        what="'parcel ' || p.id || ' blob ' || p.blob_no",
        tables="parcels p LEFT JOIN blobs b ON b.no = p.blob_no",
        broken="b.no IS NULL",
    ),
    _check(
        "an account's used bytes and objects are those of its emails",
        account="a.id",
        what="'says ' || a.used_bytes || '/' || a.used_objects || ' and has ' || coalesce(c.size, 0) || '/'"
        " || coalesce(c.objects, 0)",
        tables=_USED,
        broken="a.kind <> 'directory' AND (a.used_bytes <> coalesce(c.size, 0)"
        " OR a.used_objects <> coalesce(c.objects, 0))",
    ),
    *(
        _check(
            f"the change log's newest row of each {name} is the one it says",
            account="x.account_id",
            what=f"'{name} ' || x.id || ' has modseq ' || x.modseq || ', the log ' || coalesce(c.newest, 0)",
            tables=f"{table} x LEFT JOIN {_NEWEST.format(type=name)} c"
            " ON c.account_id = x.account_id AND c.object_id = x.id",
            broken="coalesce(c.newest, 0) <> x.modseq",
        )
        for name, table in (("Email", "emails"), ("Mailbox", "mailboxes"))
    ),
    *(
        _check(
            f"what the change log calls destroyed is gone, and what it does not is there ({name})",
            account="c.account_id",
            what=f"'{name} ' || c.object_id",
            tables=f"changes c JOIN {_NEWEST.format(type=name)} n ON n.account_id = c.account_id"
            " AND n.object_id = c.object_id AND n.newest = c.modseq"
            f" LEFT JOIN {table} x ON x.account_id = c.account_id AND x.id = c.object_id",
            broken=f"c.type = '{name}' AND ((c.what = 3) <> (x.id IS NULL))",
        )
        for name, table in (("Email", "emails"), ("Mailbox", "mailboxes"))
    ),
    _check(
        "the change log does not run ahead of its account",
        account="c.account_id",
        what="c.type || ' ' || c.object_id || ' at ' || c.modseq",
        tables="changes c LEFT JOIN accounts a ON a.id = c.account_id",
        broken="a.id IS NULL OR c.modseq > a.modseq",
    ),
    _check(
        "every account has its inbox",
        account="a.id",
        what="a.name",
        tables="accounts a LEFT JOIN mailboxes m ON m.account_id = a.id AND m.role = 'inbox'",
        broken="a.kind <> 'directory' AND m.id IS NULL",
    ),
    _check(
        "a delivery names an account that exists",
        account="d.account_id",
        what="d.source || ' for ' || d.recipient",
        tables="deliveries d LEFT JOIN accounts a ON a.id = d.account_id",
        broken="a.id IS NULL",
    ),
)


def verify(
    tx: ReadTx, store: BlobStore, *, deep: bool = False, progress: Callable[[str], None] = lambda promise: None
) -> Iterator[Finding]:
    """Ask every check; with deep, read every content and compare it with its name."""
    for check in CHECKS:
        progress(check.promise)
        rows = tx.execute(text(check.query)).all()
        for row in rows[:MOST]:
            yield Finding(check.promise, row.account, row.what)
        if len(rows) > MOST:
            yield Finding(check.promise, 0, f"and more: only the first {MOST} are shown")
    progress("every large content is in the blob store" + (" and every content is what its name says" if deep else ""))
    yield from _contents(tx, store, deep=deep)


def _contents(tx: ReadTx, store: BlobStore, *, deep: bool) -> Iterator[Finding]:
    last = 0
    where = "" if deep else "AND data IS NULL"
    query = text(f"SELECT no, id, size, data FROM blobs WHERE no > :last {where} ORDER BY no LIMIT 200")
    while rows := tx.execute(query, {"last": last}).all():
        for no, id_, size, data in rows:
            last = no
            yield from _content(store, BlobNo(no), BlobId(id_), size, data, deep=deep)


def _content(
    store: BlobStore, no: BlobNo, id_: BlobId, size: int, data: bytes | None, *, deep: bool
) -> Iterator[Finding]:
    promise = "a content is there and is what its name says"
    if data is None:
        if not store.has(id_):
            yield Finding(promise, 0, f"blob {no} ({id_.hex()}) is not in the blob store")
            return
        if not deep:
            return
        data = store.read(id_, 0, size + 1)
    if len(data) != size or blob_id(data) != id_:
        yield Finding(promise, 0, f"blob {no} ({id_.hex()}) has {len(data)} bytes of {size} and another SHA-256")
