"""SEARCH: its keys as shapes, and which messages they mean.

Keys that a picture can answer (numbers, flags, dates, sizes, modseqs) are answered here, for all messages at once. The
others (words, headers, the Date header, threads) are leaves(): the caller asks the store and hands the answers in.
A selection is an int with one byte for each message, 1 or 0, so that AND, OR and NOT are one operation in C.
RFC 3501 §6.4.4, RFC 4731 (ESEARCH), RFC 5032 (WITHIN), RFC 7162 §3.1.5 (MODSEQ), RFC 8474 §5.3 (EMAILID).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from enum import Enum
from functools import reduce
from itertools import compress
from operator import and_
from typing import TYPE_CHECKING, TypeAlias, assert_never

import msgspec

from holdfast.wire.imap import sequence
from holdfast.wire.imap.sequence import SequenceSet

if TYPE_CHECKING:
    from holdfast.wire.imap.picture import Snapshot


class All(msgspec.Struct, frozen=True):
    """Every message; none: no message (RECENT and NEW, which this server does not know)."""

    none: bool = False


class Numbers(msgspec.Struct, frozen=True):
    """Messages by number, or by UID."""

    numbers: SequenceSet
    uid: bool


class Flag(msgspec.Struct, frozen=True):
    """Messages that carry a flag; name in lower case, with its backslash."""

    name: bytes


class Size(msgspec.Struct, frozen=True):
    """Bytes: larger than, smaller than."""

    larger: int | None = None
    smaller: int | None = None


class Received(msgspec.Struct, frozen=True):
    """Internal date, ms since 1970: from, and before. Days are those of UTC."""

    since: int | None = None
    before: int | None = None


class Age(msgspec.Struct, frozen=True):
    """Internal date against now. older: at least so old; else at most. RFC 5032 §2."""

    seconds: int
    older: bool


class ModSeq(msgspec.Struct, frozen=True):
    """Changed at this modseq or after it."""

    modseq: int


class EmailId(msgspec.Struct, frozen=True):
    """The message with this object id; 0 if nothing can have the id that was asked for."""

    email: int


class Sent(msgspec.Struct, frozen=True):
    """Date header, ms since 1970: from, and before."""

    since: int | None = None
    before: int | None = None


class ThreadId(msgspec.Struct, frozen=True):
    """The messages of one thread; 0 if nothing can have the id that was asked for."""

    thread: int


class Where(Enum):
    """Where words are looked for."""

    SUBJECT = "SUBJECT"
    FROM = "FROM"
    TO = "TO"
    CC = "CC"
    BCC = "BCC"
    BODY = "BODY"
    TEXT = "TEXT"  # header and body


class Words(msgspec.Struct, frozen=True):
    """A piece of text, in any case, somewhere."""

    where: Where
    text: str


class Header(msgspec.Struct, frozen=True):
    """A piece of text in a header field; "": the field is there."""

    field: str
    text: str


class Not(msgspec.Struct, frozen=True):
    key: Key


class Or(msgspec.Struct, frozen=True):
    one: Key
    other: Key


class And(msgspec.Struct, frozen=True):
    keys: tuple[Key, ...]


Leaf: TypeAlias = "Sent | ThreadId | Words | Header"
Key: TypeAlias = "All | Numbers | Flag | Size | Received | Age | ModSeq | EmailId | Leaf | Not | Or | And"


class Return(Enum):
    """What SEARCH RETURN asks for. RFC 4731 §3.1, RFC 5182 §2.1."""

    MIN = "MIN"
    MAX = "MAX"
    ALL = "ALL"
    COUNT = "COUNT"
    SAVE = "SAVE"


def leaves(key: Key) -> tuple[Leaf, ...]:
    """The keys that only the store can answer, each once."""
    return tuple(dict.fromkeys(_leaves(key)))


def candidates(key: Key, picture: Snapshot, *, now_ms: int, saved: Collection[int] = ()) -> list[int]:
    """Indices of the messages for which the leaves decide; for all others they need not be asked."""
    sure, possible = _Search(picture, now_ms, saved, None).bounds(key)
    return _indices(possible & ~sure, len(picture.uids))


def evaluate(
    key: Key,
    picture: Snapshot,
    answers: Mapping[Leaf, Set[int]] | None = None,
    *,
    now_ms: int,
    saved: Collection[int] = (),
) -> list[int]:
    """Indices of the messages that match, rising.

    answers: for each leaf the ids of the emails that match it; what is not among the candidates does not matter.
    saved: UIDs that "$" stands for.
    """
    sure, _ = _Search(picture, now_ms, saved, answers or {}).bounds(key)
    return _indices(sure, len(picture.uids))


def needs_modseq(key: Key) -> bool:
    """Whether a MODSEQ key is in it, so that the answer carries the highest modseq. RFC 7162 §3.1.5."""
    match key:
        case ModSeq():
            return True
        case Not(inner):
            return needs_modseq(inner)
        case Or(one, other):
            return needs_modseq(one) or needs_modseq(other)
        case And(keys):
            return any(map(needs_modseq, keys))
        case _:
            return False


def _leaves(key: Key) -> Iterator[Leaf]:
    match key:
        case Sent() | ThreadId() | Words() | Header():
            yield key
        case Not(inner):
            yield from _leaves(inner)
        case Or(one, other):
            yield from _leaves(one)
            yield from _leaves(other)
        case And(keys):
            for inner in keys:
                yield from _leaves(inner)
        case _:
            return


def _indices(selection: int, count: int) -> list[int]:
    return list(compress(range(count), selection.to_bytes(count, "little")))


class _Search:
    """One evaluation: for each key what surely matches and what possibly does; the same but for leaves not asked yet."""

    def __init__(
        self, picture: Snapshot, now_ms: int, saved: Collection[int], answers: Mapping[Leaf, Set[int]] | None
    ) -> None:
        self._picture = picture
        self._now_ms = now_ms
        self._saved = saved
        self._answers = answers
        self._count = len(picture.uids)
        self._all = int.from_bytes(b"\1" * self._count, "little")

    def bounds(self, key: Key) -> tuple[int, int]:
        match key:
            case Sent() | ThreadId() | Words() | Header():
                if self._answers is None:
                    return 0, self._all
                found = self._where(self._answers[key].__contains__, self._picture.emails)
            case Not(inner):
                sure, possible = self.bounds(inner)
                return self._all ^ possible, self._all ^ sure
            case Or(one, other):
                pairs = self.bounds(one), self.bounds(other)
                return pairs[0][0] | pairs[1][0], pairs[0][1] | pairs[1][1]
            case And(keys):
                both = [self.bounds(inner) for inner in keys]
                return reduce(and_, [sure for sure, _ in both]), reduce(and_, [possible for _, possible in both])
            case _:
                found = self._known(key)
        return found, found

    def _known(self, key: All | Numbers | Flag | Size | Received | Age | ModSeq | EmailId) -> int:
        picture = self._picture
        match key:
            case All(none):
                return 0 if none else self._all
            case Numbers(numbers, uid):
                return self._runs(self._resolved(numbers, uid))
            case Flag(name):
                carries = {flags: name in flags.lower().split() for flags in set(picture.flags)}
                return self._where(carries.__getitem__, picture.flags)
            case Size(larger, smaller):
                return self._between(picture.sizes, None if larger is None else larger + 1, smaller)
            case Received(since, before):
                return self._between(picture.received, since, before)
            case Age(seconds, older):
                edge = self._now_ms - seconds * 1000
                return self._between(picture.received, *((None, edge + 1) if older else (edge, None)))
            case ModSeq(modseq):
                return self._between(picture.modseqs, modseq, None)
            case EmailId(email):
                return self._where(email.__eq__, picture.emails)
            case _:
                assert_never(key)

    def _resolved(self, numbers: SequenceSet, uid: bool) -> sequence.Runs:
        if numbers.saved:
            numbers = SequenceSet(tuple((one, one) for one in self._saved))
            uid = True
        return sequence.by_uid(numbers, self._picture.uids) if uid else sequence.by_number(numbers, self._count)

    def _runs(self, runs: sequence.Runs) -> int:
        mask = bytearray(self._count)
        for run in runs:
            mask[run.start : run.stop] = b"\1" * len(run)
        return int.from_bytes(mask, "little")

    def _between(self, column: Sequence[int], low: int | None, below: int | None) -> int:
        selection = self._all
        if low is not None:
            selection &= self._where(low.__le__, column)
        if below is not None:
            selection &= self._where(below.__gt__, column)
        return selection

    def _where(
        self, holds: Callable[[int], bool] | Callable[[bytes], bool], column: Sequence[int] | Sequence[bytes]
    ) -> int:
        return int.from_bytes(bytes(map(holds, column)), "little")  # type: ignore[arg-type]  # they fit each other
