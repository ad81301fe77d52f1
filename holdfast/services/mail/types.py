"""What exists in mail: the shapes that doors show and the types that the kernel keeps in order."""

from __future__ import annotations

import msgspec

from holdfast.ids import BlobNo, ObjectId
from holdfast.kernel.types import ObjectType
from holdfast.services.mail.tables import emails, mailboxes

SEEN = "$seen"
FLAGGED = "$flagged"
ANSWERED = "$answered"
DRAFT = "$draft"

ROLES = ("inbox", "drafts", "sent", "archive", "junk", "trash")
MAX_KEYWORDS = 100
MAX_KEYWORD_LENGTH = 255


class Mailbox(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A named set of emails. RFC 8621 §2, RFC 3501 §2.3.1."""

    id: ObjectId
    parent_id: ObjectId | None
    name: str  # unique among its siblings
    role: str
    sort_order: int
    subscribed: bool
    uid_validity: int
    total: int
    unread: int
    size_bytes: int


class Email(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One message in one account. RFC 8621 §4."""

    id: ObjectId
    blob_no: BlobNo
    thread_id: ObjectId
    size: int
    received_at: int
    sent_at: int
    has_attachment: bool
    keywords: frozenset[str]
    subject: str


class Thread(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The emails of one conversation, oldest first. RFC 8621 §3."""

    id: ObjectId
    email_ids: list[ObjectId]


MAILBOX = ObjectType("Mailbox", Mailbox, mailboxes)
EMAIL = ObjectType("Email", Email, emails, blob_columns=("blob_no",), counted=True)
THREAD = ObjectType("Thread", Thread)

TYPES = (MAILBOX, EMAIL, THREAD)


def keyword_text(keywords: frozenset[str] | set[str]) -> str:
    """Keywords as a row keeps them."""
    return " ".join(sorted(keywords))


def keyword_set(text: str) -> frozenset[str]:
    """Keywords from a row."""
    return frozenset(text.split()) if text else frozenset()
