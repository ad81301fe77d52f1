"""How soon those who wait learn of a message: from its 250 to the EXISTS of each of 100 IMAP sessions in IDLE on one mailbox.

Sender and sessions are one program with one clock, which reads whatever comes first. A message follows when all have seen the last.
"""

from __future__ import annotations

import re
import selectors
import smtplib
import time
from contextlib import ExitStack

from bench.clients import Imap
from bench.peers import DOMAIN, PASSWORD, Storage
from bench.report import Options, Row, percentile, run_alone
from bench.sides import Peers, Side, ours, running, work_folder

SESSIONS = 100
GOAL_MS = 50.0
_LATE_S = 5.0
_EXISTS = re.compile(rb"\* (\d+) EXISTS")


def measure(options: Options) -> list[Row]:
    """Measure the pair, then Holdfast."""
    messages = 100 if options.full else 20
    with work_folder() as folder:
        theirs = _waits_ms(Peers(folder / "peers", Storage.SDBOX), messages)
        side = ours(folder, ["alice"])
        mine = _waits_ms(side, messages) if side else None
    rows = []
    for words, share in (("p50", 0.5), ("p99", 0.99), ("last of all", 1.0)):
        value = percentile(mine, share) if mine else None
        goal = GOAL_MS if words == "p99" else None
        what = f"250 to EXISTS, {SESSIONS} sessions, {words}"
        rows.append(
            Row(
                what=what,
                unit="ms",
                peer="Postfix + Dovecot sdbox",
                peer_value=percentile(theirs, share),
                ours=value,
                goal=goal,
                absolute=True,
            )
        )
    return rows


def _waits_ms(side: Side, messages: int) -> list[float]:
    """Every session's wait for every message."""
    with ExitStack() as stack:
        stack.enter_context(running(side))
        watch = stack.enter_context(selectors.DefaultSelector())
        for _ in range(SESSIONS):
            imap = Imap(side.imap_port).login(f"alice@{DOMAIN}", PASSWORD)
            stack.callback(imap.close)
            imap.run("SELECT INBOX")
            imap.idle()
            watch.register(imap.socket, selectors.EVENT_READ, imap)
        sender = stack.enter_context(smtplib.SMTP("127.0.0.1", side.smtp_port))
        waits: list[float] = []
        for number in range(1, messages + 1):
            waits += _one(sender, watch, number)
        return waits


def _one(sender: smtplib.SMTP, watch: selectors.BaseSelector, number: int) -> list[float]:
    """Send one message; the waits of all, with _LATE_S for those who were not told in that time."""
    text = f"From: s@example.net\r\nTo: alice@{DOMAIN}\r\nSubject: {number}\r\n\r\nlook\r\n"
    sender.mail("s@example.net")
    sender.rcpt(f"alice@{DOMAIN}")
    code, said = sender.data(text)
    answered = time.perf_counter()
    if code != 250:
        raise RuntimeError(f"{code} {said!r}")
    waits: list[float] = []
    while len(waits) < SESSIONS and (left := answered + _LATE_S - time.perf_counter()) > 0:
        for key, _ in watch.select(left):
            imap: Imap = key.data
            seen = _EXISTS.findall(imap.socket.recv(65536))
            if seen and int(seen[-1]) >= number:
                waits.append((time.perf_counter() - answered) * 1000)
    return waits + [_LATE_S * 1000] * (SESSIONS - len(waits))


if __name__ == "__main__":
    run_alone("idle", measure)
