"""Fields out of headers: all bytes of those that are asked for, and no others."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from holdfast.wire.imap.header_fields import only, without

HEADER = (
    b"Received: from a\r\n\tby b\r\nFrom: me\r\nFROM : again\r\nFromage: no\r\nSubject: a\r\n  From: not a field\r\n"
    b"X.y: 1\r\n\r\n"
)


def test_fields_come_whole_and_in_the_order_of_the_header() -> None:
    assert only(HEADER, (b"subject", b"From")) == (
        b"From: me\r\nFROM : again\r\nSubject: a\r\n  From: not a field\r\n\r\n"
    )
    assert only(HEADER, (b"received",)) == b"Received: from a\r\n\tby b\r\n\r\n"
    assert only(HEADER, (b"X.Y",)) == b"X.y: 1\r\n\r\n"
    assert only(HEADER, (b"xzy", b"")) == b"\r\n"
    assert only(b"\r\n", (b"From",)) == b"\r\n"
    assert only(b"", (b"From",)) == b"\r\n"


def test_all_others() -> None:
    assert without(HEADER, (b"subject", b"received", b"fromage")) == b"From: me\r\nFROM : again\r\nX.y: 1\r\n\r\n"
    assert without(HEADER, (b"nothing",)) == HEADER


NAMES = st.sampled_from([b"a", b"B", b"ab", b"X-y"])
FIELDS = st.lists(st.tuples(NAMES, st.sampled_from([b" 1", b"", b" x\r\n y", b"\r\n\tz"])), max_size=10)


@given(FIELDS, st.lists(NAMES, min_size=1, max_size=3).map(tuple))
def test_every_field_is_in_one_of_both(fields: list[tuple[bytes, bytes]], names: tuple[bytes, ...]) -> None:
    def block(some: list[tuple[bytes, bytes]]) -> bytes:
        return b"".join(name + b":" + value + b"\r\n" for name, value in some) + b"\r\n"

    wanted = {name.lower() for name in names}
    assert only(block(fields), names) == block([field for field in fields if field[0].lower() in wanted])
    assert without(block(fields), names) == block([field for field in fields if field[0].lower() not in wanted])


@given(st.binary(max_size=200), st.lists(st.binary(max_size=4), min_size=1, max_size=3).map(tuple))
def test_any_bytes(header: bytes, names: tuple[bytes, ...]) -> None:
    assert only(header, names).endswith(b"\r\n")
    assert without(header, names).endswith(b"\r\n")


def plainly(header: bytes, names: set[bytes], *, wanted: bool) -> bytes:
    """The same line by line: a line that begins with a space goes with the one before it."""
    kept: list[bytes] = []
    keeping = False
    for line in header.split(b"\r\n")[:-2]:
        if line[:1] not in (b" ", b"\t"):
            name, colon, _ = line.partition(b":")
            keeping = (bool(colon) and name.rstrip(b" \t").lower() in names) is wanted
        if keeping:
            kept.append(line + b"\r\n")
    return b"".join(kept) + b"\r\n"


def test_real_headers(corpus_dir: Path) -> None:
    seen = 0
    for path in sorted(corpus_dir.rglob("*")):
        if path.suffix not in (".eml", ".msg"):
            continue
        text = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"").replace(b"\n", b"\r\n")
        header, empty, _ = text.partition(b"\r\n\r\n")
        if not empty or not header or header[:1] in (b" ", b"\t", b"\r"):
            continue
        seen += 1
        for names in ((b"from", b"to", b"subject", b"date"), (b"received",), (b"content-type", b"x-none")):
            assert only(header + empty, names) == plainly(header + empty, set(names), wanted=True), path
            assert without(header + empty, names) == plainly(header + empty, set(names), wanted=False), path
    assert seen > 50
