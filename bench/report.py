"""What a benchmark found: rows of two values and their ratio, as a table to read and as JSON to keep."""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

_BEGIN, _END = "<!-- last run: begin -->", "<!-- last run: end -->"
_HERE = Path(__file__).parent


class Row(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing measured on a peer and on Holdfast."""

    what: str
    unit: str
    peer: str
    peer_value: float | None = None
    ours: float | None = None
    better: Literal["more", "less"] = "less"
    goal: float | None = None
    """Bound of the ratio (how many times better we are), or of our own value when absolute."""
    absolute: bool = False
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times better than the peer we are: above 1, we are; below, the peer is."""
        if not self.ours or not self.peer_value:
            return None
        return self.ours / self.peer_value if self.better == "more" else self.peer_value / self.ours

    @property
    def verdict(self) -> str:
        """Whether the goal is met; empty without a goal or a value."""
        measured = self.ours if self.absolute else self.ratio
        if self.goal is None or measured is None:
            return ""
        met = measured <= self.goal if self.absolute and self.better == "less" else measured >= self.goal
        return "met" if met else "missed"

    @property
    def wanted(self) -> str:
        """The goal in words."""
        if self.goal is None:
            return ""
        sign = "≤" if self.absolute and self.better == "less" else "≥"
        return f"{sign} {self.goal:g} {self.unit}" if self.absolute else f"≥ {self.goal:.2g}x"


class Options(Struct, frozen=True):
    """How much to measure."""

    full: bool = False


class Machine(Struct, frozen=True):
    """Where and against what a run was made."""

    at: str
    cpu: str
    cores: int
    kernel: str
    python: str
    postfix: str
    dovecot: str
    full: bool


class Run(Struct, frozen=True):
    """One benchmark, run once."""

    machine: Machine
    took_s: float
    rows: list[Row]


def run_alone(name: str, benchmark: Callable[[Options], list[Row]]) -> None:
    """Be the main program of one benchmark."""
    parser = argparse.ArgumentParser(prog=f"python -m bench.{name}", description=sys.modules["__main__"].__doc__)
    parser.add_argument(
        "--full", action="store_true", help="the sizes of the goals (minutes), not the small ones (seconds)"
    )
    parser.add_argument("--json", action="store_true", help="rows as JSON instead of a table")
    asked = parser.parse_args()
    rows = benchmark(Options(full=asked.full))
    if asked.json:
        print(msgspec.json.format(msgspec.json.encode(rows)).decode())
    else:
        show(name, rows)


def show(name: str, rows: list[Row]) -> None:
    """Print the table of one benchmark."""
    table = Table(title=name, title_justify="left")
    for column in _COLUMNS:
        table.add_column(column, justify="left" if column in ("what", "peer", "note") else "right")
    for row in rows:
        colour = {"met": "green", "missed": "red", "": ""}[row.verdict]
        table.add_row(*_cells(row), style=colour)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def keep(name: str, run: Run) -> None:
    """Write a run into results/latest.json, beside the last runs of the others, and all their tables into README.md."""
    path = _HERE / "results" / "latest.json"
    path.parent.mkdir(exist_ok=True)
    runs = msgspec.json.decode(path.read_bytes(), type=dict[str, Run]) if path.exists() else {}
    runs[name] = run
    path.write_bytes(msgspec.json.format(msgspec.json.encode(dict(sorted(runs.items())))) + b"\n")
    readme = _HERE / "README.md"
    before, _, rest = readme.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    tables = "\n".join(_markdown(each, runs[each]) for each in sorted(runs))
    readme.write_text(f"{before}{_BEGIN}\n{tables}{_END}{after}")


def machine(full: bool) -> Machine:
    """Describe this machine and the peers on it."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return Machine(
        at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        cpu=models[0] if models else platform.machine(),
        cores=os.cpu_count() or 0,
        kernel=".".join(platform.release().split(".")[:2]),
        python=platform.python_version(),
        postfix=_first_line(["postconf", "-d", "-h", "mail_version"]),
        dovecot=_first_line(["dovecot", "--version"]),
        full=full,
    )


def median(values: list[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def percentile(values: list[float], share: float) -> float:
    """The value that a share (0..1) of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, int(share * len(ordered) + 0.5) - 1))]


_COLUMNS = ("what", "unit", "peer", "peer's", "ours", "times better", "goal", "", "note")


def _cells(row: Row) -> list[str]:
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}x"
    return [
        row.what,
        row.unit,
        row.peer,
        _number(row.peer_value),
        _number(row.ours),
        ratio,
        row.wanted,
        row.verdict,
        row.note,
    ]


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _markdown(name: str, run: Run) -> str:
    m = run.machine
    versions = f"Linux {m.kernel}, Python {m.python}, Postfix {m.postfix}, Dovecot {m.dovecot}"
    sizes = "full sizes" if m.full else "small sizes"
    lines = [f"### {name}", "", f"{m.at}, {m.cores} x {m.cpu}, {versions}; {sizes}, {run.took_s:.0f} s.", ""]
    lines += ["| " + " | ".join(_COLUMNS) + " |", "|---" * len(_COLUMNS) + "|"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in _cells(row)) + " |" for row in run.rows]
    return "\n".join(lines) + "\n"


def _first_line(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip().splitlines()[0]
    except (OSError, IndexError):
        return "absent"
