"""Some fields out of a header block, byte for byte as they are there. RFC 3501 §6.4.5 (HEADER.FIELDS).

One compiled expression finds all of them in one pass; the expression is kept for each set of names that clients ask for.
"""

from __future__ import annotations

import re
from functools import lru_cache


def only(header: bytes, names: tuple[bytes, ...]) -> bytes:
    """The fields with these names, in any case, in the order of the header, and the empty line that ends a header."""
    return _ended(_only(names).findall(b"\n" + header))


def without(header: bytes, names: tuple[bytes, ...]) -> bytes:
    """All other fields, and the empty line."""
    return _ended(_without(names).findall(b"\n" + header))


def _ended(found: list[bytes]) -> bytes:
    text = b"".join(found)[1:]
    if not text:
        return b"\r\n"
    return text + (b"\n\r\n" if text.endswith(b"\r") else b"\r\n\r\n")


@lru_cache(256)
def _only(names: tuple[bytes, ...]) -> re.Pattern[bytes]:
    return re.compile(rb"\n(?i:%b)[ \t]*+:[^\n]*+(?:\n[ \t][^\n]*+)*+" % _any_of(names))


@lru_cache(256)
def _without(names: tuple[bytes, ...]) -> re.Pattern[bytes]:
    return re.compile(rb"\n(?!(?i:%b)[ \t]*+:)[^\r\n \t][^\n]*+(?:\n[ \t][^\n]*+)*+" % _any_of(names))


def _any_of(names: tuple[bytes, ...]) -> bytes:
    return b"|".join(map(re.escape, names))
