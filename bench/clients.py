"""The clients of both sides: a lean IMAP program, Postfix's smtp-source, and a waiter for the last message.

The IMAP program does as little as one can, so that what is measured is the server: raw sockets with TCP_NODELAY, no parsing while
the clock runs, all bytes kept and counted. The same program, with the same commands, talks to every side.
"""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from bench.peers import DOMAIN

IMAP_DATE = "%d-%b-%Y %H:%M:%S +0000"
_CHUNK = 1 << 20


class Reply(Struct, frozen=True):
    """What a server said to one command, and how long that took from our first byte to its last."""

    status: bytes
    data: bytes
    took_s: float


class ImapError(Exception):
    """A server refused a command that it should have taken."""


class Imap:
    """One IMAP connection."""

    def __init__(self, port: int, *, tls: bool = False, timeout_s: float = 120.0) -> None:
        plain = socket.create_connection(("127.0.0.1", port), timeout_s)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = _without_verifying().wrap_socket(plain) if tls else plain
        self._buffer = bytearray(_CHUNK)
        self._count = 0
        self._read_until(b"\r\n")

    def run(self, command: str | bytes) -> Reply:
        """Send one command and read all that answers it; ImapError unless the answer is OK."""
        self._count += 1
        tag = b"hFb%05d" % self._count
        text = command if isinstance(command, bytes) else command.encode()
        began = time.perf_counter()
        self.socket.sendall(tag + b" " + text + b"\r\n")
        data = self._read_until(tag)
        took_s = time.perf_counter() - began
        start = data.rfind(b"\r\n", 0, len(data) - 2) + 2 if data.count(b"\r\n") > 1 else 0
        status = data[start:-2].removeprefix(tag + b" ")
        if not status.startswith(b"OK"):
            raise ImapError(f"{text[:120]!r}: {status!r}")
        return Reply(status, data[:start], took_s)

    def login(self, name: str, password: str) -> Imap:
        """Sign in; returns itself, so that it reads in one line."""
        self.run(f'LOGIN "{name}" "{password}"')
        return self

    def count(self, mailbox: str = "INBOX") -> int:
        """Ask how many messages a mailbox holds now."""
        found = re.search(rb"MESSAGES (\d+)", self.run(f"STATUS {mailbox} (MESSAGES)").data)
        return int(found[1]) if found else 0

    def append(self, message: bytes, flags: str, received: datetime, mailbox: str = "INBOX") -> None:
        """Put one message into a mailbox."""
        head = f'APPEND {mailbox} ({flags}) "{received.strftime(IMAP_DATE)}" {{{len(message)}+}}\r\n'
        self.run(head.encode() + message)

    def idle(self) -> None:
        """Begin to IDLE; what the server says from now on is read from the socket."""
        self.socket.sendall(b"hFidle IDLE\r\n")
        self._read_until(b"+")

    def close(self) -> None:
        """Hang up without a word."""
        self.socket.close()

    def _read_until(self, tag: bytes) -> bytes:
        """Read to the end of the first line that begins with tag and ends what has arrived (b"\\r\\n": to any line's end)."""
        chunks: list[bytes] = []
        tail = b""
        while True:
            size = self.socket.recv_into(self._buffer)
            if size == 0:
                raise ImapError(f"hung up after {tail[-200:]!r}")
            chunks.append(bytes(memoryview(self._buffer)[:size]))
            tail = (tail + chunks[-1][-2048:])[-2048:]
            if tail.endswith(b"\r\n"):
                last = tail[tail.rfind(b"\r\n", 0, len(tail) - 2) + 2 :] if tail.count(b"\r\n") > 1 else tail
                if tag == b"\r\n" or last.startswith(tag):
                    return b"".join(chunks)


class Sent(Struct, frozen=True):
    """How a run of smtp-source went: took_s is until the last message has its 250 and its QUIT is answered."""

    messages: int
    took_s: float

    @property
    def per_s(self) -> float:
        return self.messages / self.took_s


def send(
    port: int,
    *,
    messages: int,
    size_bytes: int,
    to: list[str],
    sessions: int = 20,
    reuse: bool = False,
    wait_s: float = 300.0,
) -> Sent:
    """Send by smtp-source, the sessions and messages shared out among the recipients; RuntimeError if one was refused.

    reuse: all messages of a session go over one connection, else each has its own.
    """
    shares = len(to)
    base = ["smtp-source", *(["-d"] if reuse else []), "-s", str(sessions // shares), "-m", str(messages // shares)]
    base += ["-l", str(size_bytes), "-f", "sender@example.net"]
    began = time.perf_counter()
    running = [
        subprocess.Popen([*base, "-t", f"{name}@{DOMAIN}", f"127.0.0.1:{port}"], stderr=subprocess.PIPE) for name in to
    ]
    try:
        for each in running:
            _, said = each.communicate(timeout=wait_s)
            if each.returncode or said:
                raise RuntimeError(f"smtp-source: {said.decode(errors='replace')[-500:]}")
    finally:
        for each in running:
            each.kill()
    return Sent(messages // shares * shares, time.perf_counter() - began)


def wait_until(holds: Callable[[], bool], timeout_s: float = 120.0, every_s: float = 0.01) -> None:
    """Ask again and again until it holds; TimeoutError if it never does."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"still not after {timeout_s} s")
        time.sleep(every_s)


def drop_caches(data: Path) -> str:
    """Make the next read of every file of a stopped server come from the disk; returns how that was done."""
    subprocess.run(["sync"], check=True)
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3")
        return "drop_caches"
    except OSError:
        return _advise_away(data)


def _advise_away(data: Path) -> str:
    import os

    for path in data.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return "posix_fadvise (names and inodes stay cached)"


def _without_verifying() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
