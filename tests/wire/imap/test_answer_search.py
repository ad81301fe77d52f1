"""What SEARCH answers, in each way that it can be asked."""

from __future__ import annotations

import pytest

from holdfast.wire.imap.answer_search import answer, saved
from holdfast.wire.imap.commands import Search
from holdfast.wire.imap.parse import parse
from holdfast.wire.imap.picture import Changed, apply, empty

PICTURE = apply(
    empty(1),
    [Changed(uid, b"", uid * 2, uid, uid, 0, 1) for uid in (10, 20, 21, 22)],
    [],
    uid_next=23,
    highest_modseq=44,
)


def search(text: bytes) -> Search:
    command = parse(b"t " + text)[1]
    assert isinstance(command, Search)
    return command


@pytest.mark.parametrize(
    ("text", "found", "expected"),
    [
        (b"SEARCH ALL", [0, 2], b"* SEARCH 1 3\r\n"),
        (b"UID SEARCH ALL", [0, 2], b"* SEARCH 10 21\r\n"),
        (b"SEARCH ALL", [], b"* SEARCH\r\n"),
        (b"SEARCH MODSEQ 1", [0, 2], b"* SEARCH 1 3 (MODSEQ 42)\r\n"),
        (b"SEARCH MODSEQ 1", [], b"* SEARCH\r\n"),
        (b"SEARCH RETURN () ALL", [0, 1, 3], b'* ESEARCH (TAG "t") ALL 1:2,4\r\n'),
        (b"UID SEARCH RETURN (MIN MAX COUNT) ALL", [1, 2, 3], b'* ESEARCH (TAG "t") UID MIN 20 MAX 22 COUNT 3\r\n'),
        (b"UID SEARCH RETURN (MIN MAX COUNT ALL) ALL", [], b'* ESEARCH (TAG "t") UID COUNT 0\r\n'),
        (b"SEARCH RETURN (MIN) MODSEQ 1", [0, 2], b'* ESEARCH (TAG "t") MIN 1 MODSEQ 20\r\n'),
        (b"SEARCH RETURN (MIN MAX) MODSEQ 1", [0, 1, 2], b'* ESEARCH (TAG "t") MIN 1 MAX 3 MODSEQ 42\r\n'),
        (b"SEARCH RETURN (MIN COUNT) MODSEQ 1", [0, 2], b'* ESEARCH (TAG "t") MIN 1 COUNT 2 MODSEQ 42\r\n'),
        (b"SEARCH RETURN (SAVE) ALL", [0, 2], b""),
    ],
)
def test_what_is_asked_is_answered(text: bytes, found: list[int], expected: bytes) -> None:
    assert answer(b"t", search(text), PICTURE, found) == expected


def test_what_is_saved() -> None:
    assert saved(search(b"SEARCH ALL"), PICTURE, [0]) is None
    assert saved(search(b"SEARCH RETURN (SAVE) ALL"), PICTURE, [0, 1, 2]) == [10, 20, 21]
    assert saved(search(b"SEARCH RETURN (SAVE MIN) ALL"), PICTURE, [0, 1, 2]) == [10]
    assert saved(search(b"SEARCH RETURN (SAVE MIN MAX) ALL"), PICTURE, [0, 1, 2]) == [10, 21]
    assert saved(search(b"SEARCH RETURN (SAVE MIN COUNT) ALL"), PICTURE, [0, 1]) == [10, 20]
    assert saved(search(b"SEARCH RETURN (SAVE) ALL"), PICTURE, []) == []
