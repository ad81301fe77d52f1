"""Many FETCH responses at once, out of columns: what a list view of 20,000 messages costs is decided here.

One bytes template is repeated for every message and all of it is filled in one go, in C.
RFC 3501 §7.4.2 (FETCH response), RFC 7162 §3.1.4 (MODSEQ), RFC 8474 §5 (EMAILID).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

import msgspec

from holdfast.wire.imap import sequence

if TYPE_CHECKING:
    from holdfast.wire.imap.picture import Snapshot

_DAY_MS = 86_400_000
_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_EPOCH = date(1970, 1, 1).toordinal()
_LAST_DAY = date(9999, 12, 31).toordinal()
_MINUTES = [b" %02d:%02d:" % divmod(minute, 60) for minute in range(1440)]
_SECONDS = [b"%02d +0000" % second for second in range(60)]


class Column(msgspec.Struct, frozen=True):
    """One item of many responses. form: with one %b or %d, such as b"UID %d"; values: one for each message."""

    form: bytes
    values: Sequence[bytes] | Sequence[int]


def responses(numbers: Sequence[int], columns: Sequence[Column]) -> bytes:
    """One FETCH response for each message number, with its value of each column."""
    template = b"* %d FETCH (" + b" ".join([column.form for column in columns]) + b")\r\n"
    flat = chain.from_iterable(zip(numbers, *(column.values for column in columns), strict=True))
    return template * len(numbers) % tuple(flat)


_Values = TypeVar("_Values", "array[int]", "list[bytes]")


def take(values: _Values, runs: sequence.Runs) -> _Values:
    """A column's values for some messages."""
    taken = values[:0]
    for run in runs:
        taken += values[run.start : run.stop]
    return taken


def numbers(runs: sequence.Runs) -> list[int]:
    """Message numbers, from 1, of indices, from 0."""
    return list(chain.from_iterable([range(run.start + 1, run.stop + 1) for run in runs]))


def uid_column(picture: Snapshot, runs: sequence.Runs) -> Column:
    return Column(b"UID %d", take(picture.uids, runs))


def flags_column(picture: Snapshot, runs: sequence.Runs) -> Column:
    return Column(b"FLAGS (%b)", take(picture.flags, runs))


def modseq_column(picture: Snapshot, runs: sequence.Runs) -> Column:
    return Column(b"MODSEQ (%d)", take(picture.modseqs, runs))


def size_column(picture: Snapshot, runs: sequence.Runs) -> Column:
    return Column(b"RFC822.SIZE %d", take(picture.sizes, runs))


def email_column(picture: Snapshot, runs: sequence.Runs) -> Column:
    return Column(b"EMAILID (M%d)", take(picture.emails, runs))


def date_column(picture: Snapshot, runs: sequence.Runs) -> Column:
    times = [at for run in runs for at in picture.received[run.start : run.stop]]
    return Column(b'INTERNALDATE "%b"', internal_dates(times))


def internal_dates(times_ms: Iterable[int]) -> list[bytes]:
    """Moments as IMAP writes them, in UTC: 24-Nov-2026 09:45:00 +0000. RFC 3501 §9 (date-time)."""
    days: dict[int, bytes] = {}
    written: list[bytes] = []
    for at in times_ms:
        day, ms = divmod(at, _DAY_MS)
        text = days.get(day)
        if text is None:
            text = days[day] = _day(day)
        minute, second = divmod(ms // 1000, 60)
        written.append(text + _MINUTES[minute] + _SECONDS[second])
    return written


def _day(day: int) -> bytes:
    at = date.fromordinal(min(max(day + _EPOCH, 1), _LAST_DAY))
    return b"%2d-%b-%04d" % (at.day, _MONTHS[at.month - 1], at.year)
