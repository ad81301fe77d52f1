"""Sections and structures of messages that are put together here, so that every offset is known."""

from __future__ import annotations

import email
import email.message
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imapclient.response_parser import parse_fetch_response, parse_response
from imapclient.response_types import BodyData

from holdfast.wire.imap import bodystructure, envelope
from holdfast.wire.imap.commands import Fetch, Section
from holdfast.wire.imap.parse import parse
from holdfast.wire.imap.section import Piece, cut, locate, partial


class Address(msgspec.Struct, frozen=True):
    name: bytes | None
    mailbox: bytes | None
    host: bytes | None


class Head(msgspec.Struct, frozen=True, kw_only=True):
    date: bytes | None = None
    subject: bytes | None = None
    from_: tuple[Address, ...] = ()
    sender: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    in_reply_to: bytes | None = None
    message_id: bytes | None = None


class Part(msgspec.Struct, kw_only=True):
    header_start: int = 0
    body_start: int = 0
    body_end: int = 0
    type: bytes = b"text"
    subtype: bytes = b"plain"
    parameters: tuple[tuple[bytes, bytes], ...] = ()
    content_id: bytes | None = None
    description: bytes | None = None
    encoding: bytes = b"7bit"
    lines: int = 0
    md5: bytes | None = None
    disposition: bytes | None = None
    disposition_parameters: tuple[tuple[bytes, bytes], ...] = ()
    language: tuple[bytes, ...] = ()
    location: bytes | None = None
    envelope: Head | None = None
    children: list[Part] = []
    message: Part | None = None

    @property
    def is_multipart(self) -> bool:
        return self.type == b"multipart"


def written(part: Part, at: int = 0) -> bytes:
    """The bytes of a part that stands at an offset; its offsets are set."""
    header = b"Content-Type: %b/%b\r\n\r\n" % (part.type, part.subtype)
    out = bytearray(header)
    if part.message is not None:
        out += written(part.message, at + len(out))
    for child in part.children:
        out += b"--x\r\n"
        out += written(child, at + len(out)) + b"\r\n"
    if part.is_multipart:
        out += b"--x--\r\n"
    elif part.message is None:
        out += b"text at %d\r\n" % at
    part.header_start, part.body_start, part.body_end = at, at + len(header), at + len(out)
    return bytes(out)


def text() -> Part:
    return Part()


def multipart(*children: Part) -> Part:
    return Part(type=b"multipart", subtype=b"mixed", children=list(children))


def message(inside: Part) -> Part:
    return Part(type=b"message", subtype=b"rfc822", message=inside)


def rfc_example() -> Part:
    """RFC 3501 §6.4.5."""
    four_two = message(multipart(text(), multipart(text(), text())))
    return multipart(text(), text(), message(multipart(text(), text())), multipart(text(), four_two))


def section(name: bytes) -> Section:
    command = parse(b"a FETCH 1 " + name)[1]
    assert isinstance(command, Fetch)
    (item,) = command.items
    assert isinstance(item, Section)
    return item


def test_sections_are_where_the_rfc_says() -> None:
    root = rfc_example()
    raw = written(root)
    three = root.children[2]
    four_two = root.children[3].children[1]
    assert three.message is not None and four_two.message is not None
    expected = {
        b"BODY[]": (root.header_start, root.body_end),
        b"BODY[HEADER]": (root.header_start, root.body_start),
        b"BODY[TEXT]": (root.body_start, root.body_end),
        b"RFC822": (root.header_start, root.body_end),
        b"RFC822.TEXT": (root.body_start, root.body_end),
        b"BODY[1]": (root.children[0].body_start, root.children[0].body_end),
        b"BODY[1.MIME]": (root.children[0].header_start, root.children[0].body_start),
        b"BODY[3]": (three.body_start, three.body_end),
        b"BODY[3.HEADER]": (three.message.header_start, three.message.body_start),
        b"BODY[3.TEXT]": (three.message.body_start, three.message.body_end),
        b"BODY[3.2]": (three.message.children[1].body_start, three.message.children[1].body_end),
        b"BODY[4]": (root.children[3].body_start, root.children[3].body_end),
        b"BODY[4.2.MIME]": (four_two.header_start, four_two.body_start),
        b"BODY[4.2.2.1]": (
            four_two.message.children[1].children[0].body_start,
            four_two.message.children[1].children[0].body_end,
        ),
    }
    for name, (start, stop) in expected.items():
        assert locate(root, section(name)) == Piece(start, stop), name
    for name in (b"BODY[5]", b"BODY[1.1]", b"BODY[1.HEADER]", b"BODY[4.TEXT]", b"BODY[3.3]", b"BODY[4.2.2.1.1]"):
        assert locate(root, section(name)) is None, name
    assert raw[slice(*expected[b"BODY[3.HEADER]"])] == b"Content-Type: multipart/mixed\r\n\r\n"


def test_a_message_that_is_no_multipart_is_its_own_part_1() -> None:
    root = text()
    written(root)
    assert locate(root, section(b"BODY[1]")) == Piece(root.body_start, root.body_end)
    assert locate(root, section(b"BODY[1.MIME]")) == Piece(root.header_start, root.body_start)
    assert locate(root, section(b"BODY[2]")) is None
    assert locate(root, section(b"BODY[1.1]")) is None
    outer = message(text())
    written(outer)
    assert outer.message is not None
    assert locate(outer, section(b"BODY[1.1]")) == Piece(outer.message.body_start, outer.message.body_end)
    assert locate(outer, section(b"BODY[1.HEADER]")) == Piece(outer.message.header_start, outer.message.body_start)


def test_fields_of_a_header() -> None:
    root = text()
    raw = written(root)
    piece = locate(root, section(b"BODY[HEADER.FIELDS (content-type)]"))
    assert piece is not None and piece.filtered
    assert piece.fields(raw[piece.start : piece.stop]) == raw[piece.start : piece.stop]
    piece = locate(root, section(b"BODY[HEADER.FIELDS.NOT (content-type)]"))
    assert piece is not None and piece.fields(raw[piece.start : piece.stop]) == b"\r\n"


@given(st.integers(0, 60), st.integers(1, 60))
def test_a_partial_range_is_a_slice(first: int, length: int) -> None:
    root = text()
    raw = written(root)
    wanted = section(b"BODY[]<%d.%d>" % (first, length))
    whole = locate(root, wanted)
    assert whole is not None
    piece = partial(whole, wanted)
    assert raw[piece.start : piece.stop] == cut(raw, wanted) == raw[first : first + length]


WORDS = st.binary(max_size=8)
PAIRS = st.lists(st.tuples(WORDS, WORDS), max_size=2).map(tuple)
ADDRESSES = st.lists(st.builds(Address, st.none() | WORDS, st.none() | WORDS, st.none() | WORDS), max_size=2).map(tuple)
HEADS = st.builds(
    Head, date=st.none() | WORDS, subject=st.none() | WORDS, from_=ADDRESSES, sender=ADDRESSES, to=ADDRESSES
)
EXTRAS = {
    "parameters": PAIRS,
    "content_id": st.none() | WORDS,
    "description": st.none() | WORDS,
    "encoding": WORDS,
    "md5": st.none() | WORDS,
    "disposition": st.none() | WORDS,
    "disposition_parameters": PAIRS,
    "language": st.lists(WORDS, max_size=2).map(tuple),
    "location": st.none() | WORDS,
}
PARTS: st.SearchStrategy[Part] = st.recursive(
    st.builds(Part, type=st.sampled_from([b"text", b"TEXT", b"image", b"", b"message"]), subtype=WORDS, **EXTRAS)
    | st.builds(Part, type=st.just(b"message"), subtype=st.just(b"rfc822"), **EXTRAS),
    lambda parts: (
        st.builds(Part, type=st.just(b"multipart"), subtype=WORDS, children=st.lists(parts, max_size=3), **EXTRAS)
        | st.builds(
            Part,
            type=st.just(b"message"),
            subtype=st.just(b"RFC822"),
            message=st.builds(
                lambda part, head: msgspec.structs.replace(part, envelope=head), parts, st.none() | HEADS
            ),
            **EXTRAS,
        )
    ),
    max_leaves=8,
)

_STRING = rb'(?:"(?:[^"\\\r\n\x00\x80-\xff]|\\["\\])*"|\{(\d+)\}\r\n)'


class Grammar:
    """RFC 3501 §9 (body), so strict that what it takes any client takes."""

    def __init__(self, data: bytes, *, extended: bool) -> None:
        self.data = data
        self.at = 0
        self.extended = extended

    def eat(self, pattern: bytes) -> bytes:
        found = re.compile(pattern).match(self.data, self.at)
        assert found is not None, (pattern, self.data[self.at : self.at + 60])
        self.at = found.end()
        return found.group()

    def next_is(self, text: bytes) -> bool:
        return self.data.startswith(text, self.at)

    def string(self) -> bytes:
        said = self.eat(_STRING)
        if said.startswith(b"{"):
            size = int(said[1:-3])
            said = self.data[self.at : self.at + size]
            assert len(said) == size and b"\0" not in said
            self.at += size
            return said
        return said[1:-1]

    def nstring(self) -> None:
        self.eat(b"NIL") if self.next_is(b"NIL") else self.string()

    def parameters(self) -> None:
        if self.next_is(b"NIL"):
            self.eat(b"NIL")
            return
        self.eat(rb"\(")
        while True:
            self.string()
            self.eat(b" ")
            self.string()
            if not self.next_is(b" "):
                break
            self.eat(b" ")
        self.eat(rb"\)")

    def where_and_how(self) -> None:
        if self.next_is(b"NIL"):
            self.eat(b"NIL")
        else:
            self.eat(rb"\(")
            self.string()
            self.eat(b" ")
            self.parameters()
            self.eat(rb"\)")
        self.eat(b" ")
        if self.next_is(b"("):
            self.eat(rb"\(")
            self.string()
            while self.next_is(b" "):
                self.eat(b" ")
                self.string()
            self.eat(rb"\)")
        else:
            self.nstring()
        self.eat(b" ")
        self.nstring()

    def envelope(self) -> None:
        self.eat(rb"\(")
        for at in range(10):
            if at:
                self.eat(b" ")
            if 2 <= at < 8 and self.next_is(b"("):
                self.eat(rb"\(")
                while not self.next_is(b")"):
                    self.eat(rb"\(")
                    for piece in range(4):
                        if piece:
                            self.eat(b" ")
                        self.nstring()
                    self.eat(rb"\)")
                self.eat(rb"\)")
            elif 2 <= at < 8:
                self.eat(b"NIL")
            else:
                self.nstring()
        self.eat(rb"\)")

    def body(self) -> None:
        self.eat(rb"\(")
        if self.next_is(b"("):
            while self.next_is(b"("):
                self.body()
            self.eat(b" ")
            self.string()
            if self.extended:
                self.eat(b" ")
                self.parameters()
                self.eat(b" ")
                self.where_and_how()
        else:
            kind = self.string().lower()
            self.eat(b" ")
            subtype = self.string().lower()
            self.eat(b" ")
            self.parameters()
            for _ in range(2):
                self.eat(b" ")
                self.nstring()
            self.eat(b" ")
            self.string()
            self.eat(rb" \d+")
            if kind == b"message" and subtype == b"rfc822":
                self.eat(b" ")
                self.envelope()
                self.eat(b" ")
                self.body()
                self.eat(rb" \d+")
            elif kind == b"text":
                self.eat(rb" \d+")
            if self.extended:
                self.eat(b" ")
                self.nstring()
                self.eat(b" ")
                self.where_and_how()
        self.eat(rb"\)")


@given(PARTS, st.booleans())
def test_whatever_the_parts_the_structure_is_legal(part: Part, extended: bool) -> None:
    written(part)
    said = bodystructure.render(part, extended=extended)
    grammar = Grammar(said, extended=extended)
    grammar.body()
    assert grammar.at == len(said)


@given(HEADS)
def test_whatever_the_header_the_envelope_is_legal(head: Head) -> None:
    said = envelope.render(head)
    grammar = Grammar(said, extended=True)
    grammar.envelope()
    assert grammar.at == len(said)


def test_a_structure_reads_as_the_rfc_shows_it() -> None:
    part = Part(parameters=((b"CHARSET", b"US-ASCII"),), body_start=0, body_end=3028, lines=92)
    assert bodystructure.render(part, extended=False) == (
        b'("text" "plain" ("CHARSET" "US-ASCII") NIL NIL "7bit" 3028 92)'
    )
    root = multipart(part, Part(type=b"image", subtype=b"png", encoding=b"base64", disposition=b"inline"))
    assert bodystructure.render(root, extended=True) == (
        b'(("text" "plain" ("CHARSET" "US-ASCII") NIL NIL "7bit" 3028 92 NIL NIL NIL NIL)'
        b'("image" "png" NIL NIL NIL "base64" 0 NIL ("inline" NIL) NIL NIL) "mixed" NIL NIL NIL NIL)'
    )
    assert parse_response([bodystructure.render(root, extended=True)])


def test_sender_and_reply_to_are_who_it_is_from() -> None:
    me = Address(b"Me", b"me", b"x.example")
    said = envelope.render(Head(subject=b"s", from_=(me,), message_id=b"<1@x>"))
    who = b'(("Me" NIL "me" "x.example"))'
    assert said == b'(NIL "s" %b %b %b NIL NIL NIL NIL "<1@x>")' % (who, who, who)


@pytest.mark.parametrize("depth", [50, 99, 100, 101, 400])
def test_what_lies_too_deep_is_bytes(depth: int) -> None:
    part = text()
    for at in range(depth):
        part = multipart(part) if at % 2 else message(part)
    said = bodystructure.render(part, extended=True)
    Grammar(said, extended=True).body()
    assert (b"OCTET-STREAM" in said) == (depth > 100)


def of_email(read: email.message.Message) -> Part:
    """A part as Python's email package sees it; sizes are those of its text."""

    def field(name: str) -> bytes | None:
        value = read.get(name)
        return None if value is None else str(value).encode("utf-8", "surrogateescape")

    body = read.get_payload()
    inside = body if isinstance(body, list) else []
    is_message = read.get_content_type() == "message/rfc822" and bool(inside)
    return Part(
        type=read.get_content_maintype().encode(),
        subtype=read.get_content_subtype().encode(),
        parameters=tuple((str(k).encode(), str(v).encode("utf-8", "replace")) for k, v in read.get_params([])[1:]),
        content_id=field("content-id"),
        description=field("content-description"),
        encoding=field("content-transfer-encoding") or b"7bit",
        body_end=len(str(body)),
        disposition=(read.get_content_disposition() or "").encode() or None,
        envelope=Head(date=field("date"), subject=field("subject"), message_id=field("message-id")),
        children=[of_email(part) for part in inside] if read.get_content_maintype() == "multipart" else [],
        message=of_email(inside[0]) if is_message else None,
    )


def with_literals(said: bytes) -> list[bytes | tuple[bytes, bytes]]:
    """A response as imapclient's parser takes it: each literal beside the text that announces it."""
    pieces: list[bytes | tuple[bytes, bytes]] = []
    while found := re.search(rb"\{(\d+)\}\r\n", said):
        stop = found.end() + int(found.group(1))
        pieces.append((said[: found.end() - 2], said[found.end() : stop]))
        said = said[stop:]
    return [*pieces, said]


def test_real_messages_read_back_in_another_client(corpus_dir: Path) -> None:
    seen = 0
    for path in sorted(corpus_dir.rglob("*")):
        if path.suffix not in (".eml", ".msg"):
            continue
        seen += 1
        root = of_email(email.message_from_bytes(path.read_bytes()))
        for extended in (False, True):
            said = bodystructure.render(root, extended=extended)
            Grammar(said, extended=extended).body()
            (read,) = parse_fetch_response(with_literals(b"1 (BODYSTRUCTURE %b)" % said)).values()
            agrees(read[b"BODYSTRUCTURE"], root)
        assert root.envelope is not None
        said = envelope.render(root.envelope)
        (read,) = parse_fetch_response(with_literals(b"1 (ENVELOPE %b)" % said)).values()
        assert read[b"ENVELOPE"].subject == root.envelope.subject, path
        assert read[b"ENVELOPE"].message_id == root.envelope.message_id, path
    assert seen > 100


def agrees(body: BodyData, part: Part) -> None:
    """Types, parameters and sizes are those of the part, all the way down."""
    if part.is_multipart:
        children, subtype = body[0], body[1]
        assert subtype == part.subtype
        assert len(children) == max(len(part.children), 1)
        for child, one in zip(children, part.children, strict=False):
            agrees(child, one)
        return
    assert (body[0], body[1]) == (part.type, part.subtype)
    flat = [str(piece) if isinstance(piece, int) else piece for piece in body[2] or ()]
    wanted = [piece for pair in part.parameters for piece in pair]
    assert len(flat) == len(wanted)
    assert body[6] == part.body_end - part.body_start
    if part.message is not None:
        agrees(BodyData.create(body[8]), part.message)  # imapclient leaves it as it was sent
