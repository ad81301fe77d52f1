"""A process of its own that writes beside others; prints each account and modseq that it was given."""

from __future__ import annotations

import sys
from pathlib import Path

from things import add, open_cell, open_engine

from holdfast.clock import SystemClock
from holdfast.ids import AccountId
from holdfast.kernel.transaction import Tx


def main(engine: str, folder: str, name: str, one: str, two: str, count: str) -> None:
    cell = open_cell(open_engine(engine, Path(folder)), Path(folder), SystemClock())
    for number in range(int(count)):
        account = AccountId(int((one, two)[number % 2]))

        def run(tx: Tx, account: AccountId = account, thing: str = f"{name}/{number}") -> int:
            add(tx, account, thing)
            return tx.modseq(account)

        print(account, cell.write_now(run))
    cell.close()


main(*sys.argv[1:])
