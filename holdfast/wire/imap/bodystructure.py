"""BODY and BODYSTRUCTURE as IMAP sends them.

Whatever a message is made of, what is said of it is what the grammar allows: a multipart has at least one part, a
message inside has an envelope, a text has lines. RFC 3501 §7.4.2, §9 (body).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from holdfast.wire.imap import envelope
from holdfast.wire.imap.envelope import EnvelopeLike
from holdfast.wire.imap.respond import nstring, string
from holdfast.wire.imap.section import PartLike

MAX_DEPTH = 100
"""What lies deeper is said to be bytes: clients read this recursively too."""

_NO_TEXT = b'"TEXT" "PLAIN" NIL NIL NIL "7BIT" 0 0'


class StructuredLike(PartLike, Protocol):
    """What BODYSTRUCTURE says of a part. Names may be in any case, values are as in the header."""

    @property
    def type(self) -> bytes: ...
    @property
    def subtype(self) -> bytes: ...
    @property
    def parameters(self) -> Sequence[tuple[bytes, bytes]]: ...
    @property
    def content_id(self) -> bytes | None: ...
    @property
    def description(self) -> bytes | None: ...
    @property
    def encoding(self) -> bytes: ...
    @property
    def lines(self) -> int: ...
    @property
    def md5(self) -> bytes | None: ...
    @property
    def disposition(self) -> bytes | None: ...
    @property
    def disposition_parameters(self) -> Sequence[tuple[bytes, bytes]]: ...
    @property
    def language(self) -> Sequence[bytes]: ...
    @property
    def location(self) -> bytes | None: ...
    @property
    def envelope(self) -> EnvelopeLike | None: ...
    @property
    def children(self) -> Sequence[StructuredLike]: ...
    @property
    def message(self) -> StructuredLike | None: ...


def render(root: StructuredLike, *, extended: bool) -> bytes:
    """The value of BODYSTRUCTURE, or without extension data that of BODY, in parentheses."""
    out: list[bytes] = []
    _render(root, extended, 0, out)
    return b"".join(out)


def _render(part: StructuredLike, extended: bool, depth: int, out: list[bytes]) -> None:
    if part.is_multipart and depth < MAX_DEPTH:
        _multipart(part, extended, depth, out)
    else:
        _single(part, extended, depth, out)


def _multipart(part: StructuredLike, extended: bool, depth: int, out: list[bytes]) -> None:
    out.append(b"(")
    for child in part.children:
        _render(child, extended, depth + 1, out)
    if not part.children:
        out.append(b"(%b%b)" % (_NO_TEXT, b" NIL NIL NIL NIL" if extended else b""))
    out.append(b" " + string(part.subtype))
    if extended:
        out.append(b" %b %b" % (_parameters(part.parameters), _where_and_how(part)))
    out.append(b")")


def _single(part: StructuredLike, extended: bool, depth: int, out: list[bytes]) -> None:
    kind = part.type.upper()
    inside = kind == b"MESSAGE" and part.subtype.upper() == b"RFC822"
    too_deep = depth >= MAX_DEPTH and (inside or part.is_multipart)
    named = b'"APPLICATION" "OCTET-STREAM"' if too_deep else b"%b %b" % (string(part.type), string(part.subtype))
    out.append(
        b"(%b %b %b %b %b %d"
        % (
            named,
            _parameters(part.parameters),
            nstring(part.content_id),
            nstring(part.description),
            string(part.encoding),
            part.body_end - part.body_start,
        )
    )
    if inside and not too_deep:
        _message(part, extended, depth, out)
    if (kind == b"TEXT" or inside) and not too_deep:
        out.append(b" %d" % part.lines)
    if extended:
        out.append(b" %b %b" % (nstring(part.md5), _where_and_how(part)))
    out.append(b")")


def _message(part: StructuredLike, extended: bool, depth: int, out: list[bytes]) -> None:
    """Envelope and structure of the message inside."""
    message = part.message
    if message is None:
        out.append(b" %b (%b%b)" % (envelope.NOTHING, _NO_TEXT, b" NIL NIL NIL NIL" if extended else b""))
        return
    out.append(b" %b " % (envelope.NOTHING if message.envelope is None else envelope.render(message.envelope)))
    _render(message, extended, depth + 1, out)


def _where_and_how(part: StructuredLike) -> bytes:
    """Disposition, language, location."""
    disposition = b"NIL"
    if part.disposition is not None:
        disposition = b"(%b %b)" % (string(part.disposition), _parameters(part.disposition_parameters))
    language = b"NIL"
    if part.language:
        language = b"(%b)" % b" ".join(map(string, part.language))
    return b"%b %b %b" % (disposition, language, nstring(part.location))


def _parameters(parameters: Sequence[tuple[bytes, bytes]]) -> bytes:
    if not parameters:
        return b"NIL"
    return b"(%b)" % b" ".join([string(piece) for pair in parameters for piece in pair])
