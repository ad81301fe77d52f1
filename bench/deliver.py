"""From a stranger's SMTP client to a mailbox: messages a second until the last is visible by IMAP.

The clock runs from the first connection of smtp-source until STATUS counts the last message in every mailbox.
Also printed: how fast the same run was accepted, with the filing behind it. Runs alternate between sides; the median counts.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

from msgspec import Struct

from bench.clients import Imap, send, wait_until
from bench.peers import DOMAIN, PASSWORD, Storage
from bench.report import Options, Row, median, run_alone
from bench.sides import Peers, Side, ours, running, work_folder

ACCOUNTS = [f"user{number}" for number in range(10)]
GOAL = 3.0


class Case(Struct, frozen=True):
    """What is sent to whom."""

    size_bytes: int
    reuse: bool
    to: list[str]

    @property
    def words(self) -> str:
        how = "reused" if self.reuse else "a connection each"
        where = "one mailbox" if len(self.to) == 1 else f"{len(self.to)} mailboxes"
        return f"{self.size_bytes // 1024} KiB, {how}, {where}"


CASES = [
    Case(4096, False, ["user0"]),
    Case(4096, True, ["user0"]),
    Case(4096, False, ACCOUNTS),
    Case(65536, False, ["user0"]),
    Case(65536, False, ACCOUNTS),
]


class Watched:
    """A side with a reader in each mailbox that counts what has arrived."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.readers = {name: Imap(side.imap_port).login(f"{name}@{DOMAIN}", PASSWORD) for name in ACCOUNTS}
        self.sent = dict.fromkeys(ACCOUNTS, 0)
        for reader in self.readers.values():
            # Two first deliveries at once may both create Dovecot's sdbox; the second is deferred for minutes. So it is there before.
            reader.run("SELECT INBOX")
            reader.run("CLOSE")

    def deliver(self, case: Case, messages: int) -> tuple[float, float]:
        """Send messages and wait for them; returns messages a second until the last 250, and until the last is visible."""
        for name in case.to:
            self.sent[name] += messages // len(case.to)
        began = time.perf_counter()
        accepted = send(
            self.side.smtp_port, messages=messages, size_bytes=case.size_bytes, to=case.to, reuse=case.reuse
        )
        for name in case.to:
            wait_until(lambda: self.readers[name].count() >= self.sent[name])  # noqa: B023 (called at once)
        return accepted.per_s, messages / (time.perf_counter() - began)

    def close(self) -> None:
        """Hang up."""
        for reader in self.readers.values():
            reader.close()


def measure(options: Options) -> list[Row]:
    """Measure each case on each side."""
    rounds = 3 if options.full else 1
    with work_folder() as folder, ExitStack() as stack:
        sides = [watched(stack, Peers(folder / storage.value, storage)) for storage in (Storage.SDBOX, Storage.MAILDIR)]
        holdfast = _holdfast(stack, folder)
        rows = []
        for case in CASES:
            messages = (2000 if options.full else 600) // (1 if case.size_bytes == 4096 else 2)
            found: dict[str, list[tuple[float, float]]] = {}
            for _ in range(rounds):
                for each in [*sides, *([holdfast] if holdfast else [])]:
                    found.setdefault(each.side.name, []).append(each.deliver(case, messages))
            for each in sides:
                rows += _rows(case, each.side.name, found)
    return rows


def watched(stack: ExitStack, side: Side) -> Watched:
    """Start a side and its readers until the stack unwinds."""
    stack.enter_context(running(side))
    each = Watched(side)
    stack.callback(each.close)
    return each


def _holdfast(stack: ExitStack, folder: Path) -> Watched | None:
    side = ours(folder, ACCOUNTS)
    return watched(stack, side) if side else None


def _rows(case: Case, peer: str, found: dict[str, list[tuple[float, float]]]) -> list[Row]:
    """Two rows, visible and accepted, of one case against one peer."""
    rows = []
    for place, what in ((1, "visible"), (0, "last 250")):
        theirs = median([each[place] for each in found[peer]])
        mine = median([each[place] for each in found["Holdfast"]]) if "Holdfast" in found else None
        goal = GOAL if place == 1 else None
        rows.append(
            Row(
                what=f"{case.words}: {what}",
                unit="msg/s",
                peer=peer,
                peer_value=theirs,
                ours=mine,
                better="more",
                goal=goal,
            )
        )
    return rows


if __name__ == "__main__":
    run_alone("deliver", measure)
