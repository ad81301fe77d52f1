"""Hints between the processes of one machine: a Unix datagram to each socket in a folder.

A full or dead socket loses hints, as hints may be (kernel/hints.py); the sender never waits.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec

from holdfast.kernel.hints import Hint

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Hint]).decode
MOST = 500
"""Hints in one datagram; keeps it below the kernel's limit."""


class DatagramBus:
    """One process's place among its neighbours. topic keeps different kinds of news apart."""

    def __init__(self, folder: Path, topic: str = "hints") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # A socket's path may have 108 bytes at most; by way of the open folder it is short wherever the folder lies.
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._topic = topic
        self._own: str | None = None
        self._receiver: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)

    def send(self, hints: list[Hint]) -> None:
        for start in range(0, len(hints), MOST):
            self._send(_encode(hints[start : start + MOST]))

    def poke(self) -> None:
        """Tell the others of this topic to look again, without saying at what."""
        self._send(_encode([]))

    def _send(self, datagram: bytes) -> None:
        for name in os.listdir(self._descriptor):
            if name == self._own or not name.startswith(self._topic):
                continue
            try:
                self._sender.sendto(datagram, self._path(name))
            except ConnectionRefusedError:
                self._unlink(name)  # its process is gone
            except FileNotFoundError:
                continue
            except OSError:
                continue  # it does not keep up, or the kernel has no room: it will read the log

    def listen(self, heard: Callable[[list[Hint]], None]) -> None:
        self._own = f"{self._topic}.{os.getpid()}.{os.urandom(3).hex()}"
        receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        receiver.bind(self._path(self._own))
        self._receiver = receiver
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(receiver.fileno(), self._readable, receiver, heard)

    def _readable(self, receiver: socket.socket, heard: Callable[[list[Hint]], None]) -> None:
        for _ in range(100):
            try:
                datagram = receiver.recv(1 << 16)
            except BlockingIOError:
                return
            heard(_decode(datagram))

    def close(self) -> None:
        if self._receiver is not None:
            if self._loop is not None and not self._loop.is_closed():
                self._loop.remove_reader(self._receiver.fileno())
            self._receiver.close()
            self._receiver = None
        if self._own is not None:
            self._unlink(self._own)
            self._own = None
        if self._descriptor >= 0:
            self._sender.close()
            os.close(self._descriptor)
            self._descriptor = -1

    def _path(self, name: str) -> str:
        return f"/proc/self/fd/{self._descriptor}/{name}"

    def _unlink(self, name: str) -> None:
        try:
            os.unlink(name, dir_fd=self._descriptor)
        except FileNotFoundError:
            return
