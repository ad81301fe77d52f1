"""Lists of message ids, as in Message-ID, In-Reply-To and References. RFC 5322 §3.6.4."""

from __future__ import annotations

import re

MAX_IDS = 200  # a thread with more is told by its newest
MAX_LENGTH = 998

_ID = re.compile(rb"<([^<>]{1,1200}+)>")


def parse(raw: bytes) -> list[str]:
    """The ids without their brackets, in order, each once; of too many, the last ones."""
    raw = raw[-(MAX_IDS * MAX_LENGTH) :]
    found: dict[str, None] = {}
    for octets in _ID.findall(raw):
        if one := _clean(octets):
            found[one] = None
    return list(found)[-MAX_IDS:]


def own(raw: bytes) -> str:
    """The id of a Message-ID field; without brackets, its first word; "" if there is none."""
    if found := parse(raw):
        return found[0]
    words = raw[: MAX_LENGTH * 2].translate(None, b"<>\0").split()
    return _clean(words[0]) if words else ""


def _clean(octets: bytes) -> str:
    one = b"".join(octets.replace(b"\0", b"").split())  # a folded id has white space where it was cut
    return one.decode("utf-8", "replace") if len(one) <= MAX_LENGTH else ""
