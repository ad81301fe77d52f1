"""Filing: one call gives all that is kept, and no octets make it fail."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
from holdfast.wire.mime.addresses import Address
from holdfast.wire.mime.parse import parse
from holdfast.wire.mime.text import strip_html
from hypothesis import example, given, settings
from hypothesis import strategies as st

CORPUS = [path.read_bytes() for path in sorted(Path("/work/shared/corpus").glob("*/*"))]

MESSAGE = b"""\
From: =?utf-8?Q?J=C3=B6rg?= <Joerg@x.org>
To: team: Ann <ann@x.org>, bob@x.org;
Subject: Re: [list] =?utf-8?Q?Gr=C3=BC=C3=9Fe?=
Date: Fri, 21 Nov 1997 09:55:06 -0600
Message-ID: <own@x.org>
In-Reply-To: <three@x.org>
References: <one@x.org> <two@x.org>
 <three@x.org>
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: multipart/alternative; boundary=c

--c
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Sch=C3=B6ne   words
--c
Content-Type: text/html

<style>p{}</style><p>Sch&ouml;ne <b>words</b></p><!-- not this -->
--c--
--b
Content-Type: application/pdf; name="a.pdf"
Content-Disposition: attachment; filename*=utf-8''%C3%BC.pdf
Content-Transfer-Encoding: base64

AAAA
--b
Content-Type: message/rfc822

Subject: inside
Content-Type: text/plain

nested words
--b
Content-Type: text/plain
Content-Disposition: attachment

never searched
--b--
"""


def test_everything_that_filing_needs_is_found() -> None:
    parsed = parse(MESSAGE)
    assert parsed.defects == []
    assert parsed.header_size == MESSAGE.index(b"--b\n")
    assert parsed.envelope.from_ == (Address(b"=?utf-8?Q?J=C3=B6rg?=", b"Joerg", b"x.org"),)
    assert parsed.envelope.sender == parsed.envelope.reply_to == parsed.envelope.from_
    assert parsed.message_id == "own@x.org"
    assert parsed.references == ["own@x.org", "three@x.org", "two@x.org", "one@x.org"]
    assert (parsed.subject, parsed.base_subject) == ("Re: [list] Grüße", "Grüße")
    assert (parsed.from_sort, parsed.to_sort) == ("joerg", "ann")
    assert parsed.sent_at == datetime(1997, 11, 21, 15, 55, 6, tzinfo=UTC)
    assert parsed.preview == "Schöne words inside nested words"
    assert parsed.has_attachment
    assert parsed.search.senders == "Jörg Joerg@x.org"
    assert parsed.search.recipients == "Ann ann@x.org, bob@x.org"
    assert parsed.search.body == "Schöne words\ninside\nnested words"
    assert parsed.search.filenames == "ü.pdf"


def test_html_that_says_more_than_the_plain_text_is_searched() -> None:
    data = MESSAGE.replace(b"Sch=C3=B6ne   words", b"None.")
    assert parse(data).search.body.startswith("Schöne words")


def test_html_is_reduced_to_its_words() -> None:
    source = "<title>T</title><p>a &amp; b<br>c<script>x<y</script>d</p><table><td>e</td>1 < 2 <!-- open"
    assert strip_html(source) == "a & b\nc d\ne\n1 < 2"


def test_a_picture_in_the_text_and_a_signature_are_no_attachments() -> None:
    part = b"Content-Type: multipart/related; boundary=b\n\n--b\nContent-Type: %b\n\nx\n--b--\n"
    assert not parse(part % b"image/png; name=a.png\nContent-ID: <x>\nContent-Disposition: inline").has_attachment
    assert not parse(part % b"application/pgp-signature; name=s.asc").has_attachment
    assert parse(part % b"image/png; name=a.png").has_attachment


def sound(data: bytes) -> None:
    parsed = parse(data)
    assert not [defect for defect in parsed.defects if defect.startswith("misread")]
    assert 0 <= parsed.header_size <= len(data)
    assert len(parsed.preview) <= 256
    msgspec.json.encode(parsed)  # no lone surrogate anywhere
    assert "\0" not in parsed.subject + parsed.from_sort + parsed.message_id + "".join(
        msgspec.structs.astuple(parsed.search)
    )


@given(st.binary(max_size=2000))
@example(b"")
@example(b"\n")
@example(b"\r\n")
@example(b"\n--")
def test_no_octets_make_it_fail(data: bytes) -> None:
    sound(data)


PIECES = [
    *(b"From To Subject Date Message-ID References Content-Type Content-Disposition Content-Transfer-Encoding".split()),
    *(b"multipart/alternative message/rfc822 text/html text/plain boundary=b boundary=c charset= filename*0*=".split()),
    *(b"utf-7 utf-16 base64 quoted-printable x-uuencode begin =?utf-8?Q? =?utf-7?B? ?= --b --c --b-- --".split()),
    *(b": ; , < > ( ) [ ] @ \" \\ \r\n \n \r \t = & &#xd800; <p> <script> <!-- +2AA- %FF ' \0 \xff \xc3\xbc 1 Jan 99".split(b" ")),
    b" ", b"\r\n\r\n", b"\r\n", b"\n--b\n", b"\n\n", b": ", b"Content-Type: multipart/mixed; boundary=b\n\n",
]  # fmt: skip


@settings(max_examples=500)
@given(st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join))
def test_no_pieces_of_mail_make_it_fail(data: bytes) -> None:
    sound(data)


@given(st.sampled_from(CORPUS), st.data())
def test_no_damaged_message_makes_it_fail(message: bytes, draw: st.DataObject) -> None:
    message = message[:20_000]
    start = draw.draw(st.integers(0, len(message)))
    stop = draw.draw(st.integers(start, min(len(message), start + 200)))
    sound(message[:start] + draw.draw(st.binary(max_size=20)) + message[stop:])
