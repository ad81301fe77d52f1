"""What LIST and LSUB answer, out of all mailboxes that somebody may see.

RFC 3501 §6.3.8, §6.3.9; RFC 5258 (selections, RECURSIVEMATCH, CHILDINFO), RFC 3348 (\\HasChildren), RFC 6154
(\\Sent and its like, told without being asked for).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from holdfast.wire.imap import respond
from holdfast.wire.imap.commands import List, Lsub
from holdfast.wire.imap.mutf7 import SEPARATOR
from holdfast.wire.imap.patterns import Pattern


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A mailbox as LIST knows it. special_use: such as b"\\\\Sent"; selectable: not only a level of names."""

    name: str
    subscribed: bool = False
    special_use: bytes = b""
    selectable: bool = True


class Told(msgspec.Struct, frozen=True):
    """One response. mailbox: whose STATUS may be told with it (RFC 5819), None for a name that cannot be selected."""

    line: bytes
    mailbox: str | None


def answer(command: List, mailboxes: Sequence[Shown]) -> list[Told]:
    """The LIST responses, in the order of mailboxes."""
    if not command.extended and command.patterns == ("",):
        return [Told(b'* LIST (\\Noselect) "/" ""\r\n', None)]  # what the separator is
    patterns = [Pattern(command.reference, pattern) for pattern in command.patterns]
    matched = {shown.name for shown in mailboxes if any(pattern.matches(shown.name) for pattern in patterns)}
    chosen = [shown.name for shown in mailboxes if _chosen(command, shown)]
    parents = _above(shown.name for shown in mailboxes)
    above_chosen = _above(chosen) if command.recursive_match else set()
    above_hidden = _above(name for name in chosen if name not in matched) if command.recursive_match else set()
    told: list[Told] = []
    for shown in mailboxes:
        if shown.name not in matched:
            continue
        itself = _chosen(command, shown)
        if not itself and shown.name not in above_hidden:
            continue
        attributes = _attributes(command, shown, has_children=shown.name in parents)
        line = respond.listed(shown.name, attributes, child_info=command.only_subscribed and shown.name in above_chosen)
        told.append(Told(line, shown.name if shown.selectable and itself else None))
    return told


def answer_lsub(command: Lsub, mailboxes: Sequence[Shown]) -> list[bytes]:
    """The LSUB responses. A level above one that is subscribed is told as \\Noselect where "%" hides the other."""
    pattern = Pattern(command.reference, command.pattern)
    subscribed = [shown.name for shown in mailboxes if shown.subscribed]
    hidden = _above(name for name in subscribed if not pattern.matches(name))
    lines: list[bytes] = []
    for name in sorted({*subscribed, *hidden}):
        if pattern.matches(name):
            attributes = [] if name in subscribed else [b"\\Noselect"]
            lines.append(respond.listed(name, attributes, word=b"LSUB"))
    return lines


def _chosen(command: List, shown: Shown) -> bool:
    if command.only_subscribed and not shown.subscribed:
        return False
    return bool(shown.special_use) or not command.only_special_use


def _attributes(command: List, shown: Shown, *, has_children: bool) -> list[bytes]:
    attributes = [] if shown.selectable else [b"\\Noselect"]
    attributes.append(b"\\HasChildren" if has_children else b"\\HasNoChildren")
    if shown.subscribed and (command.only_subscribed or command.return_subscribed):
        attributes.append(b"\\Subscribed")
    if shown.special_use:
        attributes.append(shown.special_use)
    return attributes


def _above(names: Iterable[str]) -> set[str]:
    """All levels above some names."""
    above: set[str] = set()
    for name in names:
        while (cut := name.rfind(SEPARATOR)) > 0:
            name = name[:cut]
            if name in above:
                break
            above.add(name)
    return above
