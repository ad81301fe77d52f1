"""The arguments of FETCH: items, sections, modifiers. RFC 3501 §6.4.5, RFC 7162 §3.1.4, §3.2.6."""

from __future__ import annotations

import re

from holdfast.wire.errors import WireError
from holdfast.wire.imap.commands import Fetch, Item, Known, Section, SectionText
from holdfast.wire.imap.respond import astring
from holdfast.wire.imap.tokens import MAX_64, Tokens

MAX_ITEMS = 200
MAX_PART_DEPTH = 100
MAX_FIELDS = 500

_NAME = re.compile(rb"[A-Za-z0-9.\-]+")
_SECTION = re.compile(rb"\[([0-9.]*)([A-Za-z.]*)(?=[\] ])")
_PART = re.compile(rb"[1-9][0-9]{0,8}(?:\.[1-9][0-9]{0,8})*")
_PARTIAL = re.compile(rb"<([0-9]{1,19})\.([0-9]{1,19})>")

_ITEMS: dict[bytes, Item] = {
    **{item.value: item for item in Known},
    b"RFC822": Section(label=b"RFC822"),
    b"RFC822.HEADER": Section(label=b"RFC822.HEADER", text="HEADER", peek=True),
    b"RFC822.TEXT": Section(label=b"RFC822.TEXT", text="TEXT"),
}
_FAST = (Known.FLAGS, Known.INTERNALDATE, Known.SIZE)
_MACROS: dict[bytes, tuple[Item, ...]] = {
    b"FAST": _FAST,
    b"ALL": (*_FAST, Known.ENVELOPE),
    b"FULL": (*_FAST, Known.ENVELOPE, Known.BODY),
}
_TEXTS: dict[bytes, SectionText] = {
    b"": "",
    b"HEADER": "HEADER",
    b"HEADER.FIELDS": "HEADER.FIELDS",
    b"HEADER.FIELDS.NOT": "HEADER.FIELDS.NOT",
    b"TEXT": "TEXT",
    b"MIME": "MIME",
}


def fetch(tokens: Tokens, *, uid: bool) -> Fetch:
    """What follows FETCH."""
    tokens.space()
    numbers = tokens.sequence_set()
    tokens.space()
    items = _items(tokens)
    changed_since, vanished = _modifiers(tokens) if tokens.skip(b" ") else (None, False)
    if vanished and (not uid or changed_since is None):
        raise WireError("VANISHED needs UID FETCH and CHANGEDSINCE")  # RFC 7162 §3.2.6
    if uid and Known.UID not in items:
        items = (Known.UID, *items)
    if changed_since is not None and Known.MODSEQ not in items:
        items = (*items, Known.MODSEQ)
    return Fetch(numbers=numbers, uid=uid, items=items, changed_since=changed_since, vanished=vanished)


def _items(tokens: Tokens) -> tuple[Item, ...]:
    if tokens.peek() == b"(":
        items = tokens.list_of(lambda: _item(tokens))
        if len(items) > MAX_ITEMS:
            raise WireError("FETCH has too many items")
        return tuple(dict.fromkeys(items))
    start = tokens.at
    name = _NAME.match(tokens.data, start)
    macro = _MACROS.get(name.group().upper()) if name is not None else None
    if name is None or macro is None:
        return (_item(tokens),)
    tokens.at = name.end()
    return macro


def _item(tokens: Tokens) -> Item:
    name = _NAME.match(tokens.data, tokens.at)
    if name is None:
        raise WireError("An item of FETCH is missing")
    tokens.at = name.end()
    upper = name.group().upper()
    if tokens.peek() == b"[" and upper in (b"BODY", b"BODY.PEEK"):
        return _section(tokens, peek=upper == b"BODY.PEEK")
    item = _ITEMS.get(upper)
    if item is None:
        raise WireError("This item of FETCH is not known")
    return item


def _section(tokens: Tokens, *, peek: bool) -> Section:
    found = _SECTION.match(tokens.data, tokens.at)
    text = _TEXTS.get(found.group(2).upper()) if found is not None else None
    if found is None or text is None:
        raise WireError("This is not a section of a message")
    tokens.at = found.end()
    path = found.group(1)
    if text and path:
        if not path.endswith(b"."):
            raise WireError("This is not a section of a message")
        path = path[:-1]
    part = _part(path)
    if text == "MIME" and not part:
        raise WireError("MIME needs the number of a part")
    fields: tuple[bytes, ...] = ()
    if text.startswith("HEADER.FIELDS"):
        tokens.space()
        fields = tokens.list_of(tokens.astring)
        if len(fields) > MAX_FIELDS:
            raise WireError("Too many header fields")
    tokens.expect(b"]")
    spec = b"%b%b%b" % (path, b"." if path and text else b"", text.encode())
    if fields:
        spec += b" (" + b" ".join(map(astring, fields)) + b")"
    partial = _partial(tokens)
    label = b"BODY[%b]" % spec if partial is None else b"BODY[%b]<%d>" % (spec, partial[0])
    return Section(label=label, part=part, text=text, fields=fields, partial=partial, peek=peek)


def _part(path: bytes) -> tuple[int, ...]:
    if not path:
        return ()
    if _PART.fullmatch(path) is None:
        raise WireError("This is not the number of a part")
    part = tuple(map(int, path.split(b".")))
    if len(part) > MAX_PART_DEPTH:
        raise WireError("No part lies so deep")
    return part


def _partial(tokens: Tokens) -> tuple[int, int] | None:
    if tokens.peek() != b"<":
        return None
    found = _PARTIAL.match(tokens.data, tokens.at)
    if found is None:
        raise WireError("This is not a partial range")
    first, length = int(found.group(1)), int(found.group(2))
    if first > MAX_64 or not 0 < length <= MAX_64:
        raise WireError("This is not a partial range")
    tokens.at = found.end()
    return first, length


def _modifiers(tokens: Tokens) -> tuple[int | None, bool]:
    changed_since, vanished = None, False
    tokens.expect(b"(")
    while True:
        match tokens.word():
            case b"CHANGEDSINCE":
                tokens.space()
                changed_since = tokens.number(MAX_64)
            case b"VANISHED":
                vanished = True
            case _:
                raise WireError("This modifier of FETCH is not known")
        if not tokens.skip(b" "):
            break
    tokens.expect(b")")
    return changed_since, vanished
