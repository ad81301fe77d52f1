"""The envelope of a message as IMAP shows it: who, to whom, when, about what; all as the octets that were written.

RFC 9051 §7.5.2 (ENVELOPE).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from holdfast.wire.mime import addresses, headers
from holdfast.wire.mime.addresses import Address


class Envelope(msgspec.Struct, frozen=True, array_like=True):
    """Strings are unfolded, without CR, LF and NUL; None where the field is missing. May hold octets above 127."""

    date: bytes | None = None
    subject: bytes | None = None
    from_: tuple[Address, ...] = ()
    sender: tuple[Address, ...] = ()  # From, where the message has none or an empty one
    reply_to: tuple[Address, ...] = ()  # the same
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    in_reply_to: bytes | None = None
    message_id: bytes | None = None


def envelope(found: Mapping[bytes, Sequence[bytes]]) -> Envelope:
    """The envelope of a header, given as headers.by_name gives it. Of a field twice, the first; of recipients, all."""
    from_ = _first(found, b"from")
    return Envelope(
        _text(found, b"date"),
        _text(found, b"subject"),
        from_,
        _first(found, b"sender") or from_,
        _first(found, b"reply-to") or from_,
        _all(found, b"to"),
        _all(found, b"cc"),
        _all(found, b"bcc"),
        _text(found, b"in-reply-to"),
        _text(found, b"message-id"),
    )


def of_block(block: bytes) -> Envelope:
    """The envelope of a header block, as data[part.header_start : part.body_start] of a message inside a message."""
    return envelope(headers.by_name(headers.fields(block)))


def _text(found: Mapping[bytes, Sequence[bytes]], name: bytes) -> bytes | None:
    values = found.get(name)
    return headers.unfold(values[0]) if values else None


def _first(found: Mapping[bytes, Sequence[bytes]], name: bytes) -> tuple[Address, ...]:
    values = found.get(name)
    return addresses.parse(values[0]) if values else ()


def _all(found: Mapping[bytes, Sequence[bytes]], name: bytes) -> tuple[Address, ...]:
    values = found.get(name)
    if not values:
        return ()
    return addresses.parse(values[0] if len(values) == 1 else b",".join(values))
