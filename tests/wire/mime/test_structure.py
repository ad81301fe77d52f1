"""The tree: boundaries as they come, made-up messages read back, and time that grows only with the octets."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time

import pytest
from holdfast.wire.mime.parse import parse
from holdfast.wire.mime.structure import MAX_DEPTH, MAX_PARTS, Part, scan, walk
from hypothesis import given
from hypothesis import strategies as st

Made = tuple[str, list["Made"], bytes]


def shape(data: bytes, part: Part) -> object:
    kind = f"{part.type}/{part.subtype}"
    if part.children:
        return (kind, [shape(data, child) for child in part.children])
    return (kind, data[part.body_start : part.body_end])


def multipart(boundary: bytes, *lines: bytes, end: bytes = b"\r\n") -> bytes:
    return end.join([b'Content-Type: multipart/mixed; boundary="' + boundary + b'"', b"", *lines])


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_a_delimiter_takes_its_line_end_and_nothing_else(end: bytes) -> None:
    data = multipart(
        b"b", b"preamble", b"--b", b"", b"one", b"", b"--b  ", b"A: 1", b"", b"two", b"--b--", b"late", end=end
    )
    assert shape(data, scan(data)) == ("multipart/mixed", [("text/plain", b"one" + end), ("text/plain", b"two")])


def test_an_outer_delimiter_ends_all_parts_inside() -> None:
    inner = multipart(b"b2", b"--b2", b"", b"one")
    data = multipart(b"b", b"--b", inner, b"--b", b"", b"two", b"--b--", b"")
    tree = [("multipart/mixed", [("text/plain", b"one")]), ("text/plain", b"two")]
    assert shape(data, scan(data)) == ("multipart/mixed", tree)


def test_a_boundary_that_begins_with_another_is_its_own() -> None:
    inner = multipart(b"b2", b"--b2", b"", b"one", b"--b2--")
    data = multipart(b"b", b"--b", inner, b"--b--")
    assert shape(data, scan(data)) == ("multipart/mixed", [("multipart/mixed", [("text/plain", b"one")])])


def test_a_part_may_be_header_only_empty_or_without_header() -> None:
    data = multipart(b"b", b"--b", b"A: 1", b"--b", b"--b", b"no header here", b"more", b"--b--")
    tree = [("text/plain", b""), ("text/plain", b""), ("text/plain", b"no header here\r\nmore")]
    assert shape(data, scan(data)) == ("multipart/mixed", tree)


def test_text_is_not_lost_where_the_empty_line_is_missing() -> None:
    data = multipart(b"b", b"--b", b"A: 1", b"the text", b"--b", b"A: 1", b" ", b"the text", b"", b"more", b"--b--")
    data = data[:-5] + b"--b\r\nA: 1\r\nthe text\r\n\r\n--b--"
    tree = [("text/plain", b"the text"), ("text/plain", b"the text\r\n\r\nmore"), ("text/plain", b"the text\r\n")]
    assert shape(data, scan(data)) == ("multipart/mixed", tree)


def test_after_the_last_delimiter_its_boundary_means_nothing() -> None:
    data = multipart(b"b", b"--b", b"", b"one", b"--b--", b"--b", b"", b"two")
    assert shape(data, scan(data)) == ("multipart/mixed", [("text/plain", b"one")])


def test_a_multipart_without_boundary_has_no_children() -> None:
    data = b"Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\none\r\n--b--\r\n"
    assert scan(data).children == ()
    assert parse(data).defects[-1] == "multipart without parts"
    assert "one" in parse(data).search.body


def test_a_digest_holds_messages_and_a_message_holds_one() -> None:
    data = b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: x\r\n\r\nhello\r\n--b--\r\n"
    assert shape(data, scan(data)) == ("multipart/digest", [("message/rfc822", [("text/plain", b"hello")])])


def test_the_description_of_a_part_is_read() -> None:
    data = (
        b"Content-type: TEXT/HTML; Charset=UTF-8\r\ncontent-transfer-encoding: BASE64 (x)\r\nContent-ID: <a@b>\r\n"
        b"Content-Disposition: Inline; filename=x\r\nContent-MD5: m\r\nContent-Language: de\r\nContent-Location: l\r\n\r\na\r\n"
    )
    assert scan(data) == Part(
        0, len(data) - 3, len(data), 1, "text", "html", (("charset", b"UTF-8"),), "base64",
        "inline", (("filename", b"x"),), b"<a@b>", None, b"de", b"l", b"m",
    )  # fmt: skip


bodies = st.lists(
    st.sampled_from([b"", b"hello", b"--", b"-- x", b"--b", b"From me", b"A: b", b"\xff\xfe"]), max_size=4
)
made = st.recursive(
    bodies.map(lambda lines: ("text/plain", [], b"\r\n".join(lines))),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map(lambda parts: ("multipart/mixed", parts, b"")),
        inner.map(lambda part: ("message/rfc822", [part], b"")),
    ),
    max_leaves=20,
)


def build(one: Made, path: str, end: bytes) -> bytes:
    kind, inner, body = one
    if kind == "multipart/mixed":
        boundary = f"edge{path}".encode()
        parts = [end + b"--" + boundary + end + build(each, f"{path}.{n}", end) for n, each in enumerate(inner)]
        head = b"Content-Type: multipart/mixed;" + end + b"\tboundary=" + boundary
        return head + end + end + b"".join(parts) + end + b"--" + boundary + b"--" + end
    head = b"Content-Type: " + kind.encode() + end + end
    return head + (build(inner[0], f"{path}.m", end) if inner else body.replace(b"\r\n", end))


def expected(one: Made, end: bytes) -> object:
    kind, inner, body = one
    return (kind, [expected(each, end) for each in inner] if inner else body.replace(b"\r\n", end))


@given(made, st.sampled_from([b"\r\n", b"\n"]))
def test_what_is_built_is_found_again(one: Made, end: bytes) -> None:
    data = build(one, "", end)
    root = scan(data)
    assert shape(data, root) == expected(one, end)
    for part in walk(root):
        assert part.lines == data.count(b"\n", part.body_start, part.body_end)
        for child in part.children:
            assert part.body_start <= child.header_start <= child.body_start <= child.body_end <= part.body_end


def nested(count: int) -> bytes:
    return b"".join(multipart(b"b%d" % n, b"--b%d" % n, b"") for n in range(count)) + b"\r\nend"


def messages(count: int) -> bytes:
    return b"Content-Type: message/rfc822\r\n\r\n" * count


def many(count: int) -> bytes:
    return multipart(b"b", *[b"--b\r\n\r\nx"] * count)


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "nested": lambda n: nested(n // 60),
    "nested with many delimiters": lambda n: nested(99) + b"\r\n--b50" * (n // 7),
    "messages": lambda n: messages(n // 32),
    "parts": lambda n: many(n // 9),
    "parts without an empty line": lambda n: multipart(b"b", *[b"--b"] * (n // 5)),
    "dashes": lambda n: multipart(b"b", *[b"--"] * (n // 4)),
    "long dashes": lambda n: multipart(b"b", *[b"-" * 8000] * (n // 8000)),
    "fields": lambda n: b"A:\r\n" * (n // 4),
    "folds": lambda n: b"To: a\r\n" + b" ,\r\n" * (n // 4),
    "no colon": lambda n: b"A: b\r\n" + b"a" * n,
    "params": lambda n: b"Content-Type: text/plain" + b";" * n + b"\r\n\r\n",
    "params with spaces": lambda n: b"Content-Type: text/plain; " + b" a " * (n // 3) + b"\r\n\r\n",
    "quotes": lambda n: b"Content-Type: text/plain; a=" + b'"' * n + b"\r\n\r\n",
    "comments": lambda n: b"Content-Type: (" + b"(" * n + b"\r\n\r\n",
    "addresses": lambda n: b"To: " + b"a@b," * (n // 4) + b"\r\n\r\n",
    "ats": lambda n: b"To: " + b"a@" * (n // 2) + b"\r\n\r\n",
    "angles": lambda n: b"To: " + b"<" * n + b"\r\n\r\n",
    "address comments": lambda n: b"To: " + b"(" * n + b"\r\n\r\n",
    "address quotes": lambda n: b"To: " + b'"a\\' * (n // 3) + b"\r\n\r\n",
    "routes": lambda n: b"To: <" + b"@a," * (n // 3) + b"\r\n\r\n",
    "groups": lambda n: b"To: " + b"a:;" * (n // 3) + b"\r\n\r\n",
    "encoded words": lambda n: b"Subject: " + b"=?a?q?" * (n // 6) + b"\r\n\r\n",
    "empty words": lambda n: b"Subject: " + b"=?utf-8?q??= " * (n // 13) + b"\r\n\r\n",
    "blobs": lambda n: b"Subject: " + b"[a]" * (n // 3) + b"\r\n\r\n",
    "ids": lambda n: b"References: " + b"<a" * (n // 2) + b"\r\n\r\n",
    "date": lambda n: b"Date: " + b"Mon " * (n // 4) + b"\r\n\r\n",
    **{
        f"html {piece!r}": lambda n, piece=piece: b"Content-Type: text/html\r\n\r\n" + piece * (n // len(piece))
        for piece in [
            b"<",
            b"<!--",
            b"<script",
            b"<script>",
            b"<style></script>",
            b"<p",
            b"</",
            b"&#",
            b"&#9",
            b"&a",
            b" ",
            b"&#" + b"9" * 50,
        ]
    },
    "huge reference": lambda n: b"Content-Type: text/html\r\n\r\n&#" + b"9" * n,
    "quoted-printable": lambda n: (
        b"Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=\r" * (n // 2)
    ),
    "utf-7": lambda n: b"Content-Type: text/plain; charset=utf-7\r\n\r\n" + b"+2AA-" * (n // 5),
    "alternatives": lambda n: (
        b"".join(b"Content-Type: multipart/alternative; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(90))
        + b"\r\n"
        + b"word " * (n // 5)
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_time_grows_with_the_octets_only(name: str) -> None:
    """Eight times the octets take at most some twenty times as long, and a megabyte less than a second and a half."""

    def took(data: bytes) -> float:
        spent: list[float] = []
        for _ in range(3):
            start = process_time()
            parsed = parse(data)
            spent.append(process_time() - start)
            assert not [defect for defect in parsed.defects if defect.startswith("misread")]
        return min(spent)

    small, large = HOSTILE[name](1 << 17), HOSTILE[name](1 << 20)
    slow = took(large)
    assert slow < 1.5
    assert slow < 20 * max(0.005, took(small))


def test_a_thousand_levels_and_a_hundred_thousand_parts_stop_at_the_limits() -> None:
    deep = scan(nested(1000))
    assert levels(deep) == MAX_DEPTH + 1
    assert any(part.truncated for part in walk(deep))
    assert levels(scan(messages(1000))) == MAX_DEPTH + 1
    wide = scan(many(100_000))
    assert len(wide.children) == MAX_PARTS - 1
    assert wide.truncated


def levels(part: Part) -> int:
    return 1 + max(map(levels, part.children), default=0)
