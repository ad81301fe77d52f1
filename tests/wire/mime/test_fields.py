"""Values of fields: each line is a promise, most were seen in the wild."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from holdfast.wire.mime import addresses, dates, decode, encoded_words, headers, message_ids, params
from holdfast.wire.mime.addresses import GROUP_END, Address
from holdfast.wire.mime.base_subject import base_subject


def test_fields_keep_folds_and_pass_over_junk() -> None:
    block = b"From x@y Mon Jan 1\r\nA: 1\r\n two\r\njunk line\r\nB :2\r\nC:\n\r\n"
    assert headers.fields(block) == [(b"A", b" 1\r\n two\r"), (b"B", b"2\r"), (b"C", b"")]
    assert headers.get(headers.fields(block), b"a") == b"1 two"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"plain", "plain"),
        ("Grüße".encode(), "Grüße"),
        (b"Gr\xfc\xdfe", "Grüße"),
        (b"=?utf-8?Q?Gr=C3=BC=C3=9Fe_an?= =?utf-8?q?_dich?= da", "Grüße an dich da"),
        (b"=?utf-8?B?w7w=?=", "ü"),
        (b"=?utf-8?B?w7w?=", "ü"),
        (b"=?utf-8?Q?=C3?=\r\n =?utf-8?Q?=BC?=", "ü"),
        (b"=?iso-8859-1*de?Q?=FC?=", "ü"),
        (b"a =?utf-8?Q?what?_why?= b", "a what? why b"),
        (b"=?utf-8?Q?two words?=", "two words"),
        (b"=?no-such?Q?=C3=BC?=", "ü"),
        (b"=?punycode?Q?abc?=", "abc"),
        (b"=?utf-8?Q?a=0D=0Ab=00?=", "a  b"),
        (b"=?utf-8?Q?open", "=?utf-8?Q?open"),
    ],
)
def test_encoded_words_are_read(raw: bytes, said: str) -> None:
    assert encoded_words.read(raw) == said


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"attachment; filename=a.txt", "a.txt"),
        (b'attachment; filename="a b;c.txt"', "a b;c.txt"),
        (b'attachment; filename="a\\"b.txt"', 'a"b.txt'),
        (b'attachment; filename="C:\\dir\\a.txt"', "C:\\dir\\a.txt"),
        (b"attachment; filename=a b.txt; size=3", "a b.txt"),
        (b'attachment; filename="open', "open"),
        (b"attachment; FileName = a.txt (the file)", "a.txt"),
        (b"attachment; filename*=utf-8'de'%C3%BC.txt", "ü.txt"),
        (b"attachment; filename=u.txt; filename*=utf-8''%C3%BC.txt", "ü.txt"),
        (b"attachment; filename*1*=%BC; filename*0*=utf-8''%C3; filename*2=.txt", "ü.txt"),
        (b'attachment; filename*0="=?utf-8?Q?=C3=BC"; filename*1=".txt?="', "ü.txt"),
        (b'attachment; filename="=?utf-8?Q?=C3=BC.txt?="', "ü.txt"),
        (b"attachment; name=x", None),
    ],
)
def test_file_names_are_read(raw: bytes, said: str | None) -> None:
    value, found = params.split(raw)
    assert value == b"attachment"
    assert params.get(found, "filename") == said


ANN = Address(None, b"ann", b"x.org")
NAMED = Address(b"Ann Lee", b"ann", b"x.org")


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b"ann@x.org", [ANN]),
        (b"<ann@x.org>", [ANN]),
        (b"Ann Lee <ann@x.org>", [NAMED]),
        (b'"Ann Lee" <ann@x.org>, ann@x.org', [NAMED, ANN]),
        (b"ann@x.org (Ann Lee)", [NAMED]),
        (b"Ann Lee <ann(c)@x.org>", [NAMED]),
        (b"Ann Lee ann@x.org", [NAMED]),
        (b'"Lee, Ann \\"A\\"" <ann@x.org>', [Address(b'Lee, Ann "A"', b"ann", b"x.org")]),
        (b'"ann b"@x.org', [Address(None, b"ann b", b"x.org")]),
        (b"Ann <@a.org,@b.org:ann@x.org>", [Address(b"Ann", b"ann", b"x.org")]),
        (b"ann@[192.0.2.1]", [Address(None, b"ann", b"[192.0.2.1]")]),
        (b"undisclosed-recipients:;", [Address(None, b"undisclosed-recipients", None), GROUP_END]),
        (b"us: ann@x.org, Ann Lee <ann@x.org>;, ann@x.org", [Address(None, b"us", None), ANN, NAMED, GROUP_END, ANN]),
        (b"us: ann@x.org", [Address(None, b"us", None), ANN, GROUP_END]),
        (b"ann@x.org; Ann Lee <ann@x.org>", [ANN, NAMED]),
        (b"ann", [Address(None, b"ann", b"")]),
        (b"ann@work@x.org <ann@x.org>", [Address(b"ann@work@x.org", b"ann", b"x.org")]),
        (b"=?utf-8?Q?=C3=BC?= <ann@x.org>", [Address(b"=?utf-8?Q?=C3=BC?=", b"ann", b"x.org")]),
        (b"ann@x.org,,\r\n ,", [ANN]),
        (b"", []),
        (b"<>", []),
    ],
)
def test_addresses_are_read(raw: bytes, found: list[Address]) -> None:
    assert list(addresses.parse(raw)) == found


@pytest.mark.parametrize(
    ("raw", "moment"),
    [
        (b"Fri, 21 Nov 1997 09:55:06 -0600", (1997, 11, 21, 15, 55, 6)),
        (b" Fri, 21 Nov 97 09:55:06 GMT (comment)", (1997, 11, 21, 9, 55, 6)),
        (b"21 Nov 1997 09:55 EST", (1997, 11, 21, 14, 55, 0)),
        (b"Fri Nov 21 09:55:06 1997", (1997, 11, 21, 9, 55, 6)),
        (b"Fri Nov 21 09:55:06 PST 1997", (1997, 11, 21, 17, 55, 6)),
        (b"1997-11-21T09:55:06Z", (1997, 11, 21, 9, 55, 6)),
        (b"Fri, 21 Nov 1997 09:55:60 +0530", (1997, 11, 21, 4, 25, 59)),
    ],
)
def test_dates_are_read(raw: bytes, moment: tuple[int, int, int, int, int, int]) -> None:
    assert dates.parse(raw) == datetime(*moment, tzinfo=UTC)


@pytest.mark.parametrize("raw", [b"", b"yesterday", b"31 Feb 2024 00:00:00 +0000", b"1 Jan 0001 00:00:00 +2359"])
def test_what_is_no_date_is_none(raw: bytes) -> None:
    assert dates.parse(raw) is None


def test_message_ids_are_read() -> None:
    assert message_ids.parse(b"<a@b>\r\n <c\r\n @d> junk <a@b>") == ["a@b", "c@d"]
    assert message_ids.own(b" bare@id ") == "bare@id"


@pytest.mark.parametrize(
    ("subject", "base"),
    [
        ("Re: Fwd: Hello", "Hello"),
        ("re [list]: [x] RE : Hello (fwd) (FWD)", "Hello"),
        ("[list] Hello", "Hello"),
        ("[only]", "[only]"),
        ("[fwd: Re: Hello]", "Hello"),
        ("  a   b ", "a b"),
        ("Re:", ""),
        ("Reply to me", "Reply to me"),
    ],
)
def test_the_base_subject_is_what_a_thread_shares(subject: str, base: str) -> None:
    assert base_subject(subject) == base


def test_transfer_encodings_are_read_as_far_as_they_go() -> None:
    assert decode.transfer(b"aGVs\r\nbG8=\r\n", "base64") == b"hello"
    assert decode.transfer(b"aGVsbG8", "base64") == b"hello"
    assert decode.transfer(b"aGVsbG8hX", "base64") == b"hello!"
    assert decode.transfer(b"a=3D=\r\nb =ZZ", "quoted-printable") == b"a=b =ZZ"
    assert decode.transfer(b"begin 644 x\r\n%:&5L;&\\\r\n`\r\nend\r\n", "x-uuencode") == b"hello"
