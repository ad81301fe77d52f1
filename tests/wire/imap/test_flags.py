"""Silent stores: silence about what the client knows, not about what others did."""

from __future__ import annotations

import pytest

from holdfast.wire.imap.commands import Store
from holdfast.wire.imap.flags import after, silent_for
from holdfast.wire.imap.parse import parse
from holdfast.wire.imap.picture import Changed, Snapshot, apply, empty


def store(text: bytes) -> Store:
    command = parse(b"a STORE 1 " + text)[1]
    assert isinstance(command, Store)
    return command


@pytest.mark.parametrize(
    ("text", "flags", "expected"),
    [
        (b"FLAGS (\\Seen)", b"$x \\Draft", {b"\\seen"}),
        (b"+FLAGS (\\Seen)", b"$x", {b"\\seen", b"$x"}),
        (b"-FLAGS (\\SEEN $X)", b"$x \\Seen \\Draft", {b"\\draft"}),
    ],
)
def test_what_store_makes_of_flags(text: bytes, flags: bytes, expected: set[bytes]) -> None:
    assert after(flags, store(text)) == expected


def test_silence_is_kept_only_where_the_client_knows() -> None:
    def mailbox(*flags: bytes) -> Snapshot:
        rows = [Changed(uid, each, 1, uid, uid, 0, 1) for uid, each in enumerate(flags, 1)]
        return apply(empty(1), rows, [], uid_next=9, highest_modseq=1)

    before = mailbox(b"", b"\\Draft", b"")
    now = mailbox(b"\\Seen", b"\\Draft \\Seen", b"$other \\Seen")
    assert silent_for(store(b"+FLAGS.SILENT (\\Seen)"), before, now, [1, 2, 3, 4]) == {1, 2}
    assert silent_for(store(b"+FLAGS (\\Seen)"), before, now, [1, 2, 3]) == set()
