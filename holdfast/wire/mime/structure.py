"""What a message is made of: the tree of its parts, by offsets into its octets.

Found in one pass that never goes back, whatever the nesting: line starts with "--" are looked up among the boundaries
that are open, so cost does not grow with depth. A delimiter of an enclosing multipart ends all parts inside it; the
innermost of equal boundaries wins; line ends may be CRLF or LF. RFC 2045, RFC 2046 §5.1, §5.2.1, RFC 6532 §3.7.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
from holdfast.wire.mime import headers
from holdfast.wire.mime import params as parameters
from holdfast.wire.mime.params import Params

MAX_DEPTH = 100  # below it, a multipart or message is opaque: no children, truncated
MAX_PARTS = 10_000  # after it, a multipart's further parts are left out: truncated
MAX_BOUNDARY = 8192  # octets; 70 are allowed

_BLANK = re.compile(rb"\n\r?\n")
_HEADER_LINE = re.compile(rb"[!-9;-~]++[ \t]*+:|>?From |[ \t]")
_HEADER_LINES = re.compile(rb"(?:(?:[!-9;-~]++[ \t]*+:|>?From |[ \t])[^\n]*+\n?+)++")
# White space where the empty line should be, and what follows is no field: else the text before the next empty line is lost.
_ALMOST_BLANK = re.compile(rb"\n[ \t]++\r?\n(?![!-9;-~]++[ \t]*+:|[ \t\r\n])")
_TYPE = re.compile(rb"\s*+([!#-'*+.0-9A-Z^_`a-z{|}~-]++)\s*+/\s*+([!#-'*+.0-9A-Z^_`a-z{|}~-]++)\s*+(;?)")
_ENCODED = ("base64", "quoted-printable", "x-uuencode", "uuencode", "x-uue", "uue")


class Part(msgspec.Struct, frozen=True, array_like=True):
    """One part. All offsets are into the octets of the whole message.

    A multipart without children had no (usable) boundary or delimiter, or lies too deep: show its body as plain text.
    """

    header_start: int
    body_start: int  # header block, with its blank line: header_start to here
    body_end: int  # without the line end that belongs to the delimiter after it
    lines: int  # line ends in the body
    type: str = "text"  # lower case
    subtype: str = "plain"
    params: Params = ()  # of Content-Type; see params.get
    encoding: str = "7bit"
    disposition: str | None = None
    disposition_params: Params = ()
    content_id: bytes | None = None
    description: bytes | None = None
    language: bytes | None = None
    location: bytes | None = None
    md5: bytes | None = None
    children: tuple[Part, ...] = ()  # of a multipart; of an unencoded message/rfc822 or /global its one message
    truncated: bool = False  # a limit was met: children that are in the octets are not here

    @property
    def is_multipart(self) -> bool:
        return self.type == "multipart"

    @property
    def is_message(self) -> bool:
        return self.type == "message" and bool(self.children)


class _Open:
    """A part whose end is not found yet."""

    __slots__ = (
        "body_start",
        "boundary",
        "children",
        "depth",
        "described",
        "header_start",
        "lines_before",
        "truncated",
    )

    def __init__(
        self, header_start: int, body_start: int, described: _Described, lines_before: int, depth: int
    ) -> None:
        self.header_start = header_start
        self.body_start = body_start
        self.described = described
        self.lines_before = lines_before
        self.depth = depth
        self.boundary: bytes | None = None
        self.children: list[Part] = []
        self.truncated = False


class _Described(msgspec.Struct):
    """What the fields of a part say of it."""

    type: str = "text"
    subtype: str = "plain"
    params: Params = ()
    encoding: str = "7bit"
    disposition: str | None = None
    disposition_params: Params = ()
    content_id: bytes | None = None
    description: bytes | None = None
    language: bytes | None = None
    location: bytes | None = None
    md5: bytes | None = None


def scan(data: bytes) -> Part:
    """The tree of the message; any octets are one. Time grows with len(data), not with its nesting."""
    return _Scanner(data).run()


def walk(part: Part) -> Iterator[Part]:
    """The part and all parts below it, in the order of the message."""
    waiting = [part]
    while waiting:
        part = waiting.pop()
        yield part
        waiting.extend(reversed(part.children))


class _Scanner:
    __slots__ = (
        "blank",
        "blank_end",
        "boundaries",
        "counted",
        "dash",
        "data",
        "end",
        "lines",
        "parts",
        "root",
        "stack",
    )

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.end = len(data)
        self.stack: list[_Open] = []
        self.boundaries: dict[bytes, list[int]] = {}  # open boundary: the depths in the stack that it belongs to
        self.parts = 0
        # Cursors only move forward; each remembers what it found, so no octet is searched twice.
        self.blank = self.blank_end = -2  # the next empty line
        self.dash = -2  # the next line end before "--"
        self.counted = self.lines = 0  # line ends before `counted`
        self.root: Part | None = None

    def run(self) -> Part:
        at: int | None = 0
        default = ("text", "plain")
        while at is not None:
            at = self._open(at, default)
            if at is None:  # it is a message: its own header follows at once
                at, default = self.stack[-1].body_start, ("text", "plain")
                continue
            at = self._next_part(at)
            if at is not None:
                around = self.stack[-1].described
                default = ("message", "rfc822") if around.subtype == "digest" else ("text", "plain")
        self._close_above(0, self.end)
        assert self.root is not None  # closing all has closed the first one
        return self.root

    def _open(self, at: int, default: tuple[str, str]) -> int | None:
        """Read the header at `at` and put the part on the stack; None if a message begins in it, else where to look on."""
        self.parts += 1
        body_start = self._header_end(at)
        described = _describe(self.data[at:body_start], default)
        part = _Open(at, body_start, described, self._lines_to(body_start), len(self.stack))
        self.stack.append(part)
        kind = described.type
        if kind == "multipart":
            boundary = parameters.get(described.params, "boundary") if described.params else None
            if boundary and len(boundary) <= MAX_BOUNDARY:
                if part.depth >= MAX_DEPTH:
                    part.truncated = True
                else:
                    part.boundary = _raw_boundary(described.params, boundary)
                    self.boundaries.setdefault(part.boundary, []).append(part.depth)
        elif kind == "message" and described.subtype in ("rfc822", "global") and described.encoding not in _ENCODED:
            if part.depth >= MAX_DEPTH or self.parts >= MAX_PARTS:
                part.truncated = True
            else:
                return None
        return body_start

    def _header_end(self, at: int) -> int:
        """Where the body begins: after the empty line, at a delimiter before it, or at once if no header is there."""
        data = self.data
        if at == 0:
            if data[:1] == b"\n":
                return 1
            if data[:2] == b"\r\n":
                return 2
        if self.blank < at - 1:
            found = _BLANK.search(data, max(0, at - 1))
            self.blank, self.blank_end = found.span() if found else (self.end, self.end)
        if self.blank == at - 1:
            return self.blank_end
        if not _HEADER_LINE.match(data, at):
            return at
        limit = self._limit(at) if self.boundaries else self.end
        if self.blank_end >= limit:  # no empty line, or no body: the header ends where its lines stop looking like one
            lines = _HEADER_LINES.match(data, at, limit)
            stop = lines.end() if lines else at
            return stop if stop <= self.blank else self.blank_end
        if almost := _ALMOST_BLANK.search(data, at, self.blank):
            return almost.end()
        return self.blank_end

    def _limit(self, at: int) -> int:
        """Where a delimiter stands that leaves the part no body; the end of the message if there is none."""
        self._seek_dash(at)
        while self.dash < self.blank:
            if self._delimiter() is not None:
                return self.dash + 1
            found = self.data.find(b"\n--", self.dash + 1)
            self.dash = self.end if found < 0 else found
        # Looked at, not passed over: it may be the first delimiter of the multipart that this header opens.
        if self.dash <= self.blank_end + 1 and self.dash < self.end and self._delimiter() is not None:
            return min(self.dash + 1, self.blank_end)
        return self.end

    def _seek_dash(self, at: int) -> None:
        if self.dash < at - 1:
            found = self.data.find(b"\n--", max(0, at - 1))
            self.dash = self.end if found < 0 else found

    def _delimiter(self) -> tuple[int, bool, int] | None:
        """What the line after self.dash delimits: (depth of the multipart, is it the last, where the next line begins)."""
        start = self.dash + 3
        stop = self.data.find(b"\n", start)
        after = stop + 1
        if stop < 0:
            stop = after = self.end
        if stop - start > MAX_BOUNDARY + 200:
            return None
        line = self.data[start:stop].rstrip(b" \t\r")
        if depths := self.boundaries.get(line):
            return depths[-1], False, after
        if line[-2:] == b"--" and (depths := self.boundaries.get(line[:-2].rstrip(b" \t"))):
            return depths[-1], True, after
        return None

    def _next_part(self, at: int) -> int | None:
        """Close what the next delimiters end; where the next part begins, None at the end of the message."""
        while self.boundaries:
            self._seek_dash(at)
            if self.dash >= self.end:
                break
            found = self._delimiter()
            if found is None:
                at = self.dash + 2
                continue
            depth, last, after = found
            end = self.dash
            if self.data[end - 1 : end] == b"\r":
                end -= 1
            self._close_above(depth + 1, end)
            at = after
            part = self.stack[-1]
            if last:
                self._forget(part)
            elif self.parts >= MAX_PARTS:
                part.truncated = True
            else:
                return at
        return None

    def _close_above(self, depth: int, end: int) -> None:
        while len(self.stack) > depth:
            part = self.stack.pop()
            self._forget(part)
            stop = max(end, part.body_start)
            if part.children:  # a child that begins at the delimiter keeps its line end, and so do those around it
                stop = max(stop, part.children[-1].body_end)
            closed = _closed(part, stop, self._lines_to(stop) - part.lines_before)
            if self.stack:
                self.stack[-1].children.append(closed)
            else:
                self.root = closed

    def _forget(self, part: _Open) -> None:
        if part.boundary is not None:
            depths = self.boundaries[part.boundary]
            depths.pop()
            if not depths:
                del self.boundaries[part.boundary]
            part.boundary = None

    def _lines_to(self, at: int) -> int:
        if at > self.counted:
            self.lines += self.data.count(b"\n", self.counted, at)
            self.counted = at
        return self.lines


def _raw_boundary(params: Params, boundary: str) -> bytes:
    for name, value in params:
        if name == "boundary":  # as written: it need not be text
            return value.rstrip(b" \t")
    return boundary.encode("utf-8", "replace").rstrip()


def _closed(part: _Open, stop: int, lines: int) -> Part:
    said = part.described
    return Part(
        part.header_start,
        part.body_start,
        stop,
        lines,
        said.type,
        said.subtype,
        said.params,
        said.encoding,
        said.disposition,
        said.disposition_params,
        said.content_id,
        said.description,
        said.language,
        said.location,
        said.md5,
        tuple(part.children),
        part.truncated,
    )


def _describe(block: bytes, default: tuple[str, str]) -> _Described:
    said = _Described(*default)
    seen: set[bytes] = set()
    for name, raw in headers.fields(block):
        if name[:8] not in (b"Content-", b"content-", b"CONTENT-") and name[:8].lower() != b"content-":
            continue
        name = name.lower()
        if name in seen:  # the first of its name counts
            continue
        seen.add(name)
        match name:
            case b"content-type":
                if kind := _TYPE.match(raw):
                    said.type = kind[1].decode("ascii").lower()
                    said.subtype = kind[2].decode("ascii").lower()
                    said.params = parameters.split(raw)[1] if b";" in raw else ()
            case b"content-transfer-encoding":
                said.encoding = _word(raw) or "7bit"
            case b"content-disposition":
                value, said.disposition_params = parameters.split(raw)
                said.disposition = value.decode("ascii", "replace").lower() or None
            case b"content-id":
                said.content_id = headers.unfold(raw)
            case b"content-description":
                said.description = headers.unfold(raw)
            case b"content-language":
                said.language = headers.unfold(raw)
            case b"content-location":
                said.location = headers.unfold(raw)
            case b"content-md5":
                said.md5 = headers.unfold(raw)
    return said


def _word(raw: bytes) -> str:
    value = parameters.split(raw)[0]
    return value.decode("ascii", "replace").lower()
