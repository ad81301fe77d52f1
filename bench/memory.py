"""What a server holds in memory: idle, for each idle IMAP connection, and while 100 senders push 50 MiB each.

PSS over all its processes (a page shared by n processes counts one n-th in each), so that a server of many processes and one of
few are compared fairly. For reading only: RSS counts shared pages again and again.
"""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

from bench.clients import Imap, send
from bench.peers import DOMAIN, PASSWORD, Storage
from bench.process import Weight, weigh
from bench.report import Options, Row, run_alone
from bench.sides import Peers, Side, ours, running, work_folder

MIB = 1 << 20
SETTLE_S = 2.0
_PEER = "Postfix + Dovecot sdbox"


def measure(options: Options) -> list[Row]:
    """Weigh the pair, then Holdfast."""
    with work_folder() as folder:
        theirs = _weigh(Peers(folder / "peers", Storage.SDBOX), options)
        side = ours(folder, ["alice"])
        mine = _weigh(side, options) if side else {}
    return [_row(what, unit, value, mine.get((what, unit))) for (what, unit), value in theirs.items()]


def _row(what: str, unit: str, theirs: float, mine: float | None) -> Row:
    goal = next((bound for start, bound in _GOALS.items() if what.startswith(start)), None)
    return Row(what=what, unit=unit, peer=_PEER, peer_value=theirs, ours=mine, goal=goal, absolute=True)


_GOALS = {"idle server, PSS": 120.0, "each idle IMAP connection": 60.0, "100 senders": 600.0}


def _weigh(side: Side, options: Options) -> dict[tuple[str, str], float]:
    connections = 200 if options.full else 50
    with running(side):
        time.sleep(SETTLE_S)
        idle = weigh(side.roots())
        found = {
            ("idle server, PSS", "MiB"): idle.pss_bytes / MIB,
            ("idle server, RSS", "MiB"): idle.rss_bytes / MIB,
            ("idle server, processes", ""): float(idle.processes),
        }
        for tls in (False, True):
            found["each idle IMAP connection" + (" with TLS" if tls else ""), "KiB"] = (
                _for_each(side, connections, tls) / 1024
            )
    with running(side):
        senders, size = (100, 50 * MIB - 4096) if options.full else (20, 10 * MIB)
        peak = _peak(side, senders, size)
        found[f"{senders} senders at once, {round(size / MIB)} MiB each, peak PSS", "MiB"] = peak.pss_bytes / MIB
    return found


def _for_each(side: Side, connections: int, tls: bool) -> float:
    """Bytes for each of many connections that are signed in, have selected a mailbox and wait in IDLE."""
    with ExitStack() as stack:
        # The first ones bring what every later one shares.
        held = [_waiting(stack, side, tls) for _ in range(5)]
        time.sleep(SETTLE_S)
        before = weigh(side.roots())
        held += [_waiting(stack, side, tls) for _ in range(connections)]
        time.sleep(SETTLE_S)
        after = weigh(side.roots())
        return (after.pss_bytes - before.pss_bytes) / connections


def _waiting(stack: ExitStack, side: Side, tls: bool) -> Imap:
    imap = Imap(side.imaps_port if tls else side.imap_port, tls=tls).login(f"alice@{DOMAIN}", PASSWORD)
    stack.callback(imap.close)
    imap.run("SELECT INBOX")
    imap.idle()
    return imap


def _peak(side: Side, senders: int, size_bytes: int) -> Weight:
    """The heaviest moment while every sender sends one large message."""
    seen = [weigh(side.roots())]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.25):
            seen.append(weigh(side.roots()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        send(side.smtp_port, messages=senders, size_bytes=size_bytes, to=["alice"], sessions=senders)
        time.sleep(SETTLE_S)
    finally:
        done.set()
        watcher.join()
    return max(seen, key=lambda weight: weight.pss_bytes)


if __name__ == "__main__":
    run_alone("memory", measure)
