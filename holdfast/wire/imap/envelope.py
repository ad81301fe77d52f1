"""ENVELOPE as IMAP sends it. RFC 3501 §7.4.2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from holdfast.wire.imap.respond import nstring


class AddressLike(Protocol):
    """One address; a group begins with one that has only a mailbox (its name) and ends with one that has nothing."""

    @property
    def name(self) -> bytes | None: ...
    @property
    def mailbox(self) -> bytes | None: ...
    @property
    def host(self) -> bytes | None: ...


class EnvelopeLike(Protocol):
    """What the header says, not decoded; None: no such field. sender and reply_to may be empty: then they are from_."""

    @property
    def date(self) -> bytes | None: ...
    @property
    def subject(self) -> bytes | None: ...
    @property
    def from_(self) -> Sequence[AddressLike]: ...
    @property
    def sender(self) -> Sequence[AddressLike]: ...
    @property
    def reply_to(self) -> Sequence[AddressLike]: ...
    @property
    def to(self) -> Sequence[AddressLike]: ...
    @property
    def cc(self) -> Sequence[AddressLike]: ...
    @property
    def bcc(self) -> Sequence[AddressLike]: ...
    @property
    def in_reply_to(self) -> bytes | None: ...
    @property
    def message_id(self) -> bytes | None: ...


NOTHING = b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"
"""The envelope of a message that could not be read."""


def render(envelope: EnvelopeLike) -> bytes:
    """The value of ENVELOPE, in parentheses."""
    from_ = _addresses(envelope.from_)
    return b"(%b %b %b %b %b %b %b %b %b %b)" % (
        nstring(envelope.date),
        nstring(envelope.subject),
        from_,
        _addresses(envelope.sender) if envelope.sender else from_,
        _addresses(envelope.reply_to) if envelope.reply_to else from_,
        _addresses(envelope.to),
        _addresses(envelope.cc),
        _addresses(envelope.bcc),
        nstring(envelope.in_reply_to),
        nstring(envelope.message_id),
    )


def _addresses(addresses: Sequence[AddressLike]) -> bytes:
    if not addresses:
        return b"NIL"
    return b"(" + b"".join([_address(address) for address in addresses]) + b")"


def _address(address: AddressLike) -> bytes:
    return b"(%b NIL %b %b)" % (nstring(address.name), nstring(address.mailbox), nstring(address.host))
