"""A server process that a benchmark started: wait for it, weigh it, end it.

Owns the pids that it was given and those below them, and never touches another. Leaves what the server is to peers.py and ours.py.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from msgspec import Struct

START_S = 20.0
STOP_S = 10.0


class Weight(Struct, frozen=True):
    """What a tree of processes holds in memory. PSS shares each shared page out among those who map it."""

    pss_bytes: int
    rss_bytes: int
    processes: int


def free_ports(count: int) -> list[int]:
    """Find ports on 127.0.0.1 that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once something listens on port; RuntimeError with the end of the log if the process ends or is late."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    end = log.read_text(errors="replace")[-2000:] if log.exists() else "(no log)"
    raise RuntimeError(f"{process.args!r} does not listen on {port}: {end}")


def tree(root: int) -> list[int]:
    """Name a process and all its descendants that live now."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            # The command in parentheses may itself hold spaces and parentheses.
            parent = int(Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        children.setdefault(parent, []).append(int(entry))
    found, pending = [], [root]
    while pending:
        pid = pending.pop()
        found.append(pid)
        pending += children.get(pid, [])
    return found


def weigh(roots: list[int]) -> Weight:
    """Add up the memory of some processes and all their descendants."""
    pss = rss = count = 0
    for pid in {pid for root in roots for pid in tree(root)}:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        sizes = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines[1:])}
        pss += sizes.get("Pss", 0)
        rss += sizes.get("Rss", 0)
        count += 1
    return Weight(pss, rss, count)


def cpu_s(roots: list[int]) -> float:
    """Processor time used so far by some processes, their living descendants and those they have waited for."""
    ticks = 0
    for pid in {pid for root in roots for pid in tree(root)}:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it started: asked first, then killed."""
    if process.poll() is not None:
        return
    below = tree(process.pid)[1:]
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        below = tree(process.pid)[1:]
        process.kill()
        process.wait(STOP_S)
    # Postfix's own processes outlive their master until they are idle for long.
    for end in (signal.SIGTERM, signal.SIGKILL):
        _signal(below, end)
        deadline = time.monotonic() + STOP_S / 5
        while (below := [pid for pid in below if Path(f"/proc/{pid}").exists()]) and time.monotonic() < deadline:
            time.sleep(0.02)


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
