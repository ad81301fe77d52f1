"""Encoded words in header values, read tolerantly.

Beyond RFC 2047: words may be long, contain spaces or question marks, and share one character between two words.
"""

from __future__ import annotations

import binascii
import re

from holdfast.wire.mime import decode

MAX_VALUE = 64 << 10  # octets of a value that are read

# Bounded where a hostile value could make it walk far for each start.
_WORD = re.compile(rb"=\?([^?\s]{1,80}+)\?([bBqQ])\?([^?]*+(?:\?(?!=)[^?]*+){0,8}+)\?=")


def read(raw: bytes) -> str:
    """The value as a reader should see it, on one line. RFC 2047 §6."""
    raw = raw[:MAX_VALUE].translate(None, b"\r\n\0")
    if b"=?" not in raw:
        return decode.text(raw, None)
    out: list[str] = []
    pending = b""  # octets of adjacent words of one charset: a character may be cut between them
    charset = ""
    at = 0
    for word in _WORD.finditer(raw):
        between = raw[at : word.start()]
        name = word[1].split(b"*", 1)[0].decode("latin-1").lower()  # RFC 2231 §5: charset*language
        adjacent = at > 0 and not between.strip()
        if not (adjacent and name == charset):
            out.append(decode.text(pending, charset))
            pending, charset = b"", name
        if not adjacent:
            out.append(decode.text(between, None))
        pending += _octets(word[2], word[3])
        at = word.end()
    out.append(decode.text(pending, charset))
    out.append(decode.text(raw[at:], None))
    return "".join(out).replace("\r", " ").replace("\n", " ")


def _octets(kind: bytes, content: bytes) -> bytes:
    if kind in b"bB":
        return decode.base64(content)
    return binascii.a2b_qp(content, header=True)
