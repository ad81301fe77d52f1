"""Values with parameters, as in Content-Type and Content-Disposition.

Owns splitting, comments and quotes, and putting split or charset-marked parameters together again. Names are lower case;
values stay octets until they are asked for. RFC 2045 §5.1, RFC 2231 §3, §4.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

from holdfast.wire.mime import decode, encoded_words

Params = tuple[tuple[str, bytes], ...]

MAX_PARAMS = 200
MAX_VALUE = 64 << 10

_PARAM = re.compile(rb';\s*+([^=;\s"]++)\s*+=\s*+(?:"((?:[^"\\]++|\\.)*+)"?+[^;]*+|([^;]*+))', re.S)
_QUOTED_PAIR = re.compile(rb'\\(["\\])')
_PIECE = re.compile(r"([^*]+)(?:\*(\d{1,3}))?(\*)?")
_COMMENT_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?+|\\.|[()]|[^"()\\]++|\\', re.S)


def split(raw: bytes) -> tuple[bytes, Params]:
    """The value before the first semicolon, and its parameters as written: quotes gone, RFC 2231 marks still there."""
    raw = raw[:MAX_VALUE].translate(None, b"\r\n\0")
    if b"(" in raw:
        raw = without_comments(raw)
    value, semicolon, rest = raw.partition(b";")
    if not semicolon:
        return value.strip(), ()
    found: list[tuple[str, bytes]] = []
    for name, quoted, bare in _PARAM.findall(b";" + rest)[:MAX_PARAMS]:
        if b"\\" in quoted:
            quoted = _QUOTED_PAIR.sub(rb"\1", quoted)
        found.append((name.decode("ascii", "replace").lower(), quoted or bare.strip()))
    return value.strip(), tuple(found)


def without_comments(raw: bytes) -> bytes:
    """The value with its comments gone; parentheses in quoted strings stay. RFC 5322 §3.2.2."""
    out: list[bytes] = []
    depth = 0
    for token in _COMMENT_TOKEN.findall(raw):
        if token == b"(":
            depth += 1
        elif token == b")":
            depth = max(0, depth - 1)
        elif not depth:
            out.append(token)
    return b"".join(out)


def get(params: Sequence[tuple[str, bytes]], name: str) -> str | None:
    """The parameter as text: pieces joined, charset and percents resolved, encoded words read; None if not there.

    The RFC 2231 form wins over the plain one, which is there for older readers.
    """
    plain: bytes | None = None
    pieces: dict[int, tuple[bytes, bool]] = {}
    for each, value in params:
        if each == name:
            plain = value if plain is None else plain
        elif each.startswith(name) and (piece := _PIECE.fullmatch(each)) and piece[1] == name:
            pieces.setdefault(int(piece[2] or 0), (value, piece[3] is not None))
    if pieces:
        return _joined(pieces)
    return None if plain is None else encoded_words.read(plain)


def _joined(pieces: dict[int, tuple[bytes, bool]]) -> str:
    charset: str | None = None
    octets: list[bytes] = []
    for number in range(len(pieces)):
        if number not in pieces:  # a gap: what follows cannot be placed
            break
        value, marked = pieces[number]
        if marked and number == 0 and value.count(b"'") >= 2:
            name, _, value = value.split(b"'", 2)
            charset = name.decode("ascii", "replace")
        octets.append(unquote_to_bytes(value) if marked else value)
    joined = b"".join(octets)
    if charset is None:  # no charset is named: some writers put encoded words in the pieces
        return encoded_words.read(joined)
    return decode.text(joined, charset).replace("\r", " ").replace("\n", " ")
