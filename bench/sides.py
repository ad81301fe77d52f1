"""The sides of every comparison, behind one shape: Postfix with Dovecot, and Holdfast.

Everything that knows how Holdfast is started, given accounts and loaded is in the class Holdfast below, and nowhere else.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from bench.peers import DOMAIN, PASSWORD, Dovecot, Postfix, Storage
from bench.process import stop

READY_S = 60.0
_PROGRAM = Path(sys.executable).parent / "holdfast"


class Side(Protocol):
    """A whole mail server with the accounts that it was made with, each with PASSWORD."""

    name: str
    data: Path
    smtp_port: int
    imap_port: int
    imaps_port: int

    def start(self) -> None:
        """Start it, or start it again with the same data."""

    def stop(self) -> None:
        """End it; the data stays."""

    def roots(self) -> list[int]:
        """The processes that were started, each the top of a tree."""

    def load(self, maildir: Path, account: str) -> None:
        """Fill the INBOX of an account with a Maildir, flags and dates too; the side is stopped before and after."""


class Peers:
    """Postfix that delivers to Dovecot by LMTP. Without Dovecot, Postfix throws away what it took in."""

    def __init__(self, folder: Path, storage: Storage, *, with_postfix: bool = True) -> None:
        self.data = folder
        self.dovecot = Dovecot(folder / "dovecot", storage)
        self.postfix = Postfix(folder / "postfix", self.dovecot.lmtp_socket) if with_postfix else None
        self.name = f"{'Postfix + ' if with_postfix else ''}Dovecot {storage.value}"
        self.smtp_port = self.postfix.port if self.postfix else 0
        self.imap_port, self.imaps_port = self.dovecot.imap_port, self.dovecot.imaps_port

    def start(self) -> None:
        self.dovecot.start()
        if self.postfix:
            self.postfix.start()

    def stop(self) -> None:
        if self.postfix:
            self.postfix.stop()
        self.dovecot.stop()

    def roots(self) -> list[int]:
        return [self.dovecot.pid, *([self.postfix.pid] if self.postfix else [])]

    def load(self, maildir: Path, account: str) -> None:
        target = self.dovecot.user_folder(account)
        self.dovecot.start()
        try:
            if self.dovecot.storage is Storage.MAILDIR:
                shutil.copytree(maildir, target, dirs_exist_ok=True)
                self.dovecot.adopt(self.dovecot.folder / "users" / account)
                self.dovecot.doveadm("index", "-u", f"{account}@{DOMAIN}", "INBOX")
            else:
                control = self.dovecot.folder / "control"
                control.mkdir(exist_ok=True)
                for path in (maildir, control):
                    self.dovecot.adopt(path)
                source = f"maildir:{maildir}:INDEX=MEMORY:CONTROL={control}"
                self.dovecot.doveadm("import", "-u", f"{account}@{DOMAIN}", source, "", "ALL")
        finally:
            self.dovecot.stop()


class Holdfast:
    """Our own server: `holdfast up` on a data folder of its own."""

    def __init__(self, folder: Path, accounts: list[str]) -> None:
        self.name = "Holdfast"
        self.data = folder / "data"
        self._log = folder / "holdfast.log"
        self._offset = _free_offset()
        self.smtp_port, self.imap_port, self.imaps_port = 2525 + self._offset, 2143 + self._offset, 2993 + self._offset
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.start("--no-demo")
        try:
            self._run("domain", "add", DOMAIN)
            for account in accounts:
                self._run("account", "add", f"{account}@{DOMAIN}", "--password-stdin", said=PASSWORD)
        finally:
            self.stop()

    @staticmethod
    def why_not() -> str | None:
        """Why Holdfast cannot run here, or None."""
        if not _PROGRAM.exists():
            return f"{_PROGRAM} is not there (make setup)"
        helped = subprocess.run([_PROGRAM, "up", "--help"], capture_output=True)
        return f"`{_PROGRAM.name} up` does not start yet" if helped.returncode else None

    def start(self, *arguments: str) -> None:
        command = [str(_PROGRAM), "up", "--data", str(self.data), "--offset", str(self._offset), *arguments]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + READY_S
        # Not when the ports answer: they listen before anyone behind them does.
        while not any(line.startswith("ready") for line in self._said().splitlines()):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Holdfast does not get ready: {self._said()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            stop(self._process)

    def roots(self) -> list[int]:
        assert self._process is not None, "not started"
        return [self._process.pid]

    def load(self, maildir: Path, account: str) -> None:
        self._run("import", "--account", f"{account}@{DOMAIN}", str(maildir))

    def _said(self) -> str:
        return self._log.read_text(errors="replace")

    def _run(self, *arguments: str, said: str = "") -> None:
        command = [str(_PROGRAM), *arguments, "--data", str(self.data)]
        done = subprocess.run(command, input=f"{said}\n".encode(), capture_output=True, timeout=READY_S * 10)
        if done.returncode:
            raise RuntimeError(f"{command!r}: {(done.stdout + done.stderr).decode(errors='replace')[-1000:]}")


def ours(folder: Path, accounts: list[str]) -> Holdfast | None:
    """Make a Holdfast, or say why not and go on with the peers alone."""
    reason = Holdfast.why_not()
    if reason:
        print(f"only the peers are measured: {reason}", file=sys.stderr)
        return None
    return Holdfast(folder / "holdfast", accounts)


@contextlib.contextmanager
def work_folder() -> Iterator[Path]:
    """A folder for all data of a benchmark, on the disk of TMPDIR, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def running(side: Side) -> Iterator[Side]:
    """Run a side for as long as it is needed."""
    side.start()
    try:
        yield side
    finally:
        side.stop()


def _free_offset() -> int:
    """An offset at which every port of Holdfast is free."""
    for offset in range(20_000 + os.getpid() % 500 * 10, 50_000, 5_000):
        with contextlib.ExitStack() as held:
            try:
                for port in (8080, 2525, 2587, 2465, 2424, 2143, 2993):
                    held.enter_context(socket.create_server(("127.0.0.1", port + offset)))
            except OSError:
                continue
            return offset
    raise RuntimeError("no room for a Holdfast: all its ports are taken at every offset tried")
