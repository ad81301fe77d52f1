"""What an IMAP client says, as shapes. parse.py makes them.

Names of mailboxes are canonical text; flags are bytes as the client wrote them; moments are ms since 1970.
RFC 3501 §6 and the extensions that each shape names.
"""

from __future__ import annotations

from enum import Enum
from typing import Literal, TypeAlias

import msgspec

from holdfast.wire.errors import WireError
from holdfast.wire.imap.search import Key, Return
from holdfast.wire.imap.sequence import SequenceSet


class BadCommand(WireError):
    """A command that cannot be read. no: answer NO rather than BAD; code: a response code, without brackets."""

    def __init__(self, tag: bytes, why: str, *, code: bytes = b"", no: bool = False) -> None:
        super().__init__(why)
        self.tag = tag
        self.why = why
        self.code = code
        self.no = no


class Capability(msgspec.Struct, frozen=True):
    pass


class Noop(msgspec.Struct, frozen=True):
    pass


class Logout(msgspec.Struct, frozen=True):
    pass


class StartTls(msgspec.Struct, frozen=True):
    """Before TLS starts, what the reader holds must be forgotten: CommandReader.forget()."""


class Authenticate(msgspec.Struct, frozen=True):
    """initial: the initial response, decoded; None if there is none. RFC 4959."""

    mechanism: str
    initial: bytes | None


class Login(msgspec.Struct, frozen=True):
    user: str
    password: str

    def __repr__(self) -> str:
        return f"Login({self.user!r}, ...)"


class Enable(msgspec.Struct, frozen=True):
    """capabilities: upper case. RFC 5161."""

    capabilities: tuple[str, ...]


class Id(msgspec.Struct, frozen=True):
    """What the client says of itself. RFC 2971."""

    fields: tuple[tuple[str, str | None], ...]


class QuickResync(msgspec.Struct, frozen=True, kw_only=True):
    """What the client knows of the mailbox. RFC 7162 §3.2.5."""

    uid_validity: int
    modseq: int
    known_uids: SequenceSet | None = None
    match_numbers: SequenceSet | None = None
    match_uids: SequenceSet | None = None


class Select(msgspec.Struct, frozen=True, kw_only=True):
    """SELECT, or EXAMINE (read_only)."""

    mailbox: str
    read_only: bool
    condstore: bool = False
    qresync: QuickResync | None = None


class Create(msgspec.Struct, frozen=True):
    """special_use: such as b"\\\\Sent". RFC 6154 §3."""

    mailbox: str
    special_use: tuple[bytes, ...] = ()


class Delete(msgspec.Struct, frozen=True):
    mailbox: str


class Rename(msgspec.Struct, frozen=True):
    source: str
    target: str


class Subscribe(msgspec.Struct, frozen=True):
    mailbox: str


class Unsubscribe(msgspec.Struct, frozen=True):
    mailbox: str


class StatusItem(Enum):
    MESSAGES = b"MESSAGES"
    RECENT = b"RECENT"
    UIDNEXT = b"UIDNEXT"
    UIDVALIDITY = b"UIDVALIDITY"
    UNSEEN = b"UNSEEN"
    DELETED = b"DELETED"
    SIZE = b"SIZE"  # RFC 8438
    HIGHESTMODSEQ = b"HIGHESTMODSEQ"
    APPENDLIMIT = b"APPENDLIMIT"
    MAILBOXID = b"MAILBOXID"


class List(msgspec.Struct, frozen=True, kw_only=True):
    """LIST. extended: in the syntax of RFC 5258, which changes what is answered for an empty pattern."""

    reference: str
    patterns: tuple[str, ...]
    extended: bool = False
    only_subscribed: bool = False
    only_special_use: bool = False
    recursive_match: bool = False
    return_subscribed: bool = False
    return_children: bool = False
    return_special_use: bool = False
    return_status: tuple[StatusItem, ...] = ()


class Lsub(msgspec.Struct, frozen=True):
    reference: str
    pattern: str


class Namespace(msgspec.Struct, frozen=True):
    pass


class Status(msgspec.Struct, frozen=True):
    mailbox: str
    items: tuple[StatusItem, ...]


class Append(msgspec.Struct, frozen=True):
    """APPEND up to its message, which follows in chunks. size: as announced."""

    mailbox: str
    flags: tuple[bytes, ...]
    received_at: int | None
    size: int


class Idle(msgspec.Struct, frozen=True):
    pass


class Check(msgspec.Struct, frozen=True):
    pass


class Close(msgspec.Struct, frozen=True):
    pass


class Unselect(msgspec.Struct, frozen=True):
    pass


class Expunge(msgspec.Struct, frozen=True):
    """uids: only these, with UID EXPUNGE (RFC 4315 §2.1)."""

    uids: SequenceSet | None = None


class Search(msgspec.Struct, frozen=True):
    """returns: None without RETURN; an empty RETURN is ALL."""

    key: Key
    uid: bool
    returns: tuple[Return, ...] | None = None


class Known(Enum):
    """FETCH items that open no message."""

    UID = b"UID"
    FLAGS = b"FLAGS"
    INTERNALDATE = b"INTERNALDATE"
    SIZE = b"RFC822.SIZE"
    ENVELOPE = b"ENVELOPE"
    BODY = b"BODY"
    BODYSTRUCTURE = b"BODYSTRUCTURE"
    MODSEQ = b"MODSEQ"
    EMAILID = b"EMAILID"
    THREADID = b"THREADID"


SectionText: TypeAlias = Literal["", "HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT", "TEXT", "MIME"]


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """BODY[...]<...>, RFC822, RFC822.HEADER and RFC822.TEXT.

    label: as the response names it, such as b"BODY[1.MIME]<0>". partial: first byte and length. fields: as the client
    wrote them. peek: does not set \\Seen.
    """

    label: bytes
    part: tuple[int, ...] = ()
    text: SectionText = ""
    fields: tuple[bytes, ...] = ()
    partial: tuple[int, int] | None = None
    peek: bool = False


Item: TypeAlias = Known | Section


class Fetch(msgspec.Struct, frozen=True, kw_only=True):
    """FETCH. items: each once, macros written out, with UID and MODSEQ where another part of the command asks for them."""

    numbers: SequenceSet
    uid: bool
    items: tuple[Item, ...]
    changed_since: int | None = None
    vanished: bool = False


class Store(msgspec.Struct, frozen=True, kw_only=True):
    """STORE. mode: "=" replaces, "+" adds, "-" removes. RFC 7162 §3.1.3 (UNCHANGEDSINCE)."""

    numbers: SequenceSet
    uid: bool
    mode: Literal["=", "+", "-"]
    flags: tuple[bytes, ...]
    silent: bool
    unchanged_since: int | None = None


class Copy(msgspec.Struct, frozen=True):
    numbers: SequenceSet
    uid: bool
    mailbox: str


class Move(msgspec.Struct, frozen=True):
    """RFC 6851."""

    numbers: SequenceSet
    uid: bool
    mailbox: str


Command: TypeAlias = (
    Capability
    | Noop
    | Logout
    | StartTls
    | Authenticate
    | Login
    | Enable
    | Id
    | Select
    | Create
    | Delete
    | Rename
    | Subscribe
    | Unsubscribe
    | List
    | Lsub
    | Namespace
    | Status
    | Append
    | Idle
    | Check
    | Close
    | Unselect
    | Expunge
    | Search
    | Fetch
    | Store
    | Copy
    | Move
)
