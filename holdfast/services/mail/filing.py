"""Filing: emails come into an account, many in one go, with all that reading them will need.

Owns the rows of new Emails: thread, entry with UID, counts, search words, shape. What can be computed from the bytes was
computed before the transaction (shapes.py), so that the writer's turn is short. Leaves to sorting.py who gets a message
and to entries.py everything that happens to it afterwards.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from holdfast.ids import AccountId, BlobId, BlobNo, ObjectId
from holdfast.kernel import blobs
from holdfast.kernel.blobs import Content
from holdfast.kernel.transaction import Tx
from holdfast.services.mail import entries, threads
from holdfast.services.mail.shapes import Shape
from holdfast.services.mail.tables import SEARCH, shapes
from holdfast.services.mail.types import EMAIL, SEEN, THREAD, keyword_text


class Message(msgspec.Struct, frozen=True):
    """A message ready to be filed: its content (prepared, so durable if it is large) and what was computed from it."""

    content: Content
    shape: Shape


class NewEmail(msgspec.Struct, frozen=True, kw_only=True):
    """One message for one mailbox of one account. received_at: ms since 1970, IMAP's INTERNALDATE."""

    message: Message
    mailbox: ObjectId
    keywords: frozenset[str] = frozenset()
    deleted: bool = False
    received_at: int


class Added(msgspec.Struct, frozen=True):
    """Where an email is now."""

    email: ObjectId
    mailbox: ObjectId
    uid: int
    thread: ObjectId


def keep_messages(tx: Tx, messages: Sequence[Message]) -> dict[BlobId, BlobNo]:
    """Write contents and shapes; what is there already stays as it is."""
    numbers = blobs.keep(tx, [message.content for message in messages])
    rows = [
        {
            "blob_no": numbers[message.content.id],
            "header_size": message.shape.header_size,
            "parse_version": message.shape.version,
            "defects": message.shape.defects,
            "preview": message.shape.preview,
            "envelope": message.shape.envelope,
            "structure": message.shape.structure,
            "parts": message.shape.parts,
            "headers": message.shape.headers,
        }
        for message in messages
    ]
    if rows:
        tx.execute(tx.database.insert_once(shapes), rows)
    return numbers


def add(
    tx: Tx,
    account: AccountId,
    new: Sequence[NewEmail],
    *,
    numbers: dict[BlobId, BlobNo] | None = None,
    limited: bool = True,
) -> list[Added]:
    """File emails into an account, in order. OverQuota: none was filed.

    numbers: of contents that keep_messages has written in this transaction already.
    """
    if not new:
        return []
    if numbers is None:
        numbers = keep_messages(tx, [item.message for item in new])
    tx.use(account, sum(item.message.content.size for item in new), len(new), limited=limited)
    refs = [item.message.shape.refs for item in new]
    thread_ids, opened = threads.assign(tx, account, refs)
    ids = [ObjectId(id_) for id_ in tx.new_ids(account, len(new))]
    tx.create(
        EMAIL,
        account,
        [
            {
                "id": id_,
                "blob_no": numbers[item.message.content.id],
                "thread_id": thread,
                "text_id": id_,
                "places": 1,
                "size": item.message.content.size,
                "received_at": item.received_at,
                "sent_at": item.message.shape.sent_at if item.message.shape.sent_at is not None else item.received_at,
                "has_attachment": item.message.shape.has_attachment,
                "keywords": keyword_text(item.keywords),
                "subject": item.message.shape.subject,
                "base_subject": item.message.shape.base_subject,
                "from_sort": item.message.shape.from_sort,
                "to_sort": item.message.shape.to_sort,
            }
            for id_, thread, item in zip(ids, thread_ids, new, strict=True)
        ],
    )
    distinct = set(thread_ids)
    tx.note(THREAD, account, created=distinct & opened, updated=distinct - opened)
    tx.database.text.add(
        tx.connection, SEARCH, [(account, id_, item.message.shape.texts) for id_, item in zip(ids, new, strict=True)]
    )
    return _place(tx, account, new, ids, thread_ids)


def _place(
    tx: Tx, account: AccountId, new: Sequence[NewEmail], ids: Sequence[ObjectId], thread_ids: Sequence[ObjectId]
) -> list[Added]:
    by_mailbox: dict[ObjectId, list[int]] = defaultdict(list)
    for index, item in enumerate(new):
        by_mailbox[item.mailbox].append(index)
    uids = [0] * len(new)
    for mailbox, indexes in by_mailbox.items():
        given = entries.place(
            tx,
            account,
            mailbox,
            [(ids[index], new[index].deleted) for index in indexes],
            unread=sum(SEEN not in new[index].keywords for index in indexes),
            size_bytes=sum(new[index].message.content.size for index in indexes),
        )
        for index, uid in zip(indexes, given, strict=True):
            uids[index] = uid
    return [
        Added(id_, item.mailbox, uid, thread) for id_, item, uid, thread in zip(ids, new, uids, thread_ids, strict=True)
    ]
