"""LIST and LSUB, mostly by the examples of their RFCs."""

from __future__ import annotations

import pytest

from holdfast.wire.imap.answer_list import Shown, answer, answer_lsub
from holdfast.wire.imap.commands import List, Lsub
from holdfast.wire.imap.parse import parse

MAILBOXES = [
    Shown(name="INBOX", subscribed=True),
    Shown(name="Fruit"),
    Shown(name="Fruit/Apple", subscribed=True),
    Shown(name="Fruit/Banana"),
    Shown(name="Sent", subscribed=True, special_use=b"\\Sent"),
    Shown(name="Tofu", subscribed=True),
    Shown(name="Tofu/Red/Hot", subscribed=True),
    Shown(name="Vegetable", selectable=False),
]


def lines(text: bytes) -> list[str]:
    command = parse(b"a " + text)[1]
    if isinstance(command, Lsub):
        told = answer_lsub(command, MAILBOXES)
    else:
        assert isinstance(command, List)
        told = [one.line for one in answer(command, MAILBOXES)]
    return [line.decode().strip().removeprefix("* ") for line in told]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'LIST "" ""', ['LIST (\\Noselect) "/" ""']),
        (b'LIST () "" ""', []),
        (b'LIST "" inbox', ['LIST (\\HasNoChildren) "/" "INBOX"']),
        (b'LIST Fruit/ %', ['LIST (\\HasNoChildren) "/" "Fruit/Apple"', 'LIST (\\HasNoChildren) "/" "Fruit/Banana"']),
        (b'LIST "" (Sent Veg*)', [
            'LIST (\\HasNoChildren \\Sent) "/" "Sent"', 'LIST (\\Noselect \\HasNoChildren) "/" "Vegetable"'
        ]),
        (b'LIST (SUBSCRIBED) "" *', [
            'LIST (\\HasNoChildren \\Subscribed) "/" "INBOX"',
            'LIST (\\HasNoChildren \\Subscribed) "/" "Fruit/Apple"',
            'LIST (\\HasNoChildren \\Subscribed \\Sent) "/" "Sent"',
            'LIST (\\HasChildren \\Subscribed) "/" "Tofu"',
            'LIST (\\HasNoChildren \\Subscribed) "/" "Tofu/Red/Hot"',
        ]),
        (b'LIST (SUBSCRIBED RECURSIVEMATCH) "" %', [
            'LIST (\\HasNoChildren \\Subscribed) "/" "INBOX"',
            'LIST (\\HasChildren) "/" "Fruit" ("CHILDINFO" ("SUBSCRIBED"))',
            'LIST (\\HasNoChildren \\Subscribed \\Sent) "/" "Sent"',
            'LIST (\\HasChildren \\Subscribed) "/" "Tofu" ("CHILDINFO" ("SUBSCRIBED"))',
        ]),
        (b'LIST (SPECIAL-USE) "" * RETURN (SUBSCRIBED)', ['LIST (\\HasNoChildren \\Subscribed \\Sent) "/" "Sent"']),
        (b'LSUB "" Fruit*', ['LSUB () "/" "Fruit/Apple"']),
        (b'LSUB "" %', [
            'LSUB (\\Noselect) "/" "Fruit"', 'LSUB () "/" "INBOX"', 'LSUB () "/" "Sent"', 'LSUB () "/" "Tofu"'
        ]),
    ],
)  # fmt: skip
def test_what_is_listed(text: bytes, expected: list[str]) -> None:
    assert lines(text) == expected


def test_status_is_told_only_of_what_can_be_selected() -> None:
    command = parse(b'a LIST "" (Sent Vegetable) RETURN (STATUS (MESSAGES))')[1]
    assert isinstance(command, List)
    assert [told.mailbox for told in answer(command, MAILBOXES)] == ["Sent", None]
