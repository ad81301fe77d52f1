"""Contents: kept while a row names them, however large, and never twice."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.clock import HandClock
from holdfast.engines.folder import FolderStore
from holdfast.errors import Invalid, NotFound
from holdfast.ids import AccountId, BlobId, BlobNo, ObjectId
from holdfast.kernel import blobs
from holdfast.kernel.cell import Cell
from holdfast.kernel.transaction import Tx

from .things import THING, things

SMALL = b"a small content"
LARGE = bytes(range(256)) * (blobs.INLINE // 256) + b"and one more"


def put(cell: Cell, data: bytes) -> BlobNo:
    content = blobs.prepare(cell.blobs, data)
    return cell.write_now(blobs.keep, [content])[content.id]


@pytest.mark.parametrize("data", [b"", SMALL, LARGE[: blobs.INLINE], LARGE])
def test_a_content_is_read_back_whole_and_in_ranges(cell: Cell, data: bytes) -> None:
    no = put(cell, data)

    def read(start: int = 0, length: int | None = None) -> bytes:
        return cell.read_now(blobs.read, cell.blobs, no, start, length)

    assert read() == data
    size = len(data)
    most = (1 << 32) - 1  # IMAP and JMAP clients may ask for that much
    for start, length in (
        (0, 0),
        (0, 5),
        (3, 4),
        (size, 5),
        (size + 10, 5),
        (0, size),
        (1, size * 2),
        (2, most),
        (most, 9),
    ):
        assert read(start, length) == data[start : start + length]
    assert read(2) == data[2:]
    assert cell.read_now(blobs.describe, no) == (hashlib.sha256(data).digest(), size)
    assert cell.read_now(blobs.number, BlobId(hashlib.sha256(data).digest())) == no


def test_only_large_contents_are_in_the_store(cell: Cell) -> None:
    put(cell, SMALL)
    put(cell, LARGE)
    assert not cell.blobs.has(blobs.prepare(cell.blobs, SMALL).id)
    assert cell.blobs.has(BlobId(hashlib.sha256(LARGE).digest()))


@pytest.mark.parametrize("data", [SMALL, LARGE])
def test_the_same_content_has_one_number(cell: Cell, data: bytes) -> None:
    first = put(cell, data)
    content = blobs.prepare(cell.blobs, data)
    assert cell.write_now(blobs.keep, [content, content]) == {content.id: first}


def test_many_contents_in_one_query(cell: Cell) -> None:
    numbers = [put(cell, data) for data in (SMALL, LARGE, b"third")]
    found = cell.read_now(blobs.read_many, cell.blobs, [*numbers, BlobNo(4711)])
    assert found == dict(zip(numbers, (SMALL, LARGE, b"third"), strict=True))


def test_what_is_not_there_is_not_found(cell: Cell) -> None:
    for ask in (
        lambda tx: blobs.read(tx, cell.blobs, BlobNo(9)),
        lambda tx: blobs.describe(tx, BlobNo(9)),
        lambda tx: blobs.number(tx, BlobId(b"x" * 32)),
    ):
        with pytest.raises(NotFound):
            cell.read_now(ask)


def test_only_what_no_row_names_is_swept(cell: Cell, account: AccountId, clock: HandClock) -> None:
    named, free, large = put(cell, SMALL), put(cell, b"free"), put(cell, LARGE)

    def name(tx: Tx) -> None:
        tx.create(THING, account, [{"id": tx.new_id(account), "name": "one", "blob_no": named}])

    cell.write_now(name)
    clock.turn(timedelta(hours=1))
    young = put(cell, b"young")

    def sweep(tx: Tx) -> list[BlobId]:
        return blobs.forget(tx, blobs.unnamed(tx, [things.c.blob_no], BlobNo(0), 100, clock.now_ms() - 1000))

    assert cell.write_now(sweep) == [hashlib.sha256(LARGE).digest()]
    assert cell.read_now(blobs.read, cell.blobs, named) == SMALL
    assert cell.read_now(blobs.read, cell.blobs, young) == b"young"
    for no in (free, large):
        with pytest.raises(NotFound):
            cell.read_now(blobs.read, cell.blobs, no)
    assert put(cell, b"free") > young, "a number is never used again"


def test_a_write_that_fails_keeps_no_row(cell: Cell) -> None:
    content = blobs.prepare(cell.blobs, LARGE)

    def fail(tx: Tx) -> None:
        blobs.keep(tx, [content])
        raise Invalid("thing")

    with pytest.raises(Invalid):
        cell.write_now(fail)
    with pytest.raises(NotFound):
        cell.read_now(blobs.number, content.id)


def test_many_contents_are_kept_at_once(cell: Cell) -> None:
    contents = [blobs.prepare(cell.blobs, b"%d" % n) for n in range(1200)]
    numbers = cell.write_now(blobs.keep, contents)
    assert len(set(numbers.values())) == 1200
    assert cell.write_now(blobs.keep, []) == {}
    assert ObjectId(max(numbers.values())) >= 1200


# -- the store for large ones -------------------------------------------------------------------------------------


@pytest.fixture(params=["folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> blobs.BlobStore:
    assert request.param == "folder"
    return FolderStore(tmp_path / "store")


def name_of(data: bytes) -> BlobId:
    return BlobId(hashlib.sha256(data).digest())


def grow_old(store: blobs.BlobStore, folder: Path) -> None:
    """As if everything in the store had been put long ago."""
    import os

    for file in folder.rglob("*"):
        if file.is_file():
            os.utime(file, (0, 0))


def test_a_store_gives_back_what_was_put(store: blobs.BlobStore) -> None:
    id_ = name_of(LARGE)
    assert not store.has(id_)
    store.put(id_, LARGE)
    store.put(id_, LARGE)
    assert store.has(id_)
    assert store.read(id_, 0, len(LARGE)) == LARGE
    assert store.read(id_, 10, 20) == LARGE[10:30]
    assert store.read(id_, len(LARGE), 20) == b""


def test_a_store_takes_over_a_file_and_outlives_it(store: blobs.BlobStore, tmp_path: Path) -> None:
    file = tmp_path / "intake"
    file.write_bytes(LARGE)
    store.adopt(name_of(LARGE), file)
    store.adopt(name_of(LARGE), file)
    file.unlink()
    assert store.read(name_of(LARGE), 0, len(LARGE)) == LARGE


def test_a_store_does_not_find_what_it_has_not(store: blobs.BlobStore) -> None:
    with pytest.raises(NotFound):
        store.read(name_of(b"nothing"), 0, 1)
    store.delete(name_of(b"nothing"))


def test_a_store_forgets(store: blobs.BlobStore, tmp_path: Path) -> None:
    store.put(name_of(LARGE), LARGE)
    grow_old(store, tmp_path)
    store.delete(name_of(LARGE))
    assert not store.has(name_of(LARGE))
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_a_content_that_is_put_again_is_not_swept_away(store: blobs.BlobStore, tmp_path: Path) -> None:
    store.put(name_of(LARGE), LARGE)
    grow_old(store, tmp_path)
    store.put(name_of(LARGE), LARGE)  # for a row that is not committed yet
    store.delete(name_of(LARGE))  # by a sweeper who removed the old row
    assert store.read(name_of(LARGE), 0, 5) == LARGE[:5]
    assert len([file for file in tmp_path.rglob("*") if file.is_file()]) == 1


@settings(max_examples=30, deadline=None)
@given(data=st.binary(max_size=300), start=st.integers(0, 400), length=st.integers(0, 400))
def test_a_range_is_a_slice(tmp_path_factory: pytest.TempPathFactory, data: bytes, start: int, length: int) -> None:
    store = FolderStore(tmp_path_factory.getbasetemp() / "ranges")
    store.put(name_of(data), data)
    assert store.read(name_of(data), start, length) == data[start : start + length]
