"""The server's side of an SMTP or LMTP session, without a socket.

Owns grammar, order of commands, limits and the body's transparency; leaves every decision (who may, to whom, is it
durable) to the door. The door feeds bytes, takes events, answers those that want an answer, and writes output() to the
peer. However commands were pipelined they are handled one at a time, in order: after an event that wants an answer
nothing more is read until it is given.

Lines end in CRLF and nothing else. A bare CR or LF in a command, or around a dot that could end the body, is how one
message is smuggled into another (CVE-2023-51764): it is refused and the session ends. Elsewhere in a body bytes are kept.
RFC 5321, 1870 (SIZE), 2033 (LMTP), 2920 (PIPELINING), 3030 (CHUNKING), 3207 (STARTTLS), 3461 (DSN), 4954 (AUTH),
6152 (8BITMIME), 6531 (SMTPUTF8).
"""

from __future__ import annotations

import base64
import binascii
import re
from enum import Enum, auto

import msgspec

from holdfast.wire.smtp import commands
from holdfast.wire.smtp.commands import BadCommand, Mail, Rcpt
from holdfast.wire.smtp.replies import Reply

MAX_LINE = 2048  # RFC 5321 §4.5.3.1.4 says 512, its extensions add up to more
MAX_AUTH_LINE = 12288  # RFC 4954 §4
MAX_ERRORS = 20
MAX_COMMANDS = 100_000


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What this door offers. size: largest message in bytes; auth: mechanisms offered under the present protection."""

    hostname: str
    lmtp: bool = False
    size: int = 50 << 20
    recipients: int = 1000
    starttls: bool = False
    auth: tuple[str, ...] = ()


class Hello(msgspec.Struct, frozen=True):
    """The client named itself; answered by the machine."""

    name: str
    extended: bool


class BodyBegins(msgspec.Struct, frozen=True):
    """The first bytes of the body may follow; wants no answer."""


class BodyChunk(msgspec.Struct, frozen=True):
    """A piece of the body, without transparency. Wants no answer."""

    data: bytes


class BodyEnds(msgspec.Struct, frozen=True):
    """The body is whole. Wants an answer: answer(), and with LMTP one for each recipient."""


class BodyDropped(msgspec.Struct, frozen=True):
    """The body is not wanted any more (too large, refused, reset); answered by the machine."""


class Auth(msgspec.Struct, frozen=True):
    """AUTH with its initial response, decoded; None if the client waits for a challenge. Wants challenge() or answer()."""

    mechanism: str
    initial: bytes | None


class AuthResponse(msgspec.Struct, frozen=True):
    """The answer to a challenge, decoded; None: the client gave up. Wants challenge() or answer()."""

    data: bytes | None


class StartTls(msgspec.Struct, frozen=True):
    """The answer 220 is in output(): write it, start TLS, then call protected()."""


class Reset(msgspec.Struct, frozen=True):
    """The transaction is forgotten; answered by the machine."""


class Finished(msgspec.Struct, frozen=True):
    """The session is over: write output() and close. why: "" after QUIT."""

    why: str


Event = (
    Hello
    | Mail
    | Rcpt
    | BodyBegins
    | BodyChunk
    | BodyEnds
    | BodyDropped
    | Auth
    | AuthResponse
    | StartTls
    | Reset
    | Finished
)


class _State(Enum):
    COMMAND = auto()
    WAITING = auto()  # for the door's answer
    DATA = auto()
    CHUNK = auto()  # BDAT
    AUTH = auto()
    CLOSED = auto()


_OK = b"250 2.0.0 OK\r\n"
_SENDER_OK = b"250 2.1.0 Sender OK\r\n"
_RECIPIENT_OK = b"250 2.1.5 Recipient OK\r\n"
_GO_AHEAD = b"354 End data with <CR><LF>.<CR><LF>\r\n"
_END = b"\r\n.\r\n"
# A dot alone between line ends of which at least one is not CRLF; what precedes it is looked at in full.
_SMUGGLED = re.compile(rb"(?<!\r)\n\.\r?\n|\r\n\.(?:\n|\r[^\n])|\r\.\r|\r\.\n|(?<!\r)\n\.\r")
_WORD = re.compile(rb"[A-Za-z]{1,12}")


class Server:
    """One session. feed() bytes, then next() until it answers None; output() is what to write."""

    __slots__ = (
        "_answered",
        "_body_size",
        "_buffer",
        "_chunk_last",
        "_chunk_left",
        "_chunked",
        "_commands",
        "_dropping",
        "_errors",
        "_event",
        "_hello",
        "_last",
        "_line_start",
        "_options",
        "_out",
        "_queue",
        "_recipients",
        "_state",
        "extended",
        "mail",
        "signed_in",
        "tls",
    )

    def __init__(self, options: Options, *, tls: bool = False) -> None:
        self._options = options
        self._buffer = bytearray()
        self._out: list[bytes] = []
        self._state = _State.COMMAND
        self._queue: list[Event] = []
        self._event: Event | None = None  # waits for its answer
        self._hello = ""
        self.extended = False
        self.tls = tls
        self.signed_in = False
        self.mail: Mail | None = None
        self._recipients = 0
        self._answered = 0
        self._errors = 0
        self._commands = 0
        self._body_size = 0
        self._dropping: Reply | None = None
        self._line_start = True
        self._last = b""
        self._chunk_left = 0
        self._chunk_last = False
        self._chunked = False

    @property
    def buffered(self) -> int:
        """Bytes that wait inside; the door stops reading from the peer while it is more than it likes."""
        return len(self._buffer)

    @property
    def hello(self) -> str:
        """The name that the client gave."""
        return self._hello

    @property
    def in_body(self) -> bool:
        return self._state in (_State.DATA, _State.CHUNK)

    def greet(self) -> None:
        kind = "LMTP" if self._options.lmtp else "ESMTP"
        self._say(f"220 {self._options.hostname} {kind} Holdfast\r\n".encode())

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def output(self) -> bytes:
        """What is to be written to the peer now."""
        out = self._out
        if not out:
            return b""
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        return data

    def next(self) -> Event | None:
        """The next event; None: more bytes, or the answer to the last event, are needed."""
        if self._queue:
            return self._queue.pop(0)
        while True:
            state = self._state
            if state is _State.COMMAND:
                event = self._command()
            elif state is _State.DATA:
                event = self._data()
            elif state is _State.CHUNK:
                event = self._chunk()
            elif state is _State.AUTH:
                event = self._auth_line()
            else:
                return None
            if event is not None:
                return event
            if self._state is state:
                return None

    # -- the door's answers ----------------------------------------------------------------------------------------

    def answer(self, reply: Reply) -> None:
        """Answer the event that waits. A 421 ends the session."""
        event = self._event
        if event is None:
            raise RuntimeError("no event waits for an answer")
        positive = reply.code < 400
        self._out.append(reply.encode())
        if isinstance(event, BodyEnds) and self._options.lmtp:
            self._answered += 1
            if self._answered < self._recipients and reply.code != 421:
                return
        self._event = None
        self._state = _State.COMMAND
        if isinstance(event, Mail):
            self.mail = event if positive else None
        elif isinstance(event, Rcpt):
            self._recipients += positive
        elif isinstance(event, BodyEnds):
            self._forget()
        elif isinstance(event, Auth | AuthResponse):
            self.signed_in = positive
            self._errors += not positive
        if reply.code == 421:
            self._close(reply.text)

    def accept(self) -> None:
        """Answer a Mail or Rcpt with yes; the quick way."""
        event = self._event
        self._event = None
        self._state = _State.COMMAND
        if isinstance(event, Mail):
            self.mail = event
            self._out.append(_SENDER_OK)
        else:
            self._recipients += 1
            self._out.append(_RECIPIENT_OK)

    def challenge(self, data: bytes) -> None:
        """Answer an Auth or AuthResponse with a question."""
        self._event = None
        self._state = _State.AUTH
        self._say(b"334 " + base64.b64encode(data) + b"\r\n")

    def drop_body(self, reply: Reply) -> None:
        """The door cannot take the body that is arriving: swallow the rest and give this answer at its end."""
        self._dropping = reply

    def protected(self, options: Options) -> None:
        """TLS stands: the session begins anew, and nothing that came before it counts (RFC 3207 §4.2)."""
        self._options = options
        self._buffer.clear()
        self._hello = ""
        self.extended = False
        self.signed_in = False
        self.tls = True
        self._forget()
        self._event = None
        self._state = _State.COMMAND

    def end(self, reply: Reply) -> None:
        """Say goodbye for the door's own reason: idle, stopping."""
        self._say(reply.encode())
        self._close(reply.text)
        self._queue.clear()

    # -- commands --------------------------------------------------------------------------------------------------

    def _command(self) -> Event | None:
        line = self._line(MAX_LINE)
        if line is None:
            return self._queue.pop(0) if self._queue else None
        self._commands += 1
        if self._commands > MAX_COMMANDS:
            return self._bye(Reply(421, "4.7.0", "Too many commands in one session"))
        verb, _, rest = line.partition(b" ")
        try:
            event = self._dispatch(verb.upper(), rest)
        except BadCommand as bad:
            return self._bad(bad.reply)
        if isinstance(event, Mail | Rcpt | BodyEnds | Auth):
            self._event = event
            self._state = _State.WAITING
        return event

    def _dispatch(self, verb: bytes, rest: bytes) -> Event | None:
        match verb:
            case b"RCPT":
                return self._rcpt(rest)
            case b"MAIL":
                return self._mail(rest)
            case b"DATA":
                return self._begin_data(rest)
            case b"EHLO" | b"HELO" | b"LHLO":
                return self._greeting(verb, rest)
            case b"QUIT":
                self._say(b"221 2.0.0 Goodbye\r\n")
                return self._close("")
            case b"RSET":
                self._forget()
                self._say(_OK)
                return Reset()
            case b"NOOP":
                self._say(_OK)
                return self._command()
            case b"BDAT":
                return self._begin_chunk(rest)
            case b"STARTTLS":
                return self._starttls(rest)
            case b"AUTH":
                return self._begin_auth(rest)
            case b"VRFY" | b"EXPN":
                self._say(b"252 2.5.2 Addresses are not looked up here; send and see\r\n")
                return self._command()
            case b"HELP":
                self._say(b"214 2.0.0 EHLO MAIL RCPT DATA BDAT RSET NOOP QUIT STARTTLS AUTH; RFC 5321\r\n")
                return self._command()
            case _:
                raise BadCommand(Reply(500, "5.5.1", "This command is not known here"))

    def _greeting(self, verb: bytes, rest: bytes) -> Event | None:
        if (verb == b"LHLO") != self._options.lmtp:
            raise BadCommand(
                Reply(500, "5.5.1", "This is LMTP: say LHLO" if self._options.lmtp else "This is SMTP: say EHLO")
            )
        name = commands.decode(rest).strip()
        if not name or len(name) > 255 or any(c.isspace() or ord(c) < 33 for c in name):
            raise BadCommand(Reply(501, "5.5.4", f"Syntax: {verb.decode()} your.host.name"))
        self._hello = name
        self.extended = verb != b"HELO"
        self._forget()
        self._say(self._capabilities() if self.extended else f"250 {self._options.hostname}\r\n".encode())
        return Hello(name, self.extended)

    def _capabilities(self) -> bytes:
        options = self._options
        lines = [
            options.hostname,
            "PIPELINING",
            f"SIZE {options.size}",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
            "CHUNKING",
            "DSN",
        ]
        if options.starttls and not self.tls:
            lines.append("STARTTLS")
        if options.auth:
            lines.append("AUTH " + " ".join(options.auth))
        return Reply(250, "", "\n".join(lines)).encode()

    def _mail(self, rest: bytes) -> Event:
        self._need_hello()
        if self.mail is not None:
            raise BadCommand(Reply(503, "5.5.1", "A sender was given already; RSET forgets it"))
        mail = commands.parse_mail(commands.decode(rest))
        if mail.size > self._options.size:
            raise BadCommand(Reply(552, "5.3.4", f"A message may have {self._options.size} bytes here"))
        return mail

    def _rcpt(self, rest: bytes) -> Event:
        if self.mail is None:
            raise BadCommand(Reply(503, "5.5.1", "MAIL comes first"))
        if self._recipients >= self._options.recipients:
            raise BadCommand(
                Reply(452, "4.5.3", f"{self._options.recipients} recipients at a time: send these, then the others")
            )
        return commands.parse_rcpt(commands.decode(rest), utf8=self.mail.smtputf8)

    def _need_hello(self) -> None:
        if not self._hello:
            raise BadCommand(Reply(503, "5.5.1", "LHLO comes first" if self._options.lmtp else "EHLO comes first"))

    def _starttls(self, rest: bytes) -> Event:
        if rest.strip():
            raise BadCommand(Reply(501, "5.5.4", "STARTTLS stands alone"))
        if not self._options.starttls or self.tls:
            raise BadCommand(Reply(503, "5.5.1", "TLS is not to be started now"))
        # What the client sent in the clear behind STARTTLS is not its own word for certain (RFC 3207 §5).
        if self._buffer:
            return self._bye(Reply(421, "4.7.0", "Nothing may follow STARTTLS before TLS stands"))
        self._say(b"220 2.0.0 Start TLS\r\n")
        self._state = _State.WAITING
        return StartTls()

    # -- AUTH ------------------------------------------------------------------------------------------------------

    def _begin_auth(self, rest: bytes) -> Event:
        self._need_hello()
        if not self._options.auth:
            raise BadCommand(
                Reply(503, "5.5.1", "Signing in is not offered here" if self.tls else "Signing in needs TLS first")
            )
        if self.signed_in or self.mail is not None:
            raise BadCommand(Reply(503, "5.5.1", "Not now"))
        mechanism, _, initial = commands.decode(rest).strip().partition(" ")
        if mechanism.upper() not in self._options.auth:
            raise BadCommand(Reply(504, "5.5.4", "This mechanism is not known here"))
        if not initial:
            return Auth(mechanism.upper(), None)
        if initial == "=":
            return Auth(mechanism.upper(), b"")
        return Auth(mechanism.upper(), _from_base64(initial.encode()))

    def _auth_line(self) -> Event | None:
        line = self._line(MAX_AUTH_LINE)
        if line is None:
            return self._queue.pop(0) if self._queue else None
        try:
            event = AuthResponse(None if line == b"*" else _from_base64(line))
        except BadCommand as bad:
            self._state = _State.COMMAND
            return self._bad(bad.reply)
        self._event = event
        self._state = _State.WAITING
        return event

    # -- bodies ----------------------------------------------------------------------------------------------------

    def _begin_data(self, rest: bytes) -> Event:
        if rest.strip():
            raise BadCommand(Reply(501, "5.5.4", "DATA stands alone"))
        if self._chunked:
            raise BadCommand(Reply(503, "5.5.1", "BDAT was begun: DATA cannot follow (RFC 3030)"))
        self._need_recipients()
        self._say(_GO_AHEAD)
        self._state = _State.DATA
        self._line_start = True
        self._last = b"\r\n"
        self._body_size = 0
        return BodyBegins()

    def _need_recipients(self) -> None:
        if self.mail is None:
            raise BadCommand(Reply(503, "5.5.1", "MAIL and RCPT come first"))
        if not self._recipients:
            raise BadCommand(Reply(554, "5.5.1", "There is no valid recipient"))

    def _data(self) -> Event | None:
        """The next piece of a DATA body. The last four bytes are held back: the end may be among them."""
        buffer = self._buffer
        # A body that begins with the end's dot is empty: its first line start counts as after CRLF.
        if self._line_start and len(self._last) == 2 and self._body_size == 0 and buffer[:3] == b".\r\n":
            del buffer[:3]
            return self._body_ends(b"")
        at = buffer.find(_END)
        if at < 0:
            size = len(buffer) - 4
            if size <= 0:
                return None
            piece = bytes(buffer[:size])
            del buffer[:size]
            return self._chunk_of(piece, bytes(buffer))
        piece = bytes(buffer[: at + 2])
        if self._is_smuggled(piece):
            return self._smuggler()
        del buffer[: at + 5]
        return self._body_ends(piece)

    def _is_smuggled(self, piece: bytes) -> bool:
        if b"\n." not in piece and b"\r." not in piece and not piece.startswith(b"."):
            return False
        return _SMUGGLED.search(self._last + piece) is not None

    def _chunk_of(self, piece: bytes, held: bytes) -> Event | None:
        if self._is_smuggled(piece + held):
            return self._smuggler()
        data = self._plain(piece)
        return self._count(data)

    def _plain(self, piece: bytes) -> bytes:
        """Take transparency off: the first dot of a line is not the sender's (RFC 5321 §4.5.2)."""
        data = piece
        if b"\n." in piece:
            data = piece.replace(b"\r\n.", b"\r\n")
        if piece.startswith(b".") and self._last.endswith(b"\r\n"):
            data = data[1:]
        elif piece.startswith(b"\n.") and self._last.endswith(b"\r"):
            data = b"\n" + data[2:]
        self._last = (self._last + piece)[-2:]
        self._line_start = self._last == b"\r\n"
        return data

    def _count(self, data: bytes) -> Event | None:
        self._body_size += len(data)
        if self._dropping is None and self._body_size > self._options.size:
            self._dropping = Reply(552, "5.3.4", f"A message may have {self._options.size} bytes here")
            return BodyDropped()
        if self._dropping is not None or not data:
            return self.next() if self._buffer and self._state is not _State.WAITING and len(self._buffer) > 4 else None
        return BodyChunk(data)

    def _body_ends(self, piece: bytes) -> Event | None:
        event = self._count(self._plain(piece)) if piece else None
        return self._end_body(event)

    def _end_body(self, last: Event | None) -> Event | None:
        if self._dropping is not None:
            reply = self._dropping
            self._say(reply.encode() * (self._recipients if self._options.lmtp else 1))
            self._forget()
            self._state = _State.COMMAND
            return last or Reset()
        self._event = BodyEnds()
        self._state = _State.WAITING
        if last is None:
            return self._event
        self._queue.append(self._event)
        return last

    def _smuggler(self) -> Event:
        return self._bye(Reply(521, "5.5.2", "A dot between bare line ends is not accepted here: lines end in CRLF"))

    def _begin_chunk(self, rest: bytes) -> Event | None:
        words = commands.decode(rest).upper().split()
        if not words or not words[0].isdecimal() or len(words[0]) > 12 or words[1:] not in ([], ["LAST"]):
            raise BadCommand(Reply(501, "5.5.4", "Syntax: BDAT size [LAST]"))
        size, last = int(words[0]), len(words) == 2
        try:
            self._need_recipients()
        except BadCommand as bad:
            # The chunk follows whatever is answered: swallow it, or its bytes would be read as commands.
            if size > self._options.size:
                return self._bye(Reply(421, "4.7.0", "BDAT without a transaction"))
            self._dropping = bad.reply
        first = not self._chunked
        self._chunked = True
        self._chunk_left = size
        self._chunk_last = last
        self._state = _State.CHUNK
        if first:
            self._body_size = 0
            if self._dropping is None:
                return BodyBegins()
        return self._chunk()

    def _chunk(self) -> Event | None:
        if self._chunk_left:
            size = min(self._chunk_left, len(self._buffer))
            if not size:
                return None
            piece = bytes(self._buffer[:size])
            del self._buffer[:size]
            self._chunk_left -= size
            self._body_size += size
            if self._dropping is None:
                if self._body_size > self._options.size:
                    self._dropping = Reply(552, "5.3.4", f"A message may have {self._options.size} bytes here")
                    return BodyDropped()
                return BodyChunk(piece)
            return self._chunk()
        if self._dropping is not None:
            self._say(self._dropping.encode())
            self._forget()
            self._state = _State.COMMAND
            return Reset()
        if self._chunk_last:
            self._event = BodyEnds()
            self._state = _State.WAITING
            return self._event
        self._say(_OK)
        self._state = _State.COMMAND
        return None

    # -- lines and ends --------------------------------------------------------------------------------------------

    def _line(self, limit: int) -> bytes | None:
        buffer = self._buffer
        at = buffer.find(b"\n")
        if at < 0:
            if len(buffer) > limit:
                self._queue.append(self._bye(Reply(500, "5.5.2", "This line is too long")))
            return None
        line = bytes(buffer[:at])
        del buffer[: at + 1]
        if len(line) > limit:
            self._queue.append(self._bye(Reply(500, "5.5.2", "This line is too long")))
            return None
        if not line.endswith(b"\r") or line.find(b"\r", 0, -1) >= 0 or b"\0" in line:
            self._queue.append(self._bye(Reply(521, "5.5.2", "Lines end in CRLF, and have no other CR, LF or NUL")))
            return None
        return line[:-1]

    def _bad(self, reply: Reply) -> Event | None:
        self._errors += 1
        if self._errors > MAX_ERRORS:
            return self._bye(Reply(421, "4.7.0", "Too many errors"))
        self._say(reply.encode())
        return self._command()

    def _bye(self, reply: Reply) -> Finished:
        self._say(reply.encode())
        return self._close(reply.text)

    def _close(self, why: str) -> Finished:
        self._state = _State.CLOSED
        self._buffer.clear()
        self._event = None
        return Finished(why)

    def _forget(self) -> None:
        self.mail = None
        self._recipients = 0
        self._answered = 0
        self._dropping = None
        self._chunked = False
        self._body_size = 0

    def _say(self, data: bytes) -> None:
        self._out.append(data)


def _from_base64(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise BadCommand(Reply(501, "5.5.2", "This is not base64")) from None
