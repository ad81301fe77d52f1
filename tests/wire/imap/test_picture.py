"""The picture: whatever happens to a mailbox, what is told carries the client to it, in legal order."""

from __future__ import annotations

import re
from array import array

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from holdfast.wire.imap.picture import Changed, Snapshot, apply, changed_since, diff, empty, index_of, resync
from holdfast.wire.imap.sequence import SequenceSet

FLAGS = [b"", b"\\Seen", b"\\Seen \\Flagged", b"$label", b"\\Deleted \\Seen"]


def change(uid: int, flags: bytes, modseq: int) -> Changed:
    return Changed(uid, flags, modseq, uid + 1000, uid + 2000, uid * 60_000, uid * 10)


def mailbox(uids: list[int], flags: bytes = b"") -> Snapshot:
    top = max(uids, default=0) + 1
    return apply(empty(7), [change(uid, flags, 1) for uid in uids], [], uid_next=top, highest_modseq=1)


class Client:
    """A client that knows nothing but what it was told: messages by number, with the UID and flags it heard of."""

    def __init__(self, snapshot: Snapshot, *, qresync: bool) -> None:
        self.messages: list[list[bytes | int | None]] = [
            [uid, flags] for uid, flags in zip(snapshot.uids, snapshot.flags, strict=True)
        ]
        self.qresync = qresync
        self.expunged = False

    def hears(self, untagged: bytes, new: Snapshot) -> None:
        self.expunged = False
        for line in untagged.split(b"\r\n")[:-1]:
            if found := re.fullmatch(rb"\* (\d+) EXPUNGE", line):
                assert not self.qresync
                self.expunged = True
                del self.messages[int(found.group(1)) - 1]
            elif found := re.fullmatch(rb"\* VANISHED ([\d:,]+)", line):
                assert self.qresync
                self.expunged = True
                gone = members(found.group(1))
                assert gone <= {message[0] for message in self.messages}
                self.messages = [message for message in self.messages if message[0] not in gone]
            elif found := re.fullmatch(rb"\* (\d+) EXISTS", line):
                assert int(found.group(1)) > len(self.messages), "EXISTS never shrinks a mailbox"
                # A client would now fetch what is new; it learns the UIDs and flags as they are.
                for uid, flags in list(zip(new.uids, new.flags, strict=True))[len(self.messages) :]:
                    self.messages.append([uid, flags])
                assert len(self.messages) == int(found.group(1))
            elif found := re.fullmatch(
                rb"\* (\d+) FETCH \((?:UID (\d+) ?)?(?:FLAGS \((.*?)\) ?)?(?:MODSEQ \((\d+)\))?\)", line
            ):
                message = self.messages[int(found.group(1)) - 1]
                assert (found.group(2) is not None) == (found.group(4) is not None) == self.qresync
                assert found.group(2) is None or int(found.group(2)) == message[0]
                if found.group(3) is not None:
                    message[1] = found.group(3)
            else:
                assert line == b"* 0 RECENT", line


def members(uid_set: bytes) -> set[int]:
    found: set[int] = set()
    for piece in uid_set.split(b","):
        first, _, last = piece.partition(b":")
        found.update(range(int(first), int(last or first) + 1))
    return found


class MailboxWithClients(RuleBasedStateMachine):
    """A mailbox that changes at random, and two clients that are told at random moments."""

    @initialize(count=st.integers(0, 30))
    def begin(self, count: int) -> None:
        self.truth: dict[int, bytes] = {uid * 3: b"" for uid in range(1, count + 1)}
        self.next = count * 3 + 3
        self.modseq = 1
        self.snapshot = mailbox(list(self.truth))
        self.pictures = [self.snapshot, self.snapshot]
        self.clients = [Client(self.snapshot, qresync=False), Client(self.snapshot, qresync=True)]

    def _apply(self, changed: list[int], vanished: list[int]) -> None:
        self.modseq += 1
        self.snapshot = apply(
            self.snapshot,
            [change(uid, self.truth[uid], self.modseq) for uid in sorted(changed)],
            vanished,
            uid_next=self.next,
            highest_modseq=self.modseq,
        )

    @rule(count=st.integers(1, 5), flags=st.sampled_from(FLAGS))
    def arrive(self, count: int, flags: bytes) -> None:
        uids = [self.next + 2 * at for at in range(count)]
        self.next = uids[-1] + 1
        self.truth.update(dict.fromkeys(uids, flags))
        self._apply(uids, [])

    @rule(data=st.data(), flags=st.sampled_from(FLAGS))
    def flag(self, data: st.DataObject, flags: bytes) -> None:
        uids = data.draw(st.sets(st.sampled_from(sorted(self.truth)))) if self.truth else set()
        self.truth.update(dict.fromkeys(uids, flags))
        self._apply(sorted(uids), [])

    @rule(data=st.data())
    def expunge(self, data: st.DataObject) -> None:
        uids = data.draw(st.sets(st.sampled_from(sorted(self.truth)))) if self.truth else set()
        for uid in uids:
            del self.truth[uid]
        self._apply([], [*uids, 999_999])

    @rule()
    def many_at_once(self) -> None:
        gone = sorted(self.truth)[::2]
        for uid in gone:
            del self.truth[uid]
        self.truth.update(dict.fromkeys(self.truth, b"\\Answered"))
        self.truth[self.next] = b""
        self.next += 1
        self._apply(sorted(self.truth), gone)

    @rule(who=st.integers(0, 1), may_expunge=st.booleans())
    def tell(self, who: int, may_expunge: bool) -> None:
        client = self.clients[who]
        before = [message[0] for message in client.messages]
        told = diff(self.pictures[who], self.snapshot, may_expunge=may_expunge, qresync=client.qresync)
        client.hears(told.untagged, told.picture)
        self.pictures[who] = told.picture
        if not may_expunge:
            assert not client.expunged
            assert [message[0] for message in client.messages][: len(before)] == before
        else:
            assert [message[0] for message in client.messages] == list(self.truth)
            assert [message[1] for message in client.messages] == list(self.truth.values())
            assert told.picture is self.snapshot

    @invariant()
    def numbers_mean_what_the_client_thinks(self) -> None:
        for client, picture in zip(self.clients, self.pictures, strict=True):
            assert [message[0] for message in client.messages] == list(picture.uids)
            assert [message[1] for message in client.messages] == picture.flags
            for column in (picture.modseqs, picture.emails, picture.blobs, picture.received, picture.sizes):
                assert len(column) == len(picture.uids)
            assert list(picture.emails) == [uid + 1000 for uid in picture.uids]
            assert list(picture.sizes) == [uid * 10 for uid in picture.uids]

    @invariant()
    def the_snapshot_is_the_mailbox(self) -> None:
        assert dict(zip(self.snapshot.uids, self.snapshot.flags, strict=True)) == self.truth
        assert list(self.snapshot.uids) == sorted(self.truth)

    def teardown(self) -> None:
        if hasattr(self, "clients"):
            for who in (0, 1):
                self.tell(who, True)


MailboxWithClients.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
test_clients_end_where_the_mailbox_is = MailboxWithClients.TestCase


def test_nothing_is_told_when_nothing_happened() -> None:
    old = mailbox([1, 2, 3])
    assert diff(old, old, may_expunge=True).untagged == b""
    same = apply(old, [], [], uid_next=9, highest_modseq=5)
    assert diff(old, same, may_expunge=True).untagged == b""
    assert same.uids is old.uids and same.flags is old.flags


def test_expunges_come_first_then_arrivals_then_flags() -> None:
    old = mailbox([1, 2, 3, 4])
    new = apply(old, [change(4, b"\\Seen", 2), change(9, b"", 2)], [1, 3], uid_next=10, highest_modseq=2)
    assert diff(old, new, may_expunge=True).untagged == (
        b"* 3 EXPUNGE\r\n* 1 EXPUNGE\r\n* 3 EXISTS\r\n* 0 RECENT\r\n* 2 FETCH (FLAGS (\\Seen))\r\n"
    )
    assert diff(old, new, may_expunge=True, qresync=True).untagged == (
        b"* VANISHED 1,3\r\n* 3 EXISTS\r\n* 0 RECENT\r\n* 2 FETCH (UID 4 FLAGS (\\Seen) MODSEQ (2))\r\n"
    )
    assert diff(old, new, may_expunge=False).untagged == (b"* 5 EXISTS\r\n* 0 RECENT\r\n* 4 FETCH (FLAGS (\\Seen))\r\n")


def test_a_silent_store_tells_its_modseq_and_no_flags() -> None:
    old = mailbox([1, 2])
    new = apply(old, [change(1, b"\\Seen", 2), change(2, b"\\Seen", 2)], [], uid_next=3, highest_modseq=2)
    assert diff(old, new, may_expunge=False, silent={1, 2}).untagged == b""
    assert diff(old, new, may_expunge=False, condstore=True, silent={1}).untagged == (
        b"* 2 FETCH (FLAGS (\\Seen) MODSEQ (2))\r\n* 1 FETCH (MODSEQ (2))\r\n"
    )


def test_a_flag_that_came_and_went_is_told_only_as_a_modseq() -> None:
    old = mailbox([1])
    new = apply(old, [change(1, b"", 3)], [], uid_next=2, highest_modseq=3)
    assert diff(old, new, may_expunge=True).untagged == b""
    assert diff(old, new, may_expunge=True, condstore=True).untagged == b"* 1 FETCH (MODSEQ (3))\r\n"


@pytest.mark.parametrize("step", [1, 2, 3, 200])
def test_large_mailboxes_are_told_as_small_ones(step: int) -> None:
    old = mailbox(list(range(1, 5001)))
    gone = list(range(1, 5001, step))
    new = apply(old, [change(6000, b"", 2)], gone, uid_next=6001, highest_modseq=2)
    told = diff(old, new, may_expunge=True)
    client = Client(old, qresync=False)
    client.hears(told.untagged, told.picture)
    assert [message[0] for message in client.messages] == list(new.uids)


def test_a_uid_that_comes_between_others_is_a_bug_and_said_so() -> None:
    old = mailbox([1, 5])
    with pytest.raises(ValueError):
        apply(old, [change(3, b"", 2)], [], uid_next=6, highest_modseq=2)
    with pytest.raises(ValueError):
        diff(old, mailbox([1, 3, 5]), may_expunge=True)


def test_snapshots_are_never_changed() -> None:
    old = mailbox([1, 2, 3])
    kept = (array("I", old.uids), list(old.flags), array("Q", old.modseqs))
    new = apply(old, [change(2, b"\\Seen", 2), change(4, b"", 2)], [1], uid_next=5, highest_modseq=2)
    diff(old, new, may_expunge=False)
    diff(old, new, may_expunge=True)
    assert (old.uids, old.flags, old.modseqs) == kept
    assert new.blobs is not old.blobs


def test_a_client_that_comes_back_is_told_what_it_missed() -> None:
    old = mailbox([1, 2, 3, 4, 5, 6])
    now = apply(
        old, [change(2, b"\\Seen", 9), change(5, b"$x", 8), change(7, b"", 9)], [3, 4], uid_next=8, highest_modseq=9
    )
    assert resync(now, 1, [3, 4]) == (
        b"* VANISHED (EARLIER) 3:4\r\n"
        b"* 2 FETCH (UID 2 FLAGS (\\Seen) MODSEQ (9))\r\n"
        b"* 3 FETCH (UID 5 FLAGS ($x) MODSEQ (8))\r\n"
        b"* 5 FETCH (UID 7 FLAGS () MODSEQ (9))\r\n"
    )
    assert resync(now, 8, [3, 4], SequenceSet(((1, 3),))) == (
        b"* VANISHED (EARLIER) 3\r\n* 2 FETCH (UID 2 FLAGS (\\Seen) MODSEQ (9))\r\n"
    )
    assert resync(now, 9, []) == b""


def test_finding_messages() -> None:
    snapshot = apply(mailbox([2, 4, 6]), [change(4, b"", 9)], [], uid_next=7, highest_modseq=9)
    assert [index_of(snapshot.uids, uid) for uid in (1, 2, 4, 5, 6, 7)] == [None, 0, 1, None, 2, None]
    assert changed_since(snapshot, 8, [range(3)]) == [range(1, 2)]
    assert changed_since(snapshot, 9, [range(3)]) == ()
