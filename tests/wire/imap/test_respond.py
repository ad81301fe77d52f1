"""Pieces of responses, read back by the parser of somebody else's client."""

from __future__ import annotations

from array import array

import imapclient.response_parser
from hypothesis import given
from hypothesis import strategies as st

from holdfast.wire.imap import listing, respond
from holdfast.wire.imap.commands import StatusItem
from holdfast.wire.imap.picture import Snapshot
from holdfast.wire.imap.tokens import Tokens


@given(st.binary(max_size=50) | st.text(max_size=20).map(str.encode))
def test_a_string_says_what_it_was_given(value: bytes) -> None:
    wire = respond.string(value)
    expected = value if wire.startswith(b'"') or b"\0" not in value else value.replace(b"\0", b"?")
    assert Tokens(wire).string() == expected
    atom = respond.astring(value)
    assert Tokens(atom).astring() == expected


def test_strings_are_quoted_where_they_can_be() -> None:
    assert respond.string(b"") == b'""'
    assert respond.string(b'a"b\\c') == b'"a\\"b\\\\c"'
    assert respond.string(b"a\r\nb") == b"{4}\r\na\r\nb"
    assert respond.string("é".encode()) == b"{2}\r\n\xc3\xa9"
    assert respond.nstring(None) == b"NIL"
    assert respond.astring(b"nil") == b'"nil"'
    assert respond.astring(b"INBOX") == b"INBOX"


def test_lines() -> None:
    assert respond.tagged(b"a1", b"NO", "no such\r\nmailbox", b"TRYCREATE") == b"a1 NO [TRYCREATE] no such  mailbox\r\n"
    assert respond.listed("Entwürfe", [b"\\HasNoChildren"]) == b'* LIST (\\HasNoChildren) "/" "Entw&APw-rfe"\r\n'
    values = {StatusItem.MESSAGES: 3, StatusItem.APPENDLIMIT: None, StatusItem.MAILBOXID: b"F7"}
    assert respond.status("INBOX", values) == b'* STATUS "INBOX" (MESSAGES 3 APPENDLIMIT NIL MAILBOXID (F7))\r\n'
    assert respond.searched([]) == b"* SEARCH\r\n"
    assert respond.searched([2, 84, 882], 917) == b"* SEARCH 2 84 882 (MODSEQ 917)\r\n"
    assert respond.vanished([]) == b""
    assert respond.vanished([41, 43, 44], earlier=True) == b"* VANISHED (EARLIER) 41,43:44\r\n"
    assert respond.copyuid(38505, [304, 319, 320], [3956, 3957, 3958]) == b"COPYUID 38505 304,319:320 3956:3958"
    assert respond.appenduid(38505, 3955) == b"APPENDUID 38505 3955"
    assert respond.identity({"name": "Holdfast"}) == b'* ID ("name" "Holdfast")\r\n'


def test_esearch_says_what_was_asked() -> None:
    said = respond.esearched(b"A282", uid=False, least=2, count=3)
    assert said == b'* ESEARCH (TAG "A282") MIN 2 COUNT 3\r\n'
    said = respond.esearched(b"A285", uid=True, every=[43, 44, 45], modseq=1236)
    assert said == b'* ESEARCH (TAG "A285") UID ALL 43:45 MODSEQ 1236\r\n'
    assert respond.esearched(b"A", uid=False, every=[]) == b'* ESEARCH (TAG "A")\r\n'


def test_many_fetch_responses_at_once() -> None:
    snapshot = Snapshot(
        uids=array("I", [3, 5, 8, 9]),
        flags=[b"", b"\\Seen $x", b"", b"\\Deleted"],
        modseqs=array("Q", [1, 2, 3, 1 << 62]),
        emails=array("Q", [30, 50, 80, 90]),
        blobs=array("Q", [1, 2, 3, 4]),
        received=array("q", [0, 1795513500000, -1, 253402300799999]),
        sizes=array("Q", [0, 1, 2, 1 << 40]),
        uid_validity=1,
        uid_next=10,
        highest_modseq=9,
    )
    runs = [range(2), range(3, 4)]
    columns = [
        column(snapshot, runs)
        for column in (
            listing.uid_column,
            listing.flags_column,
            listing.modseq_column,
            listing.size_column,
            listing.date_column,
            listing.email_column,
        )
    ]
    columns.append(listing.Column(b"XTHING %b", [b"(x)", b"(y)", b"(z)"]))
    said = listing.responses(listing.numbers(runs), columns)
    assert said == (
        b'* 1 FETCH (UID 3 FLAGS () MODSEQ (1) RFC822.SIZE 0 INTERNALDATE " 1-Jan-1970 00:00:00 +0000" EMAILID (M30) XTHING (x))\r\n'
        b'* 2 FETCH (UID 5 FLAGS (\\Seen $x) MODSEQ (2) RFC822.SIZE 1 INTERNALDATE "24-Nov-2026 09:45:00 +0000" EMAILID (M50) XTHING (y))\r\n'
        b"* 4 FETCH (UID 9 FLAGS (\\Deleted) MODSEQ (4611686018427387904) RFC822.SIZE 1099511627776"
        b' INTERNALDATE "31-Dec-9999 23:59:59 +0000" EMAILID (M90) XTHING (z))\r\n'
    )
    lines = [line[2:].replace(b" FETCH", b"") for line in said.split(b"\r\n")[:-1]]
    read = imapclient.response_parser.parse_fetch_response(lines, uid_is_key=True)
    assert read[5][b"FLAGS"] == (b"\\Seen", b"$x")


def test_dates_before_1970_are_dates_too() -> None:
    assert listing.internal_dates([-1]) == [b"31-Dec-1969 23:59:59 +0000"]
