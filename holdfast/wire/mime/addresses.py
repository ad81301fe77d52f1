"""Address lists, read tolerantly: groups, comments, quoted strings, old routes, and what people write instead.

Addresses stay octets as they were written, encoded words and all, because IMAP wants them so; read() and spelled() give
text. RFC 5322 §3.4, §4.4, RFC 6532 §3.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec
from holdfast.wire.mime import decode, encoded_words

MAX_VALUE = 256 << 10  # octets of one field that are read
MAX_ADDRESSES = 10_000


class Address(msgspec.Struct, frozen=True, array_like=True):
    """An address, or a mark around a group: begins where host is None, ends where mailbox is None too. RFC 9051 §7.5.2.

    host is b"" where the writer gave no domain. Quotes are gone; encoded words are not yet read.
    """

    name: bytes | None
    mailbox: bytes | None
    host: bytes | None

    @property
    def is_mark(self) -> bool:
        return self.host is None


GROUP_END = Address(None, None, None)

# What nearly all mail has; anything else is read token by token.
_SIMPLE = re.compile(
    rb'[ \t]*+(?:"([^"\\]*+)"[ \t]*+<|([^"(),:;<>@\[\]\\]*+)<)?+'
    rb"""([^\s"(),:;<>@\[\]\\]++)@([^\s"(),:;<>@\[\]\\]++)(>?+)[ \t]*+(,|\Z)"""
)
_TOKEN = re.compile(
    rb'"((?:[^"\\]++|\\.)*+)"?+|(\[[^\]]*+\]?+)|([ \t]++)|([()<>,;:@])|((?:[^ \t"()<>,;:@\[\\]++|\\.|\\)++)', re.S
)
_PAIR = re.compile(rb"\\(.)", re.S)


def parse(raw: bytes) -> tuple[Address, ...]:
    """The addresses in their order, with marks around groups; what is no address at all is left out."""
    raw = raw[:MAX_VALUE].translate(None, b"\r\n\0").strip(b" \t,")
    out: list[Address] = []
    at = 0
    while at < len(raw):
        found = _SIMPLE.match(raw, at)
        if found is None or (found[5] == b">") != (found[1] is not None or found[2] is not None):
            return tuple(_Reader(raw).run()[:MAX_ADDRESSES])
        name = found[1] if found[1] is not None else found[2]
        out.append(Address(name.strip() or None if name else None, found[3], found[4]))
        at = found.end()
    return tuple(out[:MAX_ADDRESSES])


def people(found: Iterable[Address]) -> list[Address]:
    """The addresses without the marks of groups."""
    return [each for each in found if each.host is not None]


def spelled(address: Address) -> str:
    """mailbox@host as text; the mailbox alone where there is no host."""
    mailbox = decode.text(address.mailbox or b"", None)
    return f"{mailbox}@{decode.text(address.host, None)}" if address.host else mailbox


def read(found: Sequence[Address]) -> str:
    """Names and addresses as text, for people and for search: 'Ann Lee ann@example.org, ...'."""
    out: list[str] = []
    for each in found:
        if each.host is None:
            continue
        if each.name:
            out.append(f"{encoded_words.read(each.name)} {spelled(each)}")
        else:
            out.append(spelled(each))
    return ", ".join(out)


class _Reader:
    """Token by token, for everything that is not simple. Never goes back."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.out: list[Address] = []
        self.in_group = False
        self.forget()

    def forget(self) -> None:
        self.words: list[bytes] = []  # before "<", or the local part of a bare address
        self.local: list[bytes] | None = None  # what stood before "@", once it was seen
        self.angle: list[bytes] | None = None  # inside "<"
        self.angle_local: list[bytes] | None = None
        self.closed = False
        self.comments: list[bytes] = []

    def run(self) -> list[Address]:
        depth = 0
        comment: list[bytes] = []
        for token in _TOKEN.finditer(self.raw):
            if depth:  # inside a comment, quotes are only characters
                text = token[0]
                if text == b"(":
                    depth += 1
                elif text == b")":
                    depth -= 1
                    if not depth:
                        self.comments.append(_PAIR.sub(rb"\1", b"".join(comment)))
                        comment = []
                        continue
                comment.append(text)
                continue
            special = token[4]
            if special == b"(":
                depth = 1
            elif special:
                self.special(special)
            elif token[1] is not None:
                self.word(_PAIR.sub(rb"\1", token[1]))
            elif token[3]:
                self.word(b" ")
            else:
                self.word(token[0])
        self.flush()
        if self.in_group:
            self.out.append(GROUP_END)
        return self.out

    def word(self, text: bytes) -> None:
        if self.angle is not None and not self.closed:
            if text != b" ":
                self.angle.append(text)
        elif not self.closed:
            self.words.append(text)

    def special(self, mark: bytes) -> None:
        inside = self.angle is not None and not self.closed
        if mark == b"<":
            if self.angle is None:
                self.angle = []
        elif mark == b">":
            self.closed = self.angle is not None
        elif mark == b"@":
            if inside:
                self.angle_local, self.angle = (self.angle or []), []
            elif self.angle is None:
                if self.local is None:
                    self.local = self.words
                else:  # one too many: all but the last belong to what stands before
                    self.local.append(b"@")
                    self.local.extend(self.words)
                self.words = []
        elif mark == b":":
            if inside:  # an old route ends: @one,@two:ann@example.org
                self.angle, self.angle_local = [], None
            elif not self.in_group and self.local is None:
                name = b"".join(self.words).strip()
                self.forget()
                self.out.append(Address(None, name, None))
                self.in_group = True
            else:
                self.word(mark)
        elif mark == b"," and inside and self.angle_local == []:
            self.angle = []  # between the hosts of an old route
        elif mark == b";" and self.in_group:
            self.flush()
            self.out.append(GROUP_END)
            self.in_group = False
        elif mark in b",;":  # some write semicolons between addresses
            self.flush()

    def flush(self) -> None:
        """What was gathered becomes an address, if there is one in it."""
        words, comment = b"".join(self.words).strip(), b" ".join(self.comments).strip() or None
        address: Address | None = None
        if self.angle is not None:
            name = b"".join([*(self.local or []), *([b"@"] if self.local else []), words]).strip()
            last = b"".join(self.angle)
            if self.angle_local is None:
                address = Address(name or comment, last, b"") if last or name else None
            else:
                address = Address(name or comment, b"".join(self.angle_local), last)
        elif self.local is not None:
            # "Ann Lee ann@example.org": what stands before the last word is her name
            before, local = _cut(self.local)
            host, _, after = words.partition(b" ")
            address = Address(before or comment or after.strip() or None, local, host)
        elif words:
            address = Address(comment, words, b"")
        if address is not None:
            self.out.append(address)
        self.forget()


def _cut(words: list[bytes]) -> tuple[bytes, bytes]:
    """What stands before the last word, and that word; spaces in quotes do not part words."""
    while words and words[-1] == b" ":
        words.pop()
    at = len(words)
    while at and words[at - 1] != b" ":
        at -= 1
    return b"".join(words[:at]).strip(), b"".join(words[at:])
