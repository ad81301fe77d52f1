"""Which bytes of a message BODY[...] means.

A message is a tree of parts with byte offsets (wire/mime); a section is one range of it, or some fields of one header.
So the door reads only what is asked for. RFC 3501 §6.4.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from holdfast.wire.imap import header_fields
from holdfast.wire.imap.commands import Section


class PartLike(Protocol):
    """What is needed of a part: header, then body, as offsets into the message; what lies in it."""

    @property
    def header_start(self) -> int: ...
    @property
    def body_start(self) -> int: ...  # after the empty line
    @property
    def body_end(self) -> int: ...
    @property
    def is_multipart(self) -> bool: ...
    @property
    def children(self) -> Sequence[PartLike]: ...  # of a multipart
    @property
    def message(self) -> PartLike | None: ...  # of message/rfc822, the root of the message inside


class Piece(msgspec.Struct, frozen=True):
    """Bytes of a message from start up to stop. only, without: then fields of that header, not all of it."""

    start: int
    stop: int
    only: tuple[bytes, ...] = ()
    without: tuple[bytes, ...] = ()

    @property
    def filtered(self) -> bool:
        """Whether the header must be read whole and go through fields()."""
        return bool(self.only or self.without)

    def fields(self, header: bytes) -> bytes:
        """What is wanted of a header, its bytes from start up to stop."""
        if self.only:
            return header_fields.only(header, self.only)
        return header_fields.without(header, self.without) if self.without else header


def locate(root: PartLike, section: Section) -> Piece | None:
    """The bytes that a section means, its partial range not yet applied; None if the message has no such section."""
    part: PartLike | None = root
    inner: PartLike | None = root  # the message that HEADER and TEXT are of
    if section.part:
        part = find(root, section.part)
        inner = part.message if part is not None else None
    if part is None:
        return None
    match section.text:
        case "":
            return Piece(part.body_start if section.part else part.header_start, part.body_end)
        case "MIME":
            return Piece(part.header_start, part.body_start)
        case "TEXT" if inner is not None:
            return Piece(inner.body_start, inner.body_end)
        case "HEADER" if inner is not None:
            return Piece(inner.header_start, inner.body_start)
        case "HEADER.FIELDS" if inner is not None:
            return Piece(inner.header_start, inner.body_start, only=section.fields)
        case "HEADER.FIELDS.NOT" if inner is not None:
            return Piece(inner.header_start, inner.body_start, without=section.fields)
        case _:
            return None


def find(root: PartLike, path: tuple[int, ...]) -> PartLike | None:
    """The part with this number. A message that is no multipart is its own part 1."""
    part = root
    whole_message = True  # the next number counts inside a message, not inside a multipart within one
    for number in path:
        if not whole_message and part.message is not None:
            part = part.message
            whole_message = True
        if part.is_multipart:
            if number > len(part.children):
                return None
            part = part.children[number - 1]
        elif not whole_message or number != 1:
            return None
        whole_message = False
    return part


def partial(piece: Piece, section: Section) -> Piece:
    """The piece cut to the section's <first.length>; for pieces that are not filtered."""
    if section.partial is None:
        return piece
    first, length = section.partial
    start = min(piece.start + first, piece.stop)
    return Piece(start, min(start + length, piece.stop))


def cut(data: bytes, section: Section) -> bytes:
    """Bytes cut to the section's <first.length>."""
    if section.partial is None:
        return data
    first, length = section.partial
    return data[first : first + length]
