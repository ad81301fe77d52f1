"""Sets of message numbers and UIDs: read, resolved to runs of indices, written compactly.

A set is never expanded: 1:4294967295 stays one range, and resolving costs a bisection for each range.
RFC 3501 §9 (sequence-set), RFC 5182 ($), RFC 4315 §3 (uid-set).
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import chain, pairwise

import msgspec

from holdfast.wire.errors import WireError

MAX_NUMBER = 0xFFFF_FFFF
STAR = 0
"""Stands for "*", the largest number in use."""

Runs = Sequence[range]
"""Indices into a mailbox, from 0: ranges of step 1, rising, none touching the next."""

_SET = re.compile(
    rb"(?:[1-9][0-9]{0,9}|\*)(?::(?:[1-9][0-9]{0,9}|\*))?(?:,(?:[1-9][0-9]{0,9}|\*)(?::(?:[1-9][0-9]{0,9}|\*))?)*"
)


class SequenceSet(msgspec.Struct, frozen=True):
    """ranges: first and last as the client wrote them, STAR for "*". saved: "$", the result of the last SEARCH."""

    ranges: tuple[tuple[int, int], ...] = ()
    saved: bool = False


SAVED = SequenceSet(saved=True)
EVERYTHING = SequenceSet(((1, STAR),))


def parse(text: bytes) -> SequenceSet:
    """Read a sequence-set, or WireError. The length of text bounds the work."""
    if text == b"1:*":
        return EVERYTHING
    if text == b"$":
        return SAVED
    if _SET.fullmatch(text) is None:
        raise WireError("This is not a set of message numbers")
    ranges: list[tuple[int, int]] = []
    for piece in text.replace(b"*", b"0").split(b","):
        first, colon, last = piece.partition(b":")
        low = int(first)
        ranges.append((low, int(last) if colon else low))
    if max(map(max, ranges)) > MAX_NUMBER:
        raise WireError("A message number has at most 32 bits")
    return SequenceSet(tuple(ranges))


def by_number(wanted: SequenceSet, count: int) -> Runs:
    """Indices of message numbers in a mailbox of count messages; numbers beyond it are passed over."""
    if count == 0:
        return ()
    found: list[tuple[int, int]] = []
    for first, last in wanted.ranges:
        low, high = _ordered(first or count, last or count)
        if low <= count:
            found.append((low - 1, min(high, count)))
    return _merged(found)


def by_uid(wanted: SequenceSet, uids: array[int]) -> Runs:
    """Indices of UIDs that exist in uids, which rises. n:* always has the last message (RFC 3501 §6.4.8)."""
    if not uids:
        return ()
    largest = uids[-1]
    found: list[tuple[int, int]] = []
    for first, last in wanted.ranges:
        low, high = _ordered(first or largest, last or largest)
        start = bisect_left(uids, low)
        stop = bisect_right(uids, high, start)
        if start < stop:
            found.append((start, stop))
    return _merged(found)


def runs_of(indices: Iterable[int]) -> Runs:
    """Rising indices as runs."""
    return [range(low, high + 1) for low, high in _consecutive(indices)]


def indices(runs: Runs) -> Iterable[int]:
    """The indices one by one."""
    return runs[0] if len(runs) == 1 else chain.from_iterable(runs)


def size(runs: Runs) -> int:
    """How many indices there are."""
    return sum(map(len, runs))


def contains(wanted: SequenceSet, number: int, largest: int) -> bool:
    """Whether a number is in the set, where largest is what "*" means."""
    for first, last in wanted.ranges:
        low, high = _ordered(first or largest, last or largest)
        if low <= number <= high:
            return True
    return False


def compact(numbers: Iterable[int]) -> bytes:
    """Numbers as a set, in the order given: consecutive rising ones become a range. Empty: b""."""
    return b",".join(b"%d:%d" % run if run[0] != run[1] else b"%d" % run[0] for run in _consecutive(numbers))


def _consecutive(numbers: Iterable[int]) -> list[tuple[int, int]]:
    listed = numbers if isinstance(numbers, (list, tuple, array, range)) else list(numbers)
    if not listed:
        return []
    breaks = [at for at, (one, two) in enumerate(pairwise(listed), 1) if two != one + 1]
    starts = [0, *breaks]
    stops = [*breaks, len(listed)]
    return [(listed[start], listed[stop - 1]) for start, stop in zip(starts, stops, strict=True)]


def _ordered(one: int, two: int) -> tuple[int, int]:
    return (one, two) if one <= two else (two, one)


def _merged(found: list[tuple[int, int]]) -> Runs:
    """Half-open pairs as runs: sorted, overlapping and touching ones joined."""
    if len(found) <= 1:
        return [range(*pair) for pair in found]
    found.sort()
    runs: list[range] = []
    start, stop = found[0]
    for low, high in found:
        if low > stop:
            runs.append(range(start, stop))
            start, stop = low, high
        elif high > stop:
            stop = high
    runs.append(range(start, stop))
    return runs
