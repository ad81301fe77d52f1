"""The server machine: the same events however the bytes are cut, a body byte for byte, and nothing smuggled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.wire.smtp.commands import Mail, Rcpt
from holdfast.wire.smtp.replies import Reply
from holdfast.wire.smtp.server import Auth, AuthResponse, BodyChunk, BodyEnds, Event, Finished, Options, Server, StartTls

OPTIONS = Options(hostname="mx.example", size=1000, recipients=3, starttls=True, auth=("PLAIN",))


def play(pieces: list[bytes], options: Options = OPTIONS) -> tuple[list[Event], bytes]:
    """Feed pieces to a server that says yes to everything; answers the events (chunks of a body joined) and its output."""
    server = Server(options)
    server.greet()
    events: list[Event] = []
    for piece in pieces:
        server.feed(piece)
        while (event := server.next()) is not None:
            if isinstance(event, BodyChunk) and events and isinstance(events[-1], BodyChunk):
                events[-1] = BodyChunk(events[-1].data + event.data)
            else:
                events.append(event)
            match event:
                case Mail() | Rcpt():
                    server.accept()
                case BodyEnds():
                    server.answer(Reply(250, "2.0.0", "Taken"))
                case Auth() | AuthResponse():
                    server.answer(Reply(235, "2.7.0", "Welcome"))
                case StartTls():
                    server.protected(options)
        assert server.buffered <= 100_000
    return events, server.output()


def body_of(events: list[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, BodyChunk))


def message(body: bytes) -> bytes:
    return b"EHLO me\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n" + body + b"QUIT\r\n"


def test_a_message_walks_through() -> None:
    events, output = play([message(b"Subject: x\r\n\r\n..dot\r\nend\r\n.\r\n")])
    assert body_of(events) == b"Subject: x\r\n\r\n.dot\r\nend\r\n"
    assert isinstance(events[-1], Finished)
    codes = [line[:3] for line in output.split(b"\r\n") if line[3:4] == b" "]
    assert codes == [b"220", b"250", b"250", b"250", b"354", b"250", b"221"]


@given(st.lists(st.sampled_from([b".", b"a", b"\r\n", b"..", b"x" * 20, b"\n", b" \r\n"]), max_size=30), st.data())
def test_any_cut_gives_the_same_body(parts: list[bytes], data: st.DataObject) -> None:
    stuffed = b"".join(parts) + b"\r\n"
    stream = message(stuffed + b".\r\n")
    whole, said = play([stream])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    for some in (pieces, [bytes([b]) for b in stream]):
        events, output = play(some)
        assert output == said
        if b"521" in said:  # smuggling: how much of a refused body was seen before does not matter
            continue
        assert body_of(events) == body_of(whole)
        assert [type(e) for e in events] == [type(e) for e in whole]


@given(st.binary(max_size=300))
def test_what_was_stuffed_comes_out_as_it_was(raw: bytes) -> None:
    body = raw.replace(b"\r", b"").replace(b"\n", b"\r\n") + b"\r\n"
    stuffed = (b"\r\n" + body).replace(b"\r\n.", b"\r\n..")[2:]
    events, _ = play([message(stuffed + b".\r\n")])
    assert body_of(events) == body


@pytest.mark.parametrize(
    "end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r.\r", b"\r.\n", b"\r.\r\n", b"\n.\r"], ids=repr
)
@pytest.mark.parametrize("cut", [False, True])
def test_no_message_is_smuggled(end: bytes, cut: bool) -> None:
    stream = message(b"one" + end + b"MAIL FROM:<evil@x.example>\r\n" + b"\r\n.\r\n")
    events, output = play([bytes([b]) for b in stream] if cut else [stream])
    assert not any(isinstance(event, BodyEnds) for event in events)
    assert isinstance(events[-1], Finished)
    assert b"521 5.5.2" in output


def test_a_body_that_is_too_large_is_swallowed_and_refused() -> None:
    events, output = play([message(b"x" * 5000 + b"\r\n.\r\n")])
    assert b"552 5.3.4" in output
    assert output.endswith(b"221 2.0.0 Goodbye\r\n")
    assert not any(isinstance(event, BodyEnds) for event in events)


def test_chunks_are_taken_raw() -> None:
    stream = (
        b"EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\n"
        b"BDAT 6\r\na\r\n.\r\nBDAT 4 LAST\r\nb\n.\nQUIT\r\n"
    )
    for pieces in ([stream], [bytes([b]) for b in stream]):
        events, output = play(pieces)
        assert body_of(events) == b"a\r\n.\r\nb\n.\n"
        assert output.endswith(b"221 2.0.0 Goodbye\r\n")


def test_a_chunk_without_a_recipient_is_not_read_as_commands() -> None:
    events, output = play([b"EHLO me\r\nMAIL FROM:<>\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n"])
    assert not any(isinstance(event, Finished) for event in events)
    assert b"554 5.5.1" in output


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"MAIL FROM:<a@b>\r\n", b"503"),
        (b"EHLO me\r\nRCPT TO:<a@b>\r\n", b"503"),
        (b"EHLO me\r\nMAIL FROM:a@b\r\n", b"501"),
        (b"EHLO me\r\nMAIL FROM:<a@b> SIZE=2000\r\n", b"552"),
        (b"EHLO me\r\nMAIL FROM:<a@b> FOO=1\r\n", b"555"),
        (b"EHLO me\r\nMAIL FROM:<\xc3\xa4@b>\r\n", b"553"),
        (b"EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<>\r\n", b"501"),
        (b"EHLO me\r\nMAIL FROM:<a@b>\r\nDATA\r\n", b"554"),
        (b"EHLO\r\n", b"501"),
        (b"LHLO me\r\n", b"500"),
        (b"NOOP\nQUIT\r\n", b"521"),
        (b"NO\rOP\r\n", b"521"),
        (b"x" * 5000, b"500"),
        (b"EHLO me\r\nSTARTTLS\r\nMAIL FROM:<a@b>\r\n", b"421"),
        (b"EHLO me\r\nAUTH PLAIN !!\r\n", b"501"),
        (b"EHLO me\r\nAUTH CRAM-MD5\r\n", b"504"),
    ],
)
def test_errors_have_their_codes(line: bytes, code: bytes) -> None:
    _, output = play([line])
    assert output.rstrip().split(b"\r\n")[-1].startswith(code)


def test_recipients_are_bounded() -> None:
    rcpt = b"RCPT TO:<c@d.example>\r\n"
    _, output = play([b"EHLO me\r\nMAIL FROM:<a@b.example>\r\n" + rcpt * 4])
    assert output.count(b"250 2.1.5") == 3
    assert b"452 4.5.3" in output


def test_lmtp_answers_for_each_recipient() -> None:
    server = Server(Options(hostname="h", lmtp=True))
    server.feed(b"LHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nx\r\n.\r\n")
    while (event := server.next()) is not None:
        if isinstance(event, Mail | Rcpt):
            server.accept()
        elif isinstance(event, BodyEnds):
            server.answer(Reply(250, "2.0.0", "one"))
            server.answer(Reply(452, "4.2.2", "two"))
    assert server.output().endswith(b"250 2.0.0 one\r\n452 4.2.2 two\r\n")


COMMANDS = st.sampled_from(
    [b"EHLO a\r\n", b"MAIL FROM:<a@b>\r\n", b"RCPT TO:<a@b>\r\n", b"DATA\r\n", b".\r\n", b"BDAT 3\r\n", b"abc", b"RSET\r\n",
     b"BDAT 0 LAST\r\n", b"AUTH PLAIN\r\n", b"AGEAYg==\r\n", b"*\r\n", b"STARTTLS\r\n", b"\r\n", b"\n", b"\x00", b"x\r\n"]
)  # fmt: skip


@given(st.lists(st.one_of(COMMANDS, st.binary(max_size=40)), max_size=40))
def test_whatever_the_bytes_there_are_only_replies(pieces: list[bytes]) -> None:
    _, output = play(pieces)
    for line in output.split(b"\r\n")[:-1]:
        assert line[:3].isdigit()
        assert line[3:4] in (b" ", b"-")
