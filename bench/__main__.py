"""All benchmarks one after another, as tables; what they found on both sides is kept in results/latest.json and README.md."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from bench import accept, deliver, idle, imap, memory
from bench.report import Options, Row, Run, keep, machine, show

BENCHMARKS: dict[str, Callable[[Options], list[Row]]] = {
    "accept": accept.measure,
    "deliver": deliver.measure,
    "idle": idle.measure,
    "imap": imap.measure,
    "memory": memory.measure,
}


def main() -> None:
    """Run those that were asked for, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which, of {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--full", action="store_true", help="the sizes of the goals, many minutes")
    asked = parser.parse_args()
    unknown = set(asked.names) - BENCHMARKS.keys()
    if unknown:
        parser.error(f"no benchmark named {', '.join(sorted(unknown))}")
    options = Options(full=asked.full)
    for name in asked.names or BENCHMARKS:
        began = time.monotonic()
        rows = BENCHMARKS[name](options)
        show(name, rows)
        if any(row.ours is not None for row in rows):
            keep(name, Run(machine(options.full), time.monotonic() - began, rows))


if __name__ == "__main__":
    main()
