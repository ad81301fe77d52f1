"""Envelopes: who sends a message to whom, as the door took it and as the intake keeps it.

Addresses are as the peer wrote them, without angle brackets; "" is the null sender. DSN parameters are RFC 3461's.
"""

from __future__ import annotations

import msgspec


class Recipient(msgspec.Struct, frozen=True, array_like=True):
    """One RCPT: notify holds the wishes of RFC 3461 §4.1 ("" for the default), orcpt the original recipient (§4.2)."""

    address: str
    notify: str = ""
    orcpt: str = ""


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message's envelope.

    At the body's start stand own_headers bytes of trace headers that this house wrote (Return-Path, Delivered-To,
    Received); the first skip_bytes of them do not leave it again.
    """

    sender: str
    recipients: list[Recipient]
    account: int = 0  # who was signed in; 0: a stranger
    door: str = "smtp"  # smtp, submission, lmtp, dsn, ...
    peer: str = ""  # address of the client
    helo: str = ""
    ret: str = ""  # FULL or HDRS, RFC 3461 §4.3
    envid: str = ""  # RFC 3461 §4.4
    smtputf8: bool = False
    body_8bit: bool = False
    skip_bytes: int = 0
    own_headers: int = 0


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Envelope).decode


def pack(envelope: Envelope) -> bytes:
    """As the intake keeps it."""
    return _encode(envelope)


def unpack(packed: bytes) -> Envelope:
    """From the intake."""
    return _decode(packed)


def domain_of(address: str) -> str:
    """The domain of an address in lower case; "" if it has none."""
    return address.rpartition("@")[2].lower() if "@" in address else ""
