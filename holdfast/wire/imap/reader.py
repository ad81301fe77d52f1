"""From a stream of bytes to whole commands, with literals, without a socket.

The door feeds bytes and takes events. A command is put together in memory within limits; the message of APPEND is not:
it comes out in chunks, after the door has accepted it. What is refused is read to its end and thrown away, so that the
next command is found. However the bytes are cut, the events are the same (chunks of a message apart).

Lines end in CRLF and nothing else, as in wire/smtp: a bare CR or LF ends the session.
RFC 3501 §2.2.1, §7.5 (continuation), RFC 7888 (LITERAL+), RFC 7889 (APPENDLIMIT).
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import TypeAlias, assert_never

import msgspec

from holdfast.wire.imap.commands import Append, BadCommand
from holdfast.wire.imap.parse import parse_append, tag_of

MAX_THROWN_AWAY = 256 << 20
"""A larger literal that nobody waits for ends the session."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """In bytes, but for literals, a count. line: without literals; command: all of it but APPEND's message."""

    line: int = 64 << 10
    literal: int = 64 << 10
    literals: int = 200
    command: int = 1 << 20
    append: int = 50 << 20


class Ready(msgspec.Struct, frozen=True):
    """A whole command for parse.parse(), without its last CRLF."""

    raw: bytes


class Line(msgspec.Struct, frozen=True):
    """The line that expect_line() asked for, without CRLF."""

    data: bytes


class Continue(msgspec.Struct, frozen=True):
    """The client waits: write "+ OK" and CRLF."""


class MessageBegins(msgspec.Struct, frozen=True):
    """An APPEND; wants accept() or refuse(), and when refused its tagged answer from the door."""

    tag: bytes
    append: Append


class MessageChunk(msgspec.Struct, frozen=True):
    """A piece of the message."""

    data: bytes


class MessageEnds(msgspec.Struct, frozen=True):
    """The message and the command are whole: keep it and answer."""


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Answer tag with BAD (no: with NO), code and why. fatal: then BYE and close. A message that had begun is dropped."""

    tag: bytes
    why: str
    code: bytes = b""
    no: bool = False
    fatal: bool = False


Event: TypeAlias = Ready | Line | Continue | MessageBegins | MessageChunk | MessageEnds | Refused


class _State(Enum):
    LINE = auto()
    LITERAL = auto()
    DECIDING = auto()  # the door has MessageBegins
    ACCEPTED = auto()  # and its client waits
    MESSAGE = auto()
    MESSAGE_OVER = auto()  # its CRLF is missing
    SKIPPING = auto()  # a literal of a refused command
    SKIPPING_LINE = auto()
    CLOSED = auto()


_LITERAL = re.compile(rb"\{([0-9]{1,20})(\+?)\}\Z")
_APPEND = re.compile(rb"[^ ]+ APPEND (?!\{[0-9]+\+?\}\Z)", re.IGNORECASE)


class CommandReader:
    """One connection's reader. feed() bytes, then next() until it answers None."""

    __slots__ = (
        "_buffer",
        "_left",
        "_literals",
        "_plain",
        "_raw",
        "_refused",
        "_searched",
        "_state",
        "_tag",
        "_tail",
        "_waits",
        "limits",
    )

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()  # may be replaced at any time
        self._buffer = bytearray()
        self._searched = 0  # so much of the buffer has no line end
        self._raw = bytearray()  # the command so far
        self._literals = 0
        self._left = 0  # bytes of the literal that are still to come
        self._waits = False  # the client, for a continuation
        self._plain = False
        self._tail = b""
        self._tag = b"*"
        self._refused: Refused | None = None
        self._state = _State.LINE

    @property
    def buffered(self) -> int:
        """Bytes that wait; the door stops reading from the peer while it is more than it likes."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def forget(self) -> None:
        """Drop what was sent before TLS started; it was not protected (RFC 3501 §6.2.1)."""
        self._buffer.clear()
        self._searched = 0

    def expect_line(self) -> None:
        """The next line is no command: an answer of AUTHENTICATE, or DONE. Before next() is called again."""
        self._plain = True

    def accept(self) -> None:
        """Take the message that MessageBegins announced."""
        assert self._state is _State.DECIDING
        self._state = _State.ACCEPTED if self._waits else _State.MESSAGE

    def refuse(self) -> None:
        """Do not take it; the door answers."""
        assert self._state is _State.DECIDING
        self._refused = None
        self._forget_command()
        self._state = _State.LINE if self._waits else _State.SKIPPING

    def next(self) -> Event | None:
        """The next event; None: more bytes are needed, or a decision."""
        while True:
            state = self._state
            event = self._step(state)
            if event is not None or self._state is state:
                return event

    def _step(self, state: _State) -> Event | None:
        """Do what this state can; without an event and with the same state after it, bytes are missing."""
        match state:
            case _State.LINE:
                return self._line()
            case _State.LITERAL:
                self._literal()
            case _State.ACCEPTED:
                self._state = _State.MESSAGE
                return Continue()
            case _State.MESSAGE:
                return self._message()
            case _State.MESSAGE_OVER:
                return self._message_over()
            case _State.SKIPPING:
                self._skip()
            case _State.SKIPPING_LINE:
                return self._skip_line()
            case _State.DECIDING | _State.CLOSED:
                pass
            case _:
                assert_never(state)
        return None

    def _line(self) -> Event | None:
        end = self._buffer.find(b"\n", self._searched)
        if max(end, len(self._buffer) - 2 if end < 0 else 0) > self.limits.line:
            self._give_up("This line is too long")
            return None
        if end < 0:
            self._searched = len(self._buffer)
            return None
        self._searched = 0
        line = self._take(end + 1)
        if end == 0 or line.find(b"\r") != end - 1:
            return self._close(line, "Lines end in CRLF")
        line = line[:-2]
        if self._plain:
            self._plain = False
            return Line(line)
        if self._raw:
            self._raw += line
            line = bytes(self._raw)
        announced = _LITERAL.search(line) if line.endswith(b"}") else None
        if announced is None:
            self._forget_command()
            return Ready(line)
        self._left = int(announced.group(1))
        self._waits = not announced.group(2)
        return self._announced(line)

    def _announced(self, raw: bytes) -> Event | None:
        """The command so far ends in {n}."""
        self._literals += 1
        if _APPEND.match(raw):
            return self._append(raw)
        if self._literals > self.limits.literals:
            return self._decline(raw, "This command has too many literals")
        if self._left > self.limits.literal or len(raw) + self._left > self.limits.command:
            return self._decline(raw, "This literal is too large")
        self._raw = bytearray(raw + b"\r\n")
        self._state = _State.LITERAL
        return Continue() if self._waits else None

    def _append(self, raw: bytes) -> Event | None:
        try:
            tag, append = parse_append(raw)
        except BadCommand as bad:
            return self._decline(raw, bad.why, code=bad.code, no=bad.no)
        if append.size > self.limits.append:
            return self._decline(raw, "This message is too large", code=b"TOOBIG", no=True)
        self._tag = tag
        self._state = _State.DECIDING
        return MessageBegins(tag, append)

    def _literal(self) -> None:
        if len(self._buffer) >= self._left:
            self._raw += self._take(self._left)
            self._state = _State.LINE

    def _message(self) -> Event | None:
        if self._left == 0:
            self._state = _State.MESSAGE_OVER
            return None
        if not self._buffer:
            return None
        data = self._take(min(self._left, len(self._buffer)))
        self._left -= len(data)
        return MessageChunk(data)

    def _message_over(self) -> Event | None:
        """Nothing may follow the message. gap: MULTIAPPEND (RFC 3502) would."""
        rest = bytes(self._buffer[:2])
        if rest in (b"", b"\r"):
            return None
        if rest == b"\r\n":
            self._take(2)
            self._forget_command()
            self._state = _State.LINE
            return MessageEnds()
        self._raw[:] = self._tag + b" "
        self._give_up("Nothing may follow the message")
        return None

    def _decline(self, raw: bytes, why: str, *, code: bytes = b"", no: bool = False) -> Event | None:
        """Refuse a command that ends in {n}; unless the client waits, the literal comes and is thrown away."""
        refused = Refused(tag=tag_of(raw), why=why, code=code, no=no)
        self._forget_command()
        if self._waits:
            return refused
        if self._left > MAX_THROWN_AWAY:
            return self._close(raw, why, code=code)
        self._refused = refused
        self._state = _State.SKIPPING
        return None

    def _give_up(self, why: str) -> None:
        """Refuse a command in the middle of a line, when that line is over."""
        start = bytes(self._raw or self._buffer[: min(300, self.limits.line)])
        self._refused = Refused(tag=b"*" if self._plain else tag_of(start), why=why)
        self._plain = False
        self._forget_command()
        self._tail = b""
        self._state = _State.SKIPPING_LINE

    def _close(self, raw: bytes, why: str, *, code: bytes = b"") -> Refused:
        tag = b"*" if self._plain else tag_of(bytes(self._raw) or raw)
        self._forget_command()
        self._buffer.clear()
        self._state = _State.CLOSED
        return Refused(tag=tag, why=why, code=code, fatal=True)

    def _skip(self) -> None:
        skipped = min(self._left, len(self._buffer))
        del self._buffer[:skipped]
        self._left -= skipped
        if self._left == 0:
            self._tail = b""
            self._state = _State.SKIPPING_LINE

    def _skip_line(self) -> Event | None:
        """Read to the end of a line, and on if it ends in a literal that comes by itself."""
        end = self._buffer.find(b"\n")
        line = self._take(len(self._buffer) if end < 0 else end + 1)
        self._tail = (self._tail + line)[-40:]
        if end < 0:
            return None
        announced = _LITERAL.search(self._tail.rstrip(b"\r\n"))
        if announced is not None and announced.group(2):
            self._left = int(announced.group(1))
            if self._left > MAX_THROWN_AWAY:
                return self._close(self._refused.tag + b" " if self._refused else b"", "This literal is too large")
            self._state = _State.SKIPPING
            return None
        refused, self._refused = self._refused, None
        self._state = _State.LINE
        return refused

    def _forget_command(self) -> None:
        self._raw = bytearray()
        self._literals = 0
        self._searched = 0

    def _take(self, count: int) -> bytes:
        buffer = self._buffer
        if count == len(buffer):
            data = bytes(buffer)
            buffer.clear()
            return data
        data = bytes(buffer[:count])
        del buffer[:count]
        return data
