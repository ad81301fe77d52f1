"""Names of mailboxes: the examples of the RFC, there and back, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.wire.errors import WireError
from holdfast.wire.imap.mutf7 import canonical, check, decode, encode


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),  # RFC 3501 §5.1.3
        ("Entwürfe", b"Entw&APw-rfe"),
        ("A & B", b"A &- B"),
        ("☺!", b"&Jjo-!"),
        ("&☺&", b"&-&Jjo-&-"),
        ("😀", b"&2D3eAA-"),
        ("", b""),
        ("plain/name", b"plain/name"),
    ],
)
def test_known_names(name: str, wire: bytes) -> None:
    assert encode(name) == wire
    assert decode(wire) == name


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_there_and_back(name: str) -> None:
    wire = encode(name)
    assert wire.isascii() and all(32 <= byte < 127 for byte in wire)
    assert decode(wire) == name


@given(st.binary(max_size=30))
def test_any_bytes_are_a_name_or_refused(wire: bytes) -> None:
    try:
        decode(wire)
    except WireError:
        pass


@pytest.mark.parametrize("wire", [b"&", b"a&b", b"&Jjo", b"&====-", b"&2D0-", b"a\x01&-", b"\xff", b"&AB-"])
def test_what_is_no_name_is_refused(wire: bytes) -> None:
    with pytest.raises(WireError):
        decode(wire)


def test_utf8_is_read_too() -> None:
    assert decode("Entwürfe & mehr".encode()) == "Entwürfe & mehr"


def test_inbox_has_no_case() -> None:
    assert [canonical(name) for name in ("inbox", "Inbox/sub", "inboxes", "x/inbox")] == [
        "INBOX",
        "INBOX/sub",
        "inboxes",
        "x/inbox",
    ]


def test_what_may_be_a_name() -> None:
    assert check("a/b c/d&é") is None
    for name in ("", "/a", "a//b", "a/", "a\nb", "a" * 256, "/".join("a" * 51), "a\u2028"):
        assert check(name) is not None
