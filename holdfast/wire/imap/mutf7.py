"""Names of mailboxes: modified UTF-7, INBOX, the separator, and what a name may be.

Names inside are text with "/" between levels. On the wire they are modified UTF-7 (RFC 3501 §5.1.3); UTF-8 is read too.
"""

from __future__ import annotations

import binascii
import re

from holdfast.wire.errors import WireError

SEPARATOR = "/"
INBOX = "INBOX"
MAX_LEVEL = 255
MAX_NAME = 1000
MAX_LEVELS = 50

_PLAIN = re.compile(rb"[\x20-\x25\x27-\x7e]*")
_SHIFTED = re.compile(rb"&([A-Za-z0-9+,]*)-")
_BEYOND = re.compile("[^\x20-\x25\x27-\x7e]+")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff]")


def encode(name: str) -> bytes:
    """A name as modified UTF-7."""
    if name.isascii() and "&" not in name and name.isprintable():
        return name.encode()
    return _BEYOND.sub(_shift, name).encode("ascii")


def decode(wire: bytes) -> str:
    """A name from modified UTF-7, or from UTF-8 if it has bytes beyond ASCII; WireError."""
    if _PLAIN.fullmatch(wire):
        return wire.decode("ascii")
    if not wire.isascii():
        try:
            return wire.decode("utf-8")
        except UnicodeDecodeError:
            raise WireError("A mailbox name is neither modified UTF-7 nor UTF-8") from None
    pieces: list[str] = []
    at = 0
    while at < len(wire):
        plain = _PLAIN.match(wire, at)
        assert plain is not None  # it may be empty
        pieces.append(plain.group().decode("ascii"))
        at = plain.end()
        if at == len(wire):
            break
        shifted = _SHIFTED.match(wire, at)
        if shifted is None:
            raise WireError("A mailbox name is not modified UTF-7")
        pieces.append(_unshift(shifted.group(1)))
        at = shifted.end()
    return "".join(pieces)


def canonical(name: str) -> str:
    """INBOX in any case is INBOX, and so is what lies below it. RFC 3501 §5.1."""
    if name[:5].upper() == INBOX and name[5:6] in ("", SEPARATOR):
        return INBOX + name[5:]
    return name


def check(name: str) -> str | None:
    """Why this may not be the name of a mailbox; None if it may."""
    levels = name.split(SEPARATOR)
    if not all(levels):
        return "A mailbox name has no empty level"
    if len(levels) > MAX_LEVELS or len(name) > MAX_NAME or max(map(len, levels)) > MAX_LEVEL:
        return "This mailbox name is too long"
    if _CONTROL.search(name):
        return "A mailbox name has no control characters"
    return None


def _shift(found: re.Match[str]) -> str:
    """Characters beyond printable ASCII, and "&", as base64 of UTF-16."""
    pieces: list[str] = []
    for at, run in enumerate(found.group().split("&")):
        if at:
            pieces.append("&-")
        if run:
            base64 = binascii.b2a_base64(run.encode("utf-16-be", "surrogatepass"), newline=False)
            pieces.append("&" + base64.rstrip(b"=").replace(b"/", b",").decode("ascii") + "-")
    return "".join(pieces)


def _unshift(base64: bytes) -> str:
    if not base64:
        return "&"
    padded = base64.replace(b",", b"/") + b"=" * (-len(base64) % 4)
    try:
        return binascii.a2b_base64(padded, strict_mode=True).decode("utf-16-be")
    except (binascii.Error, UnicodeDecodeError):
        raise WireError("A mailbox name is not modified UTF-7") from None
