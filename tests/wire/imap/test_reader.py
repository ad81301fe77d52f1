"""The reader: golden dialogues, any cut of the bytes, garbage, and buffers that stay small."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.wire.imap.commands import BadCommand
from holdfast.wire.imap.parse import is_done, parse, sasl_response
from holdfast.wire.imap.reader import (
    CommandReader,
    Continue,
    Event,
    Limits,
    Line,
    MessageBegins,
    MessageChunk,
    MessageEnds,
    Ready,
    Refused,
)

DIALOGUES = sorted(Path(__file__).parent.joinpath("dialogues").glob("*.txt"))
SMALL = Limits(line=100, literal=30, literals=3, command=200, append=1000)


def said(event: Event) -> str:
    """An event as the dialogues write it."""
    match event:
        case Ready(raw):
            try:
                tag, command = parse(raw)
            except BadCommand as bad:
                code = f"[{bad.code.decode()}] " if bad.code else ""
                return f"{bad.tag.decode()} {'NO' if bad.no else 'BAD'} {code}{bad.why}"
            return f"{tag.decode()} {command}"
        case Line(data):
            return f"line {data!r}"
        case Continue():
            return "+ OK"
        case MessageBegins(tag, append):
            return f"{tag.decode()} {append}"
        case MessageChunk(data):
            return f"message {data!r}"
        case MessageEnds():
            return "message ends"
        case Refused():
            code = f"[{event.code.decode()}] " if event.code else ""
            return (
                f"{event.tag.decode()} {'NO' if event.no else 'BAD'} {code}{event.why}{' BYE' if event.fatal else ''}"
            )


def events_of(pieces: list[bytes], limits: Limits) -> list[Event]:
    """What a reader says whose door takes every message but those for "full"; chunks are joined."""
    reader = CommandReader(limits)
    events: list[Event] = []
    for piece in pieces:
        reader.feed(piece)
        while (event := reader.next()) is not None:
            if isinstance(event, MessageBegins):
                reader.refuse() if event.append.mailbox == "full" else reader.accept()
            if isinstance(event, MessageChunk) and isinstance(events[-1], MessageChunk):
                events[-1] = MessageChunk(events[-1].data + event.data)
            else:
                events.append(event)
        assert reader.buffered <= limits.line + limits.literal + len(piece)
    return events


def client_lines(path: Path) -> list[bytes]:
    lines = path.read_text("utf-8").split("\n")
    return [line[3:].encode() + b"\r\n" for line in lines if line.startswith("C: ")]


def limits_of(path: Path) -> Limits:
    return SMALL if path.stem == "refused" else Limits(append=1000)


def written(path: Path) -> str:
    """The dialogue as it should be written: after each line of the client what the reader says to it."""
    limits = limits_of(path)
    reader_pieces = client_lines(path)
    heading = [line for line in path.read_text("utf-8").split("\n") if line.startswith("#")]
    out = list(heading)
    done = 0
    for count in range(1, len(reader_pieces) + 1):
        events = events_of(reader_pieces[:count], limits)
        out.append("C: " + reader_pieces[count - 1][:-2].decode())
        if events and isinstance(events[-1], MessageChunk):
            events.pop()  # not whole yet
        out += ["S: " + said(event) for event in events[done:]]
        done = len(events)
    return "\n".join(out) + "\n"


@pytest.mark.parametrize("path", DIALOGUES, ids=lambda path: path.stem)
def test_a_dialogue_goes_as_it_is_written(path: Path) -> None:
    assert written(path) == path.read_text("utf-8")


@pytest.mark.parametrize("path", DIALOGUES, ids=lambda path: path.stem)
def test_byte_by_byte_says_the_same_as_one_piece(path: Path) -> None:
    stream = b"".join(client_lines(path))
    whole = events_of([stream], limits_of(path))
    assert events_of([stream[at : at + 1] for at in range(len(stream))], limits_of(path)) == whole


@given(st.sampled_from(DIALOGUES), st.data())
def test_any_cut_says_the_same(path: Path, data: st.DataObject) -> None:
    stream = b"".join(client_lines(path))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert events_of(pieces, limits_of(path)) == events_of([stream], limits_of(path))


@given(st.lists(st.binary(max_size=60) | st.sampled_from([b"\r\n", b"{3+}\r\n", b"{9}\r\n", b"a APPEND x ", b'"'])))
def test_garbage_is_refused_in_words_and_any_cut_says_the_same(pieces: list[bytes]) -> None:
    events = events_of(pieces, SMALL)
    assert events == events_of([b"".join(pieces)], SMALL)
    for event in events:
        said_of_it = said(event) if not isinstance(event, Refused) or event.tag.isascii() else ""
        assert "\n" not in said_of_it


@given(st.sampled_from(DIALOGUES), st.data())
def test_spoilt_commands_are_refused_in_words(path: Path, data: st.DataObject) -> None:
    line = bytearray(data.draw(st.sampled_from(client_lines(path))))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(line) - 1))
        line[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        if not line:
            line = bytearray(b"\r\n")
    try:
        parse(bytes(line))
    except BadCommand as bad:
        assert bad.why


@pytest.mark.parametrize(
    ("line", "tag"), [(b"a2 NOOP\n", b"a2"), (b"\n", b"*"), (b"a2 NO\rOP\r\n", b"a2"), (b"a2 NOOP\r\r\n", b"a2")]
)
def test_a_bare_cr_or_lf_ends_the_session(line: bytes, tag: bytes) -> None:
    events = events_of([b"a1 NOOP\r\n" + line + b"a3 NOOP\r\n"], Limits())
    assert events == [Ready(b"a1 NOOP"), Refused(tag=tag, why="Lines end in CRLF", fatal=True)]


def test_ten_thousand_literals_are_refused_and_the_next_command_is_found() -> None:
    events = events_of([b"a1 ID (" + b"{1+}\r\nx " * 10_000 + b")\r\na2 NOOP\r\n"], Limits())
    assert events == [Refused(tag=b"a1", why="This command has too many literals"), Ready(b"a2 NOOP")]


def test_many_small_literals_stay_within_the_size_of_a_command() -> None:
    limits = Limits(literals=10_000, command=10_000)
    events = events_of([b"a1 ID (", *[b"{100+}\r\n" + b"x" * 100 + b" "] * 500, b")\r\na2 NOOP\r\n"], limits)
    assert events == [Refused(tag=b"a1", why="This literal is too large"), Ready(b"a2 NOOP")]


def test_a_line_without_end_takes_no_memory() -> None:
    reader = CommandReader(Limits(line=1000))
    for _ in range(100):
        reader.feed(b"x" * 1000)
        assert reader.next() is None
        assert reader.buffered <= 2000
    reader.feed(b"\r\na2 NOOP\r\n")
    assert reader.next() == Refused(tag=b"*", why="This line is too long")
    assert reader.next() == Ready(b"a2 NOOP")


def test_a_message_is_never_whole_in_memory() -> None:
    reader = CommandReader(Limits(append=10_000_000))
    reader.feed(b"a1 APPEND INBOX {5000000+}\r\n")
    assert isinstance(reader.next(), MessageBegins)
    reader.accept()
    size = 0
    for _ in range(500):
        reader.feed(b"x" * 10_000)
        while isinstance(event := reader.next(), MessageChunk):
            size += len(event.data)
        assert event is None
        assert reader.buffered == 0
    reader.feed(b"\r\n")
    assert reader.next() == MessageEnds()
    assert size == 5_000_000


def test_nothing_is_read_before_the_door_has_decided_on_a_message() -> None:
    reader = CommandReader()
    reader.feed(b"a1 APPEND INBOX {3+}\r\nabc\r\na2 NOOP\r\n")
    assert isinstance(reader.next(), MessageBegins)
    assert reader.next() is None
    reader.refuse()
    assert reader.next() == Ready(b"a2 NOOP")


def test_lines_that_are_no_commands() -> None:
    reader = CommandReader()
    reader.feed(b"a1 IDLE\r\nDone\r\na2 AUTHENTICATE PLAIN\r\nAGEAYg==\r\na3 NOOP\r\n")
    assert reader.next() == Ready(b"a1 IDLE")
    reader.expect_line()
    done = reader.next()
    assert isinstance(done, Line) and is_done(done.data)
    assert reader.next() == Ready(b"a2 AUTHENTICATE PLAIN")
    reader.expect_line()
    answer = reader.next()
    assert isinstance(answer, Line) and sasl_response(answer.data) == b"\0a\0b"
    assert reader.next() == Ready(b"a3 NOOP")


def test_what_came_before_tls_is_forgotten() -> None:
    reader = CommandReader()
    reader.feed(b"a1 STARTTLS\r\na2 LOGIN eve x\r\n")
    assert reader.next() == Ready(b"a1 STARTTLS")
    reader.forget()
    assert reader.next() is None
    reader.feed(b"a3 NOOP\r\n")
    assert reader.next() == Ready(b"a3 NOOP")


def test_deep_and_wide_searches_are_refused() -> None:
    for keys in (b"NOT " * 5000 + b"ALL", b"(" * 5000 + b"ALL" + b")" * 5000, b"ALL " * 5000 + b"ALL"):
        with pytest.raises(BadCommand) as refused:
            parse(b"a SEARCH " + keys)
        assert refused.value.code == b"LIMIT" and refused.value.no
