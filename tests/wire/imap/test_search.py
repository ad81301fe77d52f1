"""SEARCH against one that looks at each message, and what it asks of the store."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st

from holdfast.wire.imap.parse import parse
from holdfast.wire.imap.picture import Snapshot
from holdfast.wire.imap.search import (
    Age,
    All,
    And,
    EmailId,
    Flag,
    Header,
    Key,
    Leaf,
    ModSeq,
    Not,
    Numbers,
    Or,
    Received,
    Sent,
    Size,
    ThreadId,
    Where,
    Words,
    candidates,
    evaluate,
    leaves,
    needs_modseq,
)
from holdfast.wire.imap.sequence import SAVED, SequenceSet, contains

NOW = 100_000
LEAVES: list[Leaf] = [Words(Where.BODY, "x"), Header("Subject", ""), Sent(5), ThreadId(3)]
VALUES = st.integers(0, 20)
RANGES = st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=3).map(lambda pairs: SequenceSet(tuple(pairs)))
KEYS: st.SearchStrategy[Key] = st.recursive(
    st.one_of(
        st.builds(All, st.booleans()),
        st.builds(Numbers, RANGES, st.booleans()),
        st.just(Numbers(SAVED, uid=False)),
        st.sampled_from([Flag(b"\\seen"), Flag(b"$label"), Flag(b"label")]),
        st.builds(Size, st.none() | VALUES, st.none() | VALUES),
        st.builds(Received, st.none() | VALUES.map(lambda v: v * 1000), st.none() | VALUES.map(lambda v: v * 1000)),
        st.builds(Age, st.integers(80, 100), st.booleans()),
        st.builds(ModSeq, VALUES),
        st.builds(EmailId, VALUES),
        st.sampled_from(LEAVES),
    ),
    lambda keys: st.one_of(
        st.builds(Not, keys),
        st.builds(Or, keys, keys),
        st.builds(And, st.lists(keys, min_size=1, max_size=3).map(tuple)),
    ),
    max_leaves=12,
)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    uids = sorted(draw(st.sets(st.integers(1, 20), max_size=12)))

    def column(values: st.SearchStrategy[int]) -> list[int]:
        return draw(st.lists(values, min_size=len(uids), max_size=len(uids)))

    flags = draw(st.lists(st.sampled_from([b"", b"\\Seen", b"\\Seen $Label"]), min_size=len(uids), max_size=len(uids)))
    return Snapshot(
        uids=array("I", uids),
        flags=flags,
        modseqs=array("Q", column(VALUES)),
        emails=array("Q", uids),
        blobs=array("Q", uids),
        received=array("q", column(st.integers(0, 20_000))),
        sizes=array("Q", column(VALUES)),
        uid_validity=1,
        uid_next=30,
        highest_modseq=30,
    )


def plainly(key: Key, s: Snapshot, at: int, answers: dict[Leaf, set[int]], saved: list[int]) -> bool:
    """Whether the message at an index matches, by the words of the RFC."""
    match key:
        case All(none):
            return not none
        case Numbers(numbers, uid):
            if numbers.saved:
                return s.uids[at] in saved
            return contains(numbers, s.uids[at], s.uids[-1]) if uid else contains(numbers, at + 1, len(s.uids))
        case Flag(name):
            return name in s.flags[at].lower().split()
        case Size(larger, smaller):
            return (larger is None or s.sizes[at] > larger) and (smaller is None or s.sizes[at] < smaller)
        case Received(since, before):
            return (since is None or s.received[at] >= since) and (before is None or s.received[at] < before)
        case Age(seconds, older):
            age_ms = NOW - s.received[at]
            return age_ms >= seconds * 1000 if older else age_ms <= seconds * 1000
        case ModSeq(modseq):
            return s.modseqs[at] >= modseq
        case EmailId(email):
            return s.emails[at] == email
        case Not(inner):
            return not plainly(inner, s, at, answers, saved)
        case Or(one, other):
            return plainly(one, s, at, answers, saved) or plainly(other, s, at, answers, saved)
        case And(keys):
            return all(plainly(inner, s, at, answers, saved) for inner in keys)
        case _:
            return s.emails[at] in answers[key]


@given(KEYS, snapshots(), st.lists(st.sets(VALUES), min_size=4, max_size=4), st.sets(VALUES))
def test_what_matches_is_what_the_words_say(
    key: Key, snapshot: Snapshot, found: list[set[int]], saved_uids: set[int]
) -> None:
    answers = dict(zip(LEAVES, found, strict=True))
    saved = sorted(saved_uids & set(snapshot.uids))
    expected = [at for at in range(len(snapshot.uids)) if plainly(key, snapshot, at, answers, saved)]
    assert evaluate(key, snapshot, answers, now_ms=NOW, saved=saved) == expected
    asked = candidates(key, snapshot, now_ms=NOW, saved=saved)
    of_candidates = {snapshot.emails[at] for at in asked}
    narrowed = {leaf: ids & of_candidates for leaf, ids in answers.items()}
    assert evaluate(key, snapshot, narrowed, now_ms=NOW, saved=saved) == expected
    if not leaves(key):
        assert asked == []


def test_only_the_messages_for_which_it_matters_are_asked_about() -> None:
    snapshot = Snapshot(
        uids=array("I", range(1, 6)),
        flags=[b"\\Seen", b"", b"", b"\\Seen", b""],
        modseqs=array("Q", [1] * 5),
        emails=array("Q", range(1, 6)),
        blobs=array("Q", range(1, 6)),
        received=array("q", [0] * 5),
        sizes=array("Q", [1] * 5),
        uid_validity=1,
        uid_next=6,
        highest_modseq=1,
    )
    key = parse(b"a SEARCH UNSEEN NOT BODY hello UID 1:3 MODSEQ 1")[1].key  # type: ignore[union-attr]
    assert leaves(key) == (Words(Where.BODY, "hello"),)
    assert candidates(key, snapshot, now_ms=0) == [1, 2]
    assert needs_modseq(key)
