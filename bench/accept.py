"""How many messages a second are taken in durably, until the last 250.

Two peers: Postfix that delivers behind its 250 to Dovecot, as the pair is used and as Holdfast sorts behind its own; and Postfix
that throws away what it took in, which shows what it could do if nothing had to be delivered. Runs alternate; the median counts.
"""

from __future__ import annotations

from contextlib import ExitStack

from bench.clients import send
from bench.deliver import ACCOUNTS, Case, watched
from bench.peers import Postfix, Storage
from bench.report import Options, Row, median, run_alone
from bench.sides import Peers, ours, work_folder

GOAL = 6.0


def measure(options: Options) -> list[Row]:
    """Measure a connection for each message, then connections used again, then larger messages."""
    messages, rounds = (4000, 3) if options.full else (1000, 1)
    rows = []
    with work_folder() as folder, ExitStack() as stack:
        alone = Postfix(folder / "postfix")
        stack.callback(alone.stop)
        alone.start()
        pair = watched(stack, Peers(folder / "pair", Storage.SDBOX))
        side = ours(folder, ACCOUNTS)
        holdfast = watched(stack, side) if side else None
        for size_bytes, reuse in ((4096, False), (4096, True), (65536, False)):
            case = Case(size_bytes, reuse, ["user0"])
            count = messages if size_bytes == 4096 else messages // 4
            single: list[float] = []
            paired: list[float] = []
            mine: list[float] = []
            for _ in range(rounds):
                single.append(send(alone.port, messages=count, size_bytes=size_bytes, to=case.to, reuse=reuse).per_s)
                paired.append(pair.deliver(case, count)[0])
                if holdfast:
                    mine.append(holdfast.deliver(case, count)[0])
            best = median(mine) if mine else None
            goal = GOAL if size_bytes == 4096 else None
            rows.append(_row(case, "Postfix + Dovecot sdbox", median(paired), best, goal))
            rows.append(_row(case, "Postfix, nothing behind", median(single), best, None))
    return rows


def _row(case: Case, peer: str, theirs: float, mine: float | None, goal: float | None) -> Row:
    return Row(what=case.words, unit="msg/s", peer=peer, peer_value=theirs, ours=mine, better="more", goal=goal)


if __name__ == "__main__":
    run_alone("accept", measure)
