"""Whether two servers say the same of the same mailbox: their IMAP answers, parsed and compared message by message.

Speed with other results is no speed. Messages are matched by Message-ID, so that neither order nor UIDs need to agree.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from bench.clients import Imap

Value = bytes | None | Sequence["Value"]
_TOKEN = re.compile(
    rb'[ \r\n]*(?:(\()|(\))|"((?:[^"\\]|\\.)*)"|\{(\d+)\}\r\n|((?:BODY\[[^\]]*\][^ ]*)|[^ ()\r\n"{]+))', re.DOTALL
)


class Difference(Struct, frozen=True):
    """One thing that two servers see differently."""

    message_id: bytes
    item: bytes
    theirs: Value
    ours: Value


def fetched(data: bytes) -> dict[int, dict[bytes, Value]]:
    """Read FETCH responses: items by message number."""
    found: dict[int, dict[bytes, Value]] = {}
    at = 0
    while match := _FETCH.match(data, at):
        values, at = _list(data, match.end())
        names = [value.upper() if isinstance(value, bytes) else b"" for value in values[::2]]
        found.setdefault(int(match[1]), {}).update(zip(names, values[1::2], strict=True))
        at = data.index(b"\n", at) + 1
    return found


_FETCH = re.compile(rb"\* (\d+) FETCH \(", re.IGNORECASE)


def searched(data: bytes) -> set[int]:
    """Read the numbers of a SEARCH response."""
    return {int(number) for line in data.splitlines() if line.startswith(b"* SEARCH") for number in line.split()[2:]}


def message_ids(imap: Imap) -> dict[int, bytes]:
    """Message-ID by message number, of the selected mailbox."""
    answer = fetched(imap.run("FETCH 1:* (BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])").data)
    ids = {}
    for number, items in answer.items():
        value = next(iter(items.values()))
        assert isinstance(value, bytes)
        ids[number] = value.strip().rpartition(b" ")[2]
    return ids


def differences(theirs: bytes, their_ids: dict[int, bytes], ours: bytes, our_ids: dict[int, bytes]) -> list[Difference]:
    """Compare two answers to the same FETCH, item by item; UID, MODSEQ and what only one server could know are passed over."""
    left = {their_ids[number]: items for number, items in fetched(theirs).items()}
    right = {our_ids[number]: items for number, items in fetched(ours).items()}
    found = []
    for ident in sorted(left.keys() | right.keys()):
        one, other = left.get(ident, {}), right.get(ident, {})
        for item in sorted((one.keys() | other.keys()) - {b"UID", b"MODSEQ"}):
            a, b = _plain(item, one.get(item)), _plain(item, other.get(item))
            if a != b:
                found.append(Difference(ident, item, a, b))
    return found


def _plain(item: bytes, value: Value) -> Value:
    """Take away what servers may say differently: the case of atoms, the order of flags, \\Recent."""
    if item == b"FLAGS" and isinstance(value, list):
        return sorted({each.lower() for each in value if isinstance(each, bytes)} - {b"\\recent"})
    return _structure(value) if item == b"BODYSTRUCTURE" else value


def _structure(value: Value) -> Value:
    """Lower the case of types, encodings and names; the values of parameters stay as they are."""
    match value:
        case bytes():
            return value.lower()
        case None:
            return None
        case _ if all(isinstance(each, bytes) for each in value):
            return [each if place % 2 else _structure(each) for place, each in enumerate(value)]
        case _:
            return [_structure(each) for each in value]


def _list(data: bytes, at: int) -> tuple[list[Value], int]:
    """Read to the bracket that closes the list opened before at; deep lists cost no recursion."""
    open_lists: list[list[Value]] = [[]]
    while True:
        match = _TOKEN.match(data, at)
        if match is None:
            raise ValueError(f"not an IMAP value: {data[at : at + 80]!r}")
        at = match.end()
        if match[1]:
            open_lists.append([])
        elif match[2]:
            done = open_lists.pop()
            if not open_lists:
                return done, at
            open_lists[-1].append(done)
        elif match[3] is not None:
            open_lists[-1].append(re.sub(rb"\\(.)", rb"\1", match[3]))
        elif match[4]:
            open_lists[-1].append(data[at : at + int(match[4])])
            at += int(match[4])
        else:
            open_lists[-1].append(None if match[5].upper() == b"NIL" else match[5])
