"""The tables of mail.

An Email is one message in one account, with its keywords. An entry is its place in one mailbox, with the UID that IMAP
knows it by; an email may have several. What was computed from the bytes of a message (shapes) belongs to the blob, so
that copies and many recipients share it. Columns that listing reads are in narrow rows; the wide ones come after them.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from holdfast.kernel.database import SearchTable
from holdfast.kernel.schema import RowNumber, metadata

mailboxes = Table(
    "mailboxes",
    metadata,
    Column("account_id", BigInteger, primary_key=True),
    Column("id", BigInteger, primary_key=True),
    Column("parent_id", BigInteger, nullable=False, server_default="0"),  # 0: at the top
    Column("name", String(255), nullable=False),
    Column("role", String(32), nullable=False, server_default=""),
    Column("sort_order", Integer, nullable=False, server_default="10"),
    Column("subscribed", Boolean, nullable=False, server_default="1"),
    Column("uid_validity", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False, server_default="0"),
    Column("unread", BigInteger, nullable=False, server_default="0"),
    Column("size_bytes", BigInteger, nullable=False, server_default="0"),
    Column("modseq", BigInteger, nullable=False),
    UniqueConstraint("account_id", "parent_id", "name", name="mailboxes_name"),
)

mailbox_uids = Table(
    "mailbox_uids",
    metadata,
    # What IMAP counts in a mailbox; apart from it, because a new flag is no change of the Mailbox (RFC 8621 §2.2).
    Column("account_id", BigInteger, primary_key=True),
    Column("mailbox_id", BigInteger, primary_key=True),
    Column("uid_next", BigInteger, nullable=False),
    Column("content_modseq", BigInteger, nullable=False),  # newest change of an entry: HIGHESTMODSEQ
    sqlite_with_rowid=False,
)

emails = Table(
    "emails",
    metadata,
    Column("account_id", BigInteger, primary_key=True),
    Column("id", BigInteger, primary_key=True),
    Column("blob_no", BigInteger, nullable=False),
    Column("thread_id", BigInteger, nullable=False),
    Column("text_id", BigInteger, nullable=False),  # the email under whose id the full text of this content is indexed
    Column("places", Integer, nullable=False),  # in how many mailboxes it is
    Column("size", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger, nullable=False),  # the Date header; received_at where there is none
    Column("has_attachment", Boolean, nullable=False, server_default="0"),
    Column("keywords", Text, nullable=False, server_default=""),  # sorted, lower case, one space between
    Column("subject", Text, nullable=False, server_default=""),  # decoded, at most 998 characters
    Column("base_subject", Text, nullable=False, server_default=""),  # RFC 5256 §2.1
    Column("from_sort", Text, nullable=False, server_default=""),
    Column("to_sort", Text, nullable=False, server_default=""),
    Column("modseq", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Index("emails_blob", emails.c.blob_no)
Index("emails_thread", emails.c.account_id, emails.c.thread_id)
Index("emails_text", emails.c.account_id, emails.c.text_id)

entries = Table(
    "entries",
    metadata,
    Column("account_id", BigInteger, primary_key=True),
    Column("mailbox_id", BigInteger, primary_key=True),
    Column("uid", BigInteger, primary_key=True),
    Column("email_id", BigInteger, nullable=False),
    Column("modseq", BigInteger, nullable=False),
    Column("saved_at", BigInteger, nullable=False),
    # IMAP's \\Deleted is a mark on the place, not on the email: JMAP does not know it (RFC 8621 §4.1.1).
    Column("deleted", Boolean, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)
Index("entries_modseq", entries.c.account_id, entries.c.mailbox_id, entries.c.modseq)
Index("entries_email", entries.c.account_id, entries.c.email_id)

expunged = Table(
    "expunged",
    metadata,
    Column("account_id", BigInteger, primary_key=True),
    Column("mailbox_id", BigInteger, primary_key=True),
    Column("modseq", BigInteger, primary_key=True),
    Column("uid", BigInteger, primary_key=True),
    sqlite_with_rowid=False,
)

shapes = Table(
    "shapes",
    metadata,
    Column("blob_no", RowNumber, primary_key=True, autoincrement=False),
    Column("header_size", Integer, nullable=False),
    Column("parse_version", Integer, nullable=False),
    Column("defects", Text, nullable=False, server_default=""),
    Column("preview", Text, nullable=False, server_default=""),
    Column("envelope", LargeBinary, nullable=False),  # as IMAP sends it, RFC 3501 §7.4.2
    Column("structure", LargeBinary, nullable=False),  # BODYSTRUCTURE as IMAP sends it
    Column("parts", LargeBinary, nullable=False),  # msgpack of the tree with byte offsets (wire/mime)
    Column("headers", LargeBinary, nullable=True),  # the header block; None: too long, read the blob
)

buried = Table(
    "buried",
    metadata,
    # Emails that are gone and whose words are still in the index; the blob stays until they are taken out.
    Column("account_id", BigInteger, primary_key=True),
    Column("text_id", BigInteger, primary_key=True),
    Column("blob_no", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Index("buried_blob", buried.c.blob_no)

thread_refs = Table(
    "thread_refs",
    metadata,
    Column("account_id", BigInteger, primary_key=True),
    Column("ref", BigInteger, primary_key=True),  # 63 bits of a hash of (message id, base subject)
    Column("thread_id", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

deliveries = Table(
    "deliveries",
    metadata,
    # The key that makes filing exactly-once: this message of this intake, for this recipient.
    Column("account_id", BigInteger, primary_key=True),
    Column("source", String(64), primary_key=True),  # such as "intake/1/4711"
    Column("recipient", String(320), primary_key=True),
    Column("email_id", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Index("deliveries_age", deliveries.c.at)

parcels = Table(
    "parcels",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("account_id", BigInteger, nullable=False),  # who sent it; 0: nobody here
    Column("source", String(64), nullable=False),
    Column("blob_no", BigInteger, nullable=False),
    Column("skip_bytes", Integer, nullable=False, server_default="0"),  # trace headers that stay in this house
    Column("sender", String(320), nullable=False),  # "" for a DSN
    Column("recipient", String(320), nullable=False),
    Column("domain", String(255), nullable=False),
    Column("options", LargeBinary, nullable=False),  # msgpack of outgoing.Options
    Column("message_id", String(998), nullable=False, server_default=""),
    Column("size", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("held", Boolean, nullable=False, server_default="0"),
    Column("delay_told", Boolean, nullable=False, server_default="0"),
    Column("lease_until", BigInteger, nullable=False, server_default="0"),
    Column("owner", String(64), nullable=False, server_default=""),
    Column("last_answer", Text, nullable=False, server_default=""),
    UniqueConstraint("account_id", "source", "recipient", name="parcels_once"),
    sqlite_autoincrement=True,
)
Index("parcels_due", parcels.c.held, parcels.c.due_at, parcels.c.id)
Index("parcels_domain", parcels.c.domain, parcels.c.due_at)
Index("parcels_blob", parcels.c.blob_no)

destinations = Table(
    "destinations",
    metadata,
    Column("domain", String(255), primary_key=True),
    Column("suspended_until", BigInteger, nullable=False),  # a far day: until somebody resumes it
    Column("why", Text, nullable=False),
    Column("set_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

events = Table(
    "events",
    metadata,
    # The life of a message, for trace: written in the commit of what it tells.
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("account_id", BigInteger, nullable=False),
    Column("source", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("what", String(32), nullable=False),  # taken-in, filed, refused, queued, tried, sent, bounced, ...
    Column("recipient", String(320), nullable=False),
    Column("message_id", String(998), nullable=False),
    Column("detail", Text, nullable=False),
)
Index("events_source", events.c.source, events.c.id)
Index("events_message_id", events.c.message_id)
Index("events_recipient", events.c.recipient, events.c.id)
Index("events_age", events.c.at)

SEARCH = SearchTable("search_email", ("subject", "sender", "recipients", "body", "names"))
"""Full text of emails; body is what the reader sees."""

stuck = Table(
    "stuck",
    metadata,
    # Messages of an intake that could not be sorted: kept there, shown in the queue, tried again.
    Column("source", String(64), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("why", Text, nullable=False),
    sqlite_with_rowid=False,
)
