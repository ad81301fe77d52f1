"""Contents: named by their SHA-256, never changed, kept while a row names them.

Up to INLINE bytes lie in the database, committed with the row that names them; what is larger lies in the blob store,
stored there before the row that names it. The store is never listed for truth: rows are the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec
from sqlalchemy import Column, bindparam, delete, func, select

from holdfast.errors import NotFound
from holdfast.ids import BlobId, BlobNo, blob_id
from holdfast.kernel.schema import blobs
from holdfast.kernel.transaction import ReadTx, Tx

INLINE = 256 * 1024
"""Bytes up to which a content lies in the database."""


class Content(msgspec.Struct, frozen=True):
    """A content on its way into a transaction. data is None once it lies in the blob store."""

    id: BlobId
    size: int
    data: bytes | None


class BlobStore(Protocol):
    """Large contents by name. Every method may block; put and adopt return when the content would survive a power cut."""

    def put(self, id_: BlobId, data: bytes) -> None: ...

    def adopt(self, id_: BlobId, file: Path) -> None:
        """Take the content of a durable file on the same file system, without copying where that is possible."""
        ...

    def read(self, id_: BlobId, start: int, length: int) -> bytes:
        """A range of a content. NotFound."""
        ...

    def has(self, id_: BlobId) -> bool: ...

    def delete(self, id_: BlobId) -> None:
        """Forget a content, unless somebody put it again just now; quiet if there is none.

        A sweeper and a writer may meet: the row is gone, and the same content is on its way to a new one.
        """
        ...


def prepare(store: BlobStore, data: bytes) -> Content:
    """Make a content ready to be named by a row: call before the write that names it."""
    id_ = blob_id(data)
    if len(data) <= INLINE:
        return Content(id_, len(data), data)
    store.put(id_, data)
    return Content(id_, len(data), None)


def prepare_file(store: BlobStore, id_: BlobId, size: int, file: Path) -> Content:
    """As prepare, for a durable file whose SHA-256 is known."""
    if size <= INLINE:
        return Content(id_, size, file.read_bytes())
    store.adopt(id_, file)
    return Content(id_, size, None)


_FIND = select(blobs.c.id, blobs.c.no).where(blobs.c.id.in_(bindparam("ids", expanding=True)))


def keep(tx: Tx, contents: Sequence[Content]) -> dict[BlobId, BlobNo]:
    """Write the rows of contents; answers their numbers. A content that is there already keeps its number."""
    rows = [
        {"id": content.id, "size": content.size, "data": content.data, "created_at": tx.now_ms} for content in contents
    ]
    if not rows:
        return {}
    tx.execute(tx.database.insert_once(blobs), rows)
    found: dict[BlobId, BlobNo] = {}
    for start in range(0, len(rows), 500):
        ids = [content.id for content in contents[start : start + 500]]
        found.update((BlobId(id_), BlobNo(no)) for id_, no in tx.execute(_FIND, {"ids": ids}))
    return found


def number(tx: ReadTx, id_: BlobId) -> BlobNo:
    """The number of a content by its name. NotFound."""
    no = tx.execute(select(blobs.c.no).where(blobs.c.id == id_)).scalar()
    if no is None:
        raise NotFound("blob", id_.hex())
    return BlobNo(no)


def describe(tx: ReadTx, no: BlobNo) -> tuple[BlobId, int]:
    """Name and size in bytes of a content. NotFound."""
    row = tx.execute(select(blobs.c.id, blobs.c.size).where(blobs.c.no == no)).one_or_none()
    if row is None:
        raise NotFound("blob", no)
    return BlobId(row.id), row.size


def read(tx: ReadTx, store: BlobStore, no: BlobNo, start: int = 0, length: int | None = None) -> bytes:
    """A range of a content, the whole by default; what lies past the end is not there. NotFound."""
    wanted = (1 << 62) if length is None else length
    # substr counts in 32 bits, and no content in the database comes near that.
    some = func.substr(blobs.c.data, min(start, 1 << 30) + 1, min(wanted, 1 << 30))
    piece = blobs.c.data if start == 0 and length is None else some
    inline = blobs.c.data.is_not(None).label("inline")
    row = tx.execute(
        select(blobs.c.id, blobs.c.size, inline, piece.label("piece")).where(blobs.c.no == no)
    ).one_or_none()
    if row is None:
        raise NotFound("blob", no)
    if row.inline:
        return bytes(row.piece or b"")  # a range of nothing is NULL in SQLite
    return store.read(BlobId(row.id), start, max(0, min(wanted, row.size - start)))


def read_many(tx: ReadTx, store: BlobStore, numbers: Sequence[BlobNo]) -> dict[BlobNo, bytes]:
    """Whole contents by number, in one query; the caller bounds how many. Missing ones are left out."""
    rows = tx.execute(
        select(blobs.c.no, blobs.c.id, blobs.c.size, blobs.c.data).where(blobs.c.no.in_(numbers)).order_by(blobs.c.no)
    )
    return {
        BlobNo(row.no): row.data if row.data is not None else store.read(BlobId(row.id), 0, row.size) for row in rows
    }


def unnamed(tx: ReadTx, naming: Sequence[Column[int]], after: BlobNo, limit: int, before_ms: int) -> list[BlobNo]:
    """Contents older than before_ms that no row names, in order of number, at most `limit`."""
    query = select(blobs.c.no).where(blobs.c.no > after, blobs.c.created_at < before_ms)
    for column in naming:
        query = query.where(~select(1).where(column == blobs.c.no).exists())
    return [BlobNo(no) for no in tx.execute(query.order_by(blobs.c.no).limit(limit)).scalars()]


def forget(tx: Tx, numbers: Sequence[BlobNo]) -> list[BlobId]:
    """Remove the rows of contents that no row names; answers the names to delete from the store after the commit."""
    gone: list[BlobId] = []
    for start in range(0, len(numbers), 500):
        some = numbers[start : start + 500]
        gone.extend(
            BlobId(id_)
            for id_ in tx.execute(select(blobs.c.id).where(blobs.c.no.in_(some), blobs.c.data.is_(None))).scalars()
        )
        tx.execute(delete(blobs).where(blobs.c.no.in_(some)))
    return gone
