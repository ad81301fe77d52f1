"""Shapes: what was computed from a message's bytes when it came, and how it is read again.

A shape is a pure function of the bytes (shaping.py), so it belongs to the content and is shared by all who have it.
Reading shapes opens no message.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Column, select

from holdfast.ids import BlobNo
from holdfast.kernel.transaction import ReadTx
from holdfast.services.mail.tables import shapes


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What listing, threading and searching need of one message."""

    version: int
    header_size: int
    headers: bytes | None  # None: too long to lie beside the shape
    envelope: bytes  # as IMAP sends it
    structure: bytes  # BODYSTRUCTURE as IMAP sends it
    parts: bytes  # msgpack of wire.mime's Part
    preview: str
    defects: str
    message_id: str
    refs: list[int]
    subject: str
    base_subject: str
    from_sort: str
    to_sort: str
    sent_at: int | None  # ms since 1970; None: no Date that can be read
    has_attachment: bool
    texts: tuple[str, str, str, str, str]  # as tables.SEARCH names them


def read(tx: ReadTx, column: Column[bytes], numbers: Sequence[BlobNo]) -> dict[int, bytes | None]:
    """One column of the shapes of some contents; the caller bounds how many.

    Numbers that lie together are read as one range, which is how a mailbox is stored.
    """
    if not numbers:
        return {}
    low, high = min(numbers), max(numbers)
    query = select(shapes.c.blob_no, column)
    if high - low < 3 * len(numbers) + 100:
        rows = tx.execute(query.where(shapes.c.blob_no.between(low, high)))
        return {no: value for no, value in rows}  # noqa: C416 - rows are not pairs to the type checker
    found: dict[int, bytes | None] = {}
    for start in range(0, len(numbers), 500):
        some = list(numbers[start : start + 500])
        found.update((no, value) for no, value in tx.execute(query.where(shapes.c.blob_no.in_(some))))
    return found
