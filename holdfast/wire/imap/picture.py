"""What one client believes its mailbox looks like, and how it is told what changed.

A Snapshot is immutable and shared by all sessions that have seen the same state; each session holds the one that its
client was told of last. diff() gives the untagged responses that carry a client from its picture to a newer snapshot.
Where EXPUNGE is forbidden, vanished messages stay in the picture that it returns until it is allowed, so numbers always
mean what the client thinks. Cost: arrays are compared in C, then Python looks at what differs.
RFC 3501 §7.3, §7.4.1, RFC 2180, RFC 7162 §3.2.10 (VANISHED).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterable, Sequence
from operator import attrgetter
from typing import TypeVar

import msgspec

from holdfast.wire.imap import listing, respond, sequence


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A mailbox at one modseq: parallel columns, by rising UID. Whoever holds one must not change its columns."""

    uids: array[int]  # "I"
    flags: list[bytes]  # as IMAP writes them, without parentheses: b"\\Seen $label"; equal ones should be one object
    modseqs: array[int]  # "Q"
    emails: array[int]  # "Q", ids of the Email objects
    blobs: array[int]  # "Q", numbers of their contents
    received: array[int]  # "q", ms since 1970
    sizes: array[int]  # "Q", bytes
    uid_validity: int
    uid_next: int
    highest_modseq: int

    def __len__(self) -> int:
        return len(self.uids)


class Changed(msgspec.Struct, frozen=True):
    """A message as it is now: a new one, or one whose flags or modseq are others than before."""

    uid: int
    flags: bytes
    modseq: int
    email: int
    blob: int
    received: int
    size: int


class Diff(msgspec.Struct, frozen=True):
    """untagged: what to send, b"" for nothing. picture: what the client believes after it."""

    untagged: bytes
    picture: Snapshot


_Column = TypeVar("_Column", "array[int]", "list[bytes]")


def empty(uid_validity: int, uid_next: int = 1, highest_modseq: int = 1) -> Snapshot:
    """A mailbox without messages."""
    return Snapshot(
        uids=array("I"),
        flags=[],
        modseqs=array("Q"),
        emails=array("Q"),
        blobs=array("Q"),
        received=array("q"),
        sizes=array("Q"),
        uid_validity=uid_validity,
        uid_next=uid_next,
        highest_modseq=highest_modseq,
    )


def apply(
    snapshot: Snapshot,
    changes: Sequence[Changed],
    vanished: Iterable[int],
    *,
    uid_next: int,
    highest_modseq: int,
) -> Snapshot:
    """A newer snapshot; columns that did not change are shared with the old one.

    changes: by rising UID. vanished: UIDs in any order, also such as the snapshot never had.
    ValueError: a change of a message that is not there and is not newer than all that are.
    """
    kept = _without(snapshot, vanished)
    last = kept.uids[-1] if kept.uids else 0
    split = bisect_right(changes, last, key=attrgetter("uid"))
    old, new = changes[:split], changes[split:]
    flags, modseqs = kept.flags, kept.modseqs
    interned: dict[bytes, bytes] = {}
    if old:
        flags, modseqs = flags[:], modseqs[:]
        for at, change in zip(_places(kept.uids, old), old, strict=True):
            flags[at] = interned.setdefault(change.flags, change.flags)
            modseqs[at] = change.modseq
    tail = Snapshot(
        uids=array("I", [change.uid for change in new]),
        flags=[interned.setdefault(change.flags, change.flags) for change in new],
        modseqs=array("Q", [change.modseq for change in new]),
        emails=array("Q", [change.email for change in new]),
        blobs=array("Q", [change.blob for change in new]),
        received=array("q", [change.received for change in new]),
        sizes=array("Q", [change.size for change in new]),
        uid_validity=snapshot.uid_validity,
        uid_next=uid_next,
        highest_modseq=highest_modseq,
    )
    return _followed(kept, flags, modseqs, tail, 0)


def diff(
    old: Snapshot,
    new: Snapshot,
    *,
    may_expunge: bool,
    condstore: bool = False,
    qresync: bool = False,
    uid: bool = False,
    silent: Container[int] = (),
) -> Diff:
    """Tell a client who believes old what is so in new, a later state of the same mailbox (same UIDVALIDITY).

    may_expunge: some command runs, and it is no FETCH, STORE or SEARCH by number (RFC 3501 §7.4.1); IDLE counts.
    condstore: MODSEQ is told. qresync: MODSEQ, UID, and VANISHED in place of EXPUNGE. uid: UID with each FETCH.
    silent: UIDs whose flags the client knows already (STORE .SILENT); their MODSEQ is still told.
    """
    if old is new:
        return Diff(b"", old)
    gone = _gone(old.uids, new.uids)
    known = len(old.uids) - len(gone)
    runs = _between(gone, len(old.uids))
    changed = _differing(_pick(old.modseqs, runs) if gone else old.modseqs, new.modseqs, known)
    holes = [at - rank for rank, at in enumerate(gone)]
    before = [at + bisect_right(holes, at) for at in changed] if gone else changed
    picture, now = new, changed
    if gone and not may_expunge:
        picture, now = _with_ghosts(old, new, before, changed, known), before
    out: list[bytes] = []
    if gone and may_expunge:
        if qresync:
            out.append(b"* VANISHED %b\r\n" % sequence.compact([old.uids[at] for at in gone]))
        else:  # from the end, so that each number is still the one of old
            out.extend([b"* %d EXPUNGE\r\n" % (at + 1) for at in reversed(gone)])
    if len(new.uids) > known:
        out.append(b"* %d EXISTS\r\n* 0 RECENT\r\n" % len(picture.uids))
    if changed:
        condstore, uid = condstore or qresync, uid or qresync
        pairs = zip(before, now, strict=True)
        loud = [at for was, at in pairs if old.flags[was] != picture.flags[at] and picture.uids[at] not in silent]
        out.append(_fetches(picture, loud, uid=uid, flags=True, modseq=condstore))
        if condstore and len(loud) < len(now):
            quiet = sorted(set(now).difference(loud))
            out.append(_fetches(picture, quiet, uid=uid, flags=False, modseq=True))
    return Diff(b"".join(out), picture)


def index_of(uids: array[int], uid: int) -> int | None:
    """Where a UID stands; None if it is not there."""
    at = bisect_left(uids, uid)
    return at if at < len(uids) and uids[at] == uid else None


def changed_since(snapshot: Snapshot, modseq: int, runs: sequence.Runs) -> sequence.Runs:
    """Those of some messages whose modseq is larger. RFC 7162 §3.1.4.1 (CHANGEDSINCE)."""
    if modseq >= snapshot.highest_modseq:
        return ()
    return sequence.runs_of([at for at in sequence.indices(runs) if snapshot.modseqs[at] > modseq])


def resync(
    snapshot: Snapshot, modseq: int, vanished: Sequence[int], known: sequence.SequenceSet | None = None
) -> bytes:
    """What a client who knew the mailbox at a modseq is told when it opens it again. RFC 7162 §3.2.5.2.

    vanished: UIDs that went after that modseq, rising. known: the UIDs that the client knows; without, all.
    """
    gone = array("I", vanished)
    there: sequence.Runs = [range(len(snapshot.uids))]
    if known is not None:
        gone = array("I", listing.take(gone, sequence.by_uid(known, gone)))
        there = sequence.by_uid(known, snapshot.uids)
    changed = list(sequence.indices(changed_since(snapshot, modseq, there)))
    fetches = _fetches(snapshot, changed, uid=True, flags=True, modseq=True)
    return respond.vanished(gone, earlier=True) + fetches


def _fetches(picture: Snapshot, at: list[int], *, uid: bool, flags: bool, modseq: bool) -> bytes:
    if not at:
        return b""
    columns: list[listing.Column] = []
    if uid:
        columns.append(listing.Column(b"UID %d", [picture.uids[i] for i in at]))
    if flags:
        columns.append(listing.Column(b"FLAGS (%b)", [picture.flags[i] for i in at]))
    if modseq:
        columns.append(listing.Column(b"MODSEQ (%d)", [picture.modseqs[i] for i in at]))
    return listing.responses([i + 1 for i in at], columns)


def _gone(old: array[int], new: array[int]) -> list[int]:
    """Indices in old of the UIDs that new lacks. Both rise, and what old lacks comes last in new."""
    gone: list[int] = []
    i = j = 0
    while True:
        same = _agree(old, i, new, j)
        i, j = i + same, j + same
        if i == len(old):
            return gone
        if len(gone) == 64:  # many: a set is cheaper than looking for each
            there = set(new[j:])
            gone.extend([at for at in range(i, len(old)) if old[at] not in there])
            return gone
        if j < len(new) and new[j] < old[i]:
            raise ValueError("a UID came between others")
        gone.append(i)
        i += 1


def _agree(one: array[int], i: int, two: array[int], j: int) -> int:
    """How many values are the same from i and j on."""
    limit = min(len(one) - i, len(two) - j)
    if one[i : i + limit] == two[j : j + limit]:
        return limit
    at, step = 0, 1 << 14
    while step:
        while at + step <= limit and one[i + at : i + at + step] == two[j + at : j + at + step]:
            at += step
        step >>= 2
    return at


def _differing(one: array[int], two: array[int], count: int) -> list[int]:
    """Indices below count where two columns differ."""
    if one is two or one == two[:count]:
        return []
    found: list[int] = []
    for start in range(0, count, 256):
        stop = min(start + 256, count)
        some, others = one[start:stop], two[start:stop]
        if some != others:
            found.extend([at for at, (x, y) in enumerate(zip(some, others, strict=True), start) if x != y])
    return found


def _between(gone: Sequence[int], count: int) -> list[tuple[int, int]]:
    """What is left of range(count) without some indices, as half-open pairs."""
    starts = [0, *(at + 1 for at in gone)]
    stops = [*gone, count]
    return [(start, stop) for start, stop in zip(starts, stops, strict=True) if start < stop]


def _pick(column: _Column, runs: Sequence[tuple[int, int]]) -> _Column:
    picked = column[:0]
    for start, stop in runs:
        picked += column[start:stop]
    return picked


def _without(snapshot: Snapshot, vanished: Iterable[int]) -> Snapshot:
    gone = sorted({at for uid in vanished if (at := index_of(snapshot.uids, uid)) is not None})
    if not gone:
        return snapshot
    runs = _between(gone, len(snapshot.uids))
    return Snapshot(
        uids=_pick(snapshot.uids, runs),
        flags=_pick(snapshot.flags, runs),
        modseqs=_pick(snapshot.modseqs, runs),
        emails=_pick(snapshot.emails, runs),
        blobs=_pick(snapshot.blobs, runs),
        received=_pick(snapshot.received, runs),
        sizes=_pick(snapshot.sizes, runs),
        uid_validity=snapshot.uid_validity,
        uid_next=snapshot.uid_next,
        highest_modseq=snapshot.highest_modseq,
    )


def _places(uids: array[int], changes: Sequence[Changed]) -> list[int]:
    if len(changes) * 8 < len(uids):
        found = [index_of(uids, change.uid) for change in changes]
    else:
        index = {uid: at for at, uid in enumerate(uids)}
        found = [index.get(change.uid) for change in changes]
    places = [at for at in found if at is not None]
    if len(places) < len(changes):
        raise ValueError("a UID came between others")
    return places


def _with_ghosts(old: Snapshot, new: Snapshot, before: list[int], changed: list[int], known: int) -> Snapshot:
    """new, and among it the messages of old that it lacks."""
    flags, modseqs = old.flags, old.modseqs
    if changed:
        flags, modseqs = flags[:], modseqs[:]
        for was, at in zip(before, changed, strict=True):
            flags[was] = new.flags[at]
            modseqs[was] = new.modseqs[at]
    return _followed(old, flags, modseqs, new, known)


def _followed(head: Snapshot, flags: list[bytes], modseqs: array[int], tail: Snapshot, start: int) -> Snapshot:
    """head with other flags and modseqs, then what tail has from start on; counters are those of tail."""
    more = len(tail.uids) > start
    return Snapshot(
        uids=head.uids + tail.uids[start:] if more else head.uids,
        flags=flags + tail.flags[start:] if more else flags,
        modseqs=modseqs + tail.modseqs[start:] if more else modseqs,
        emails=head.emails + tail.emails[start:] if more else head.emails,
        blobs=head.blobs + tail.blobs[start:] if more else head.blobs,
        received=head.received + tail.received[start:] if more else head.received,
        sizes=head.sizes + tail.sizes[start:] if more else head.sizes,
        uid_validity=tail.uid_validity,
        uid_next=tail.uid_next,
        highest_modseq=tail.highest_modseq,
    )
