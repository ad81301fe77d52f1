"""Sequence sets: what they mean, that they are never expanded, and that writing them loses nothing."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.wire.errors import WireError
from holdfast.wire.imap.sequence import (
    SAVED,
    SequenceSet,
    by_number,
    by_uid,
    compact,
    contains,
    indices,
    parse,
    runs_of,
    size,
)

NUMBERS = st.integers(1, 60)
PIECES = st.tuples(NUMBERS | st.just(0), NUMBERS | st.just(0))


def text_of(pieces: list[tuple[int, int]]) -> bytes:
    return ",".join(f"{low or '*'}:{high or '*'}" for low, high in pieces).encode()


def naive(pieces: list[tuple[int, int]], there: list[int]) -> set[int]:
    """Indices of the numbers in there that are meant, by looking at each."""
    if not there:
        return set()
    found = set()
    for low, high in pieces:
        low, high = sorted((low or there[-1], high or there[-1]))
        found |= {at for at, number in enumerate(there) if low <= number <= high}
    return found


@given(st.lists(PIECES, min_size=1, max_size=8), st.integers(0, 50))
def test_numbers_are_those_meant(pieces: list[tuple[int, int]], count: int) -> None:
    runs = by_number(parse(text_of(pieces)), count)
    assert list(indices(runs)) == sorted(naive(pieces, list(range(1, count + 1))))
    assert runs == runs_of(indices(runs)) or runs == ()


@given(st.lists(PIECES, min_size=1, max_size=8), st.sets(NUMBERS))
def test_uids_are_those_meant(pieces: list[tuple[int, int]], there: set[int]) -> None:
    uids = array("I", sorted(there))
    runs = by_uid(parse(text_of(pieces)), uids)
    assert list(indices(runs)) == sorted(naive(pieces, list(uids)))
    assert size(runs) == len(list(indices(runs)))
    meant = {at for at, uid in enumerate(uids) if contains(parse(text_of(pieces)), uid, uids[-1])}
    assert meant == naive(pieces, list(uids))


@given(st.sets(st.integers(1, 300), min_size=1))
def test_a_written_set_is_read_back(numbers: set[int]) -> None:
    written = compact(sorted(numbers))
    assert set(indices(by_number(parse(written), 300))) == {number - 1 for number in numbers}


def test_sets_are_written_compactly_and_in_order() -> None:
    assert compact([]) == b""
    assert compact([7]) == b"7"
    assert compact(array("I", range(1, 20_001))) == b"1:20000"
    assert compact([5, 6, 7, 3, 4, 9]) == b"5:7,3:4,9"


def test_the_largest_range_costs_nothing() -> None:
    assert by_number(parse(b"1:4294967295"), 20_000) == [range(20_000)]
    assert by_uid(parse(b"4294967295:1"), array("I", [5, 9])) == [range(2)]
    assert by_uid(parse(b"100:*"), array("I", [5, 9])) == [range(1, 2)]


@pytest.mark.parametrize(
    "text",
    [b"", b"0", b"1,", b",1", b"1::2", b"1:2:3", b"a", b"-1", b"1 2", b"4294967296", b"99999999999", b"$,1", b"01"],
)
def test_what_is_no_set_is_refused(text: bytes) -> None:
    with pytest.raises(WireError):
        parse(text)


def test_the_saved_result_stands_for_itself() -> None:
    assert parse(b"$") == SAVED == SequenceSet(saved=True)
