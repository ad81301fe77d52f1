"""Header blocks: bytes in, fields out, as they stand on the wire.

Owns splitting, unfolding and finding fields. Leaves what a value means to addresses.py, dates.py, params.py and
encoded_words.py. Lines that are no field (mbox "From ", junk) are passed over. RFC 5322 §2.2, §2.2.3.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_BLOCK = 1 << 20  # octets of a header block that are read; what follows is ignored
MAX_FIELDS = 10_000

_FIELD = re.compile(rb"^([!-9;-~]++)[ \t]*+:(.*+(?:\n[ \t].*+)*+)", re.M)


def fields(block: bytes) -> list[tuple[bytes, bytes]]:
    """All fields in their order: (name as written, value as written after the colon, folds kept)."""
    return _FIELD.findall(block[:MAX_BLOCK])[:MAX_FIELDS]


def unfold(raw: bytes) -> bytes:
    """The value on one line, without white space at its ends; no CR, LF or NUL remains. RFC 5322 §2.2.3."""
    return raw.translate(None, b"\r\n\0").strip(b" \t")


def by_name(found: Sequence[tuple[bytes, bytes]]) -> dict[bytes, list[bytes]]:
    """Raw values under their lower-case names, in the order of the message."""
    index: dict[bytes, list[bytes]] = {}
    for name, raw in found:
        index.setdefault(name.lower(), []).append(raw)
    return index


def get(found: Sequence[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    """The first value of that name, unfolded; None if there is none."""
    wanted = name.lower()
    for each, raw in found:
        if each.lower() == wanted:
            return unfold(raw)
    return None
