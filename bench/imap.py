"""Reading a mailbox of 20,000 mixed messages by IMAP: every line that the goals name, warm and cold, with equal results.

Three states of a server:
- warm: the command has been asked before, by another session, a moment ago;
- cold: the server was started again and the page cache dropped, and nobody has ever asked this of this mailbox: Dovecot's own cache
  file is as the delivery left it. It is what a new client meets, and the state in which a server that did not precompute must parse;
- again: as cold, but somebody did ask before, so that Dovecot's cache file holds the answer: what the same client meets next day.
  Asked only of the lines whose answer must be parsed out of messages. Holdfast's cold and again are one thing, measured twice.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from msgspec import Struct

from bench import compare
from bench.clients import Imap, Reply, drop_caches
from bench.mailbox import Words, write_maildir
from bench.peers import DOMAIN, PASSWORD, Storage
from bench.report import Options, Row, median, run_alone
from bench.sides import Peers, Side, ours, running, work_folder

ACCOUNT = "alice"
LOGIN = f"{ACCOUNT}@{DOMAIN}"
WARM_GOAL, COLD_GOAL, BODY_GOAL, STORE_GOAL = 1 / 1.5, 5.0, 20.0, 1.0
_PARSES = {
    "+ ENVELOPE",
    "BODYSTRUCTURE",
    "header fields",
    "list view of the last 50",
    "SEARCH SUBJECT",
    "SEARCH UNSEEN SINCE",
}
_STATES = ("warm", "cold", "again")


class Line(Struct, frozen=True):
    """One thing to time: what happens before the clock runs, and the command."""

    name: str
    run: Callable[[Imap, int], Reply]
    reads: bool = True
    """Whether its answer is compared between the servers."""


def measure(options: Options) -> list[Row]:
    """Load the mailbox into every side, time every line in every state, compare the answers."""
    count = 20_000 if options.full else 2_000
    storages = (Storage.SDBOX, Storage.MAILDIR) if options.full else (Storage.SDBOX,)
    with work_folder() as folder:
        maildir = folder / "mailbox"
        total = write_maildir(maildir, count)
        peers = [Peers(folder / storage.value, storage, with_postfix=False) for storage in storages]
        holdfast = ours(folder, [ACCOUNT])
        sides: list[Side] = [*peers, *([holdfast] if holdfast else [])]
        for side in sides:
            side.load(maildir, ACCOUNT)
        shutil.rmtree(maildir)
        checks = _compare(peers[0], holdfast, count) if holdfast else []
        times = {side.name: _times(side, count, folder) for side in sides}
    rows = [row for peer in peers for row in _rows(peer.name, times[peer.name], times.get("Holdfast", {}))]
    rows.append(Row(what=f"{count:,} messages, average size", unit="KB", peer="", peer_value=total / count / 1000))
    return rows + checks


def _fetch(items: str, numbers: Callable[[int], str] = lambda count: "1:*") -> Callable[[Imap, int], Reply]:
    return lambda imap, count: imap.run(f"FETCH {numbers(count)} ({items})")


def _search(what: str) -> Callable[[Imap, int], Reply]:
    return lambda imap, count: imap.run(f"SEARCH {what}")


def _store(imap: Imap, count: int) -> Reply:
    """Set a flag on all and, off the clock, take it back."""
    reply = imap.run("STORE 1:* +FLAGS (\\Deleted)")
    imap.run("STORE 1:* -FLAGS.SILENT (\\Deleted)")
    return reply


def _reopen(imap: Imap, count: int) -> Reply:
    """Open with QRESYNC, having known the mailbox before 100 flags changed."""
    imap.run("ENABLE QRESYNC")
    imap.run("SELECT INBOX")
    chosen = ",".join(str(number) for number in sorted(random.Random(100).sample(range(1, count + 1), 100)))
    imap.run(f"STORE {chosen} -FLAGS.SILENT ($Forwarded)")
    imap.run("UNSELECT")
    opened = imap.run("SELECT INBOX")
    validity, modseq = (_number_after(opened, name) for name in (b"UIDVALIDITY ", b"HIGHESTMODSEQ "))
    imap.run(f"STORE {chosen} +FLAGS.SILENT ($Forwarded)")
    imap.run("UNSELECT")
    reply = imap.run(f"SELECT INBOX (QRESYNC ({validity} {modseq} 1:{count}))")
    told = reply.data.count(b" FETCH (")
    if told != 100:
        raise RuntimeError(f"100 messages changed, and QRESYNC told of {told}")
    return reply


def _number_after(reply: Reply, word: bytes) -> int:
    text = reply.data + reply.status
    return int(text.partition(word)[2].partition(b"]")[0])


_WORDS = Words().by_rank
HEADER_FIELDS = "DATE FROM TO CC SUBJECT MESSAGE-ID REFERENCES IN-REPLY-TO LIST-ID CONTENT-TYPE"
LINES = [
    Line("FETCH 1:* (UID FLAGS)", _fetch("UID FLAGS")),
    Line("+ ENVELOPE", _fetch("UID FLAGS ENVELOPE")),
    Line("BODYSTRUCTURE", _fetch("UID BODYSTRUCTURE")),
    Line("header fields", _fetch(f"UID BODY.PEEK[HEADER.FIELDS ({HEADER_FIELDS})]")),
    Line("BODY.PEEK[] of 2,000", _fetch("UID BODY.PEEK[]", lambda count: f"1:{min(count, 2000)}")),
    Line(
        "list view of the last 50",
        _fetch("UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE", lambda count: f"{count - 49}:{count}"),
    ),
    Line("SEARCH SUBJECT", _search(f'SUBJECT "{_WORDS[150]}"')),
    Line("SEARCH BODY, a word that is common", _search(f'BODY "{_WORDS[60]}"')),
    Line("SEARCH BODY, a word that is rare", _search(f'BODY "{_WORDS[8000]}"')),
    Line("SEARCH BODY, part of a word", _search(f'BODY "{_WORDS[2000][1:-1]}"')),
    Line("SEARCH UNSEEN SINCE", _search("UNSEEN SINCE 1-Jul-2025")),
    Line("STORE 1:* one flag", _store, reads=False),
]
SELECT = Line("SELECT", lambda imap, count: imap.run("SELECT INBOX"), reads=False)
REOPEN = Line("QRESYNC reopen, 100 flags changed", _reopen, reads=False)
"""A session that has selected nothing yet runs these two."""


def _session(side: Side, line: Line) -> Imap:
    imap = Imap(side.imap_port).login(LOGIN, PASSWORD)
    if line not in (SELECT, REOPEN):
        imap.run("SELECT INBOX")
    return imap


def _times(side: Side, count: int, folder: Path) -> dict[tuple[str, str], float]:
    """Milliseconds of each line in each state."""
    found: dict[tuple[str, str], float] = {}
    lines = [SELECT, *LINES, REOPEN]
    pristine = _keep_indexes(side, folder)
    for line in lines:
        for state in ("cold", "again") if line.name in _PARSES else ("cold",):
            if state == "cold":
                _restore_indexes(side, pristine)
            drop_caches(side.data)
            with running(side), ExitStack() as stack:
                imap = _session(side, line)
                stack.callback(imap.close)
                found[line.name, state] = line.run(imap, count).took_s * 1000
    with running(side):
        for line in lines:
            found[line.name, "warm"] = median([_once(side, line, count) for _ in range(6)][1:])
    return found


def _once(side: Side, line: Line, count: int) -> float:
    imap = _session(side, line)
    try:
        return line.run(imap, count).took_s * 1000
    finally:
        imap.close()


def _keep_indexes(side: Side, folder: Path) -> Path | None:
    """Put aside Dovecot's index and cache files, as the delivery left them; Holdfast keeps everything in its database."""
    if not isinstance(side, Peers):
        return None
    kept = folder / f"indexes-{side.dovecot.storage.value}"
    for path in _indexes(side):
        target = kept / path.relative_to(side.data)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    return kept


def _restore_indexes(side: Side, kept: Path | None) -> None:
    if kept is None or not isinstance(side, Peers):
        return
    for path in _indexes(side):
        path.unlink()
    for path in (path for path in kept.rglob("*") if path.is_file()):
        target = side.data / path.relative_to(kept)
        shutil.copy2(path, target)
    side.dovecot.adopt_indexes(ACCOUNT)


def _indexes(side: Peers) -> list[Path]:
    return [path for path in side.dovecot.user_folder(ACCOUNT).rglob("dovecot[.-]*") if path.is_file()]


def _rows(peer: str, theirs: dict[tuple[str, str], float], mine: dict[tuple[str, str], float]) -> list[Row]:
    rows = []
    for (name, state), value in sorted(theirs.items(), key=lambda item: _STATES.index(item[0][1])):
        goal = _goal(peer, name, state)
        rows.append(
            Row(
                what=f"{state}: {name}", unit="ms", peer=peer, peer_value=value, ours=mine.get((name, state)), goal=goal
            )
        )
    return rows


def _goal(peer: str, name: str, state: str) -> float | None:
    """The bound of the ratio; the pair's sdbox is the one to beat, except where the goal says Maildir."""
    if name == "STORE 1:* one flag":
        return STORE_GOAL if "maildir" in peer and state == "warm" else None
    if "maildir" in peer:
        return None
    if name.startswith("SEARCH BODY"):
        return BODY_GOAL if state == "warm" else None
    if state == "warm":
        return WARM_GOAL
    return COLD_GOAL if state == "cold" and name in _PARSES else None


def _compare(peer: Side, holdfast: Side, count: int) -> list[Row]:
    """How many answers differ, line by line; the first of them are printed."""
    rows = []
    with running(peer), running(holdfast), ExitStack() as stack:
        both = [_session(side, LINES[0]) for side in (peer, holdfast)]
        for imap in both:
            stack.callback(imap.close)
        their_ids, our_ids = (compare.message_ids(imap) for imap in both)
        for line in LINES:
            if not line.reads:
                continue
            theirs, mine = (line.run(imap, count).data for imap in both)
            if line.name.startswith("SEARCH"):
                left, right = (
                    {their_ids[n] for n in compare.searched(theirs)},
                    {our_ids[n] for n in compare.searched(mine)},
                )
                found, note = len(left ^ right), f"{len(left)} found"
            else:
                unlike = compare.differences(theirs, their_ids, mine, our_ids)
                found, note = (
                    len(unlike),
                    "; ".join(f"{each.message_id.decode()} {each.item.decode()}" for each in unlike[:3]),
                )
            rows.append(
                Row(
                    what=f"answers that differ: {line.name}",
                    unit="",
                    peer=peer.name,
                    ours=float(found),
                    goal=0.0,
                    absolute=True,
                    note=note,
                )
            )
    return rows


if __name__ == "__main__":
    run_alone("imap", measure)
