"""Pieces of responses: strings, lists, and the untagged lines that are not FETCH.

Everything is bytes that may be sent as they are. RFC 3501 §7, §9; extensions as named.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Mapping, Sequence

from holdfast.wire.imap import mutf7, sequence
from holdfast.wire.imap.commands import StatusItem

_ATOM = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\]+")
_QUOTABLE = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f]*")
_SPECIAL = re.compile(rb'(["\\])')
MAX_QUOTED = 1000


def string(value: bytes) -> bytes:
    """Quoted if that can say it, else a literal. NUL, which neither may have, becomes "?"."""
    if len(value) <= MAX_QUOTED and _QUOTABLE.fullmatch(value) is not None:
        if b'"' in value or b"\\" in value:
            value = _SPECIAL.sub(rb"\\\1", value)
        return b'"%b"' % value
    if b"\0" in value:
        value = value.replace(b"\0", b"?")
    return b"{%d}\r\n%b" % (len(value), value)


def nstring(value: bytes | None) -> bytes:
    """A string; NIL for None."""
    return b"NIL" if value is None else string(value)


def literal(size: int) -> bytes:
    """What announces a literal of so many bytes."""
    return b"{%d}\r\n" % size


def astring(value: bytes) -> bytes:
    """As an atom if it can be one."""
    return value if _ATOM.fullmatch(value) is not None and value.upper() != b"NIL" else string(value)


def mailbox(name: str) -> bytes:
    """The name of a mailbox, quoted; modified UTF-7."""
    return string(mutf7.encode(name))


def in_list(words: Iterable[bytes]) -> bytes:
    return b"(" + b" ".join(words) + b")"


def tagged(tag: bytes, word: bytes, text: str, code: bytes = b"") -> bytes:
    """A line such as "a1 OK [CODE] text"; tag b"*" makes it untagged. What text has of line ends is dropped."""
    said = _one_line(text)
    return b"%b %b [%b] %b\r\n" % (tag, word, code, said) if code else b"%b %b %b\r\n" % (tag, word, said)


def listed(name: str, attributes: Sequence[bytes], *, word: bytes = b"LIST", child_info: bool = False) -> bytes:
    """LIST or LSUB. child_info: something below it was selected (RFC 5258 §3.5)."""
    more = b' ("CHILDINFO" ("SUBSCRIBED"))' if child_info else b""
    return b'* %b %b "/" %b%b\r\n' % (word, in_list(attributes), mailbox(name), more)


def status(name: str, values: Mapping[StatusItem, int | bytes | None]) -> bytes:
    """STATUS; a value None is NIL, MAILBOXID comes as bytes. RFC 3501 §7.2.4, RFC 8438, RFC 8474 §4.3."""
    pairs: list[bytes] = []
    for item, value in values.items():
        if value is None:
            pairs.append(b"%b NIL" % item.value)
        elif isinstance(value, bytes):
            pairs.append(b"%b (%b)" % (item.value, value))
        else:
            pairs.append(b"%b %d" % (item.value, value))
    return b"* STATUS %b %b\r\n" % (mailbox(name), in_list(pairs))


def searched(numbers: Sequence[int], modseq: int | None = None) -> bytes:
    """SEARCH as RFC 3501 has it; modseq: the highest of those found (RFC 7162 §3.1.5)."""
    more = b" (MODSEQ %d)" % modseq if modseq is not None and numbers else b""
    return b"* SEARCH%b%b\r\n" % (b" %d" * len(numbers) % tuple(numbers), more)


def esearched(
    tag: bytes,
    *,
    uid: bool,
    least: int | None = None,
    most: int | None = None,
    every: Sequence[int] | None = None,
    count: int | None = None,
    modseq: int | None = None,
) -> bytes:
    """ESEARCH; what is None is not said, and an empty ALL is not either. RFC 4731 §3.1."""
    out = [b"* ESEARCH (TAG %b)" % string(tag)]
    if uid:
        out.append(b"UID")
    if least is not None:
        out.append(b"MIN %d" % least)
    if most is not None:
        out.append(b"MAX %d" % most)
    if every:
        out.append(b"ALL " + sequence.compact(every))
    if count is not None:
        out.append(b"COUNT %d" % count)
    if modseq is not None:
        out.append(b"MODSEQ %d" % modseq)
    return b" ".join(out) + b"\r\n"


def vanished(uids: Sequence[int] | array[int], *, earlier: bool = False) -> bytes:
    """VANISHED for rising UIDs; b"" for none. earlier: they were gone before (RFC 7162 §3.2.10)."""
    if not uids:
        return b""
    return b"* VANISHED %b%b\r\n" % (b"(EARLIER) " if earlier else b"", sequence.compact(uids))


def copyuid(uid_validity: int, source: Sequence[int], target: Sequence[int]) -> bytes:
    """The response code of COPY and MOVE. RFC 4315 §3."""
    return b"COPYUID %d %b %b" % (uid_validity, sequence.compact(source), sequence.compact(target))


def appenduid(uid_validity: int, uid: int) -> bytes:
    """The response code of APPEND. RFC 4315 §3."""
    return b"APPENDUID %d %d" % (uid_validity, uid)


def identity(fields: Mapping[str, str]) -> bytes:
    """ID. RFC 2971 §3.2."""
    pairs = [string(part.encode()) for field in fields.items() for part in field]
    return b"* ID %b\r\n" % (in_list(pairs) if pairs else b"NIL")


def _one_line(text: str) -> bytes:
    return text.replace("\r", " ").replace("\n", " ").replace("\0", " ").encode("utf-8", "replace")
