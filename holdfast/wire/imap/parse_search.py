"""The arguments of SEARCH. RFC 3501 §6.4.4, §9 (search-key), RFC 4731 §3.1 (RETURN), RFC 5032 (WITHIN)."""

from __future__ import annotations

import re
from collections.abc import Callable

from holdfast.wire.errors import WireError
from holdfast.wire.imap import sequence
from holdfast.wire.imap.commands import BadCommand, Search
from holdfast.wire.imap.search import (
    Age,
    All,
    And,
    EmailId,
    Flag,
    Header,
    Key,
    ModSeq,
    Not,
    Numbers,
    Or,
    Received,
    Return,
    Sent,
    Size,
    ThreadId,
    Where,
    Words,
)
from holdfast.wire.imap.tokens import DAY_MS, MAX_64, Tokens

MAX_DEPTH = 50
MAX_KEYS = 1000

_CHARSETS = (b"UTF-8", b"US-ASCII")
_NUMBERS = re.compile(rb"[0-9*$]")
_EMAIL_ID = re.compile(rb"M([0-9]{1,18})")
_THREAD_ID = re.compile(rb"T([0-9]{1,18})")


def search(tokens: Tokens, *, uid: bool) -> Search:
    """What follows SEARCH."""
    returns: tuple[Return, ...] | None = None
    start = tokens.at
    name = tokens.word() if not _begins_numbers(tokens) and tokens.peek() != b"(" else b""
    if name == b"RETURN":
        tokens.space()
        returns = tuple(dict.fromkeys(tokens.list_of(lambda: _return(tokens), may_be_empty=True)))
        tokens.space()
        start = tokens.at
        name = tokens.word() if not _begins_numbers(tokens) and tokens.peek() != b"(" else b""
    if name == b"CHARSET":
        tokens.space()
        if tokens.astring().upper() not in _CHARSETS:
            raise BadCommand(b"", "This charset is not known", code=b"BADCHARSET (US-ASCII UTF-8)", no=True)
        tokens.space()
    else:
        tokens.at = start
    return Search(_Keys(tokens).all_of(0), uid, returns)


def _begins_numbers(tokens: Tokens) -> bool:
    return _NUMBERS.match(tokens.data, tokens.at) is not None


def _return(tokens: Tokens) -> Return:
    try:
        return Return(tokens.word().decode("ascii"))
    except ValueError:
        raise WireError("This RETURN of SEARCH is not known") from None


class _Keys:
    """Reads search keys, counting them."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._count = 0

    def all_of(self, depth: int) -> Key:
        """One key or more, with spaces between."""
        keys = [self._key(depth)]
        while self._tokens.peek() == b" " and self._tokens.data[self._tokens.at :].strip(b" "):
            self._tokens.space()
            keys.append(self._key(depth))
        return keys[0] if len(keys) == 1 else And(tuple(keys))

    def _key(self, depth: int) -> Key:
        self._count += 1
        if depth > MAX_DEPTH or self._count > MAX_KEYS:
            raise BadCommand(b"", "This search is too large", code=b"LIMIT", no=True)
        tokens = self._tokens
        if tokens.skip(b"("):
            key = self.all_of(depth + 1)
            tokens.expect(b")")
            return key
        if _begins_numbers(tokens):
            return Numbers(tokens.sequence_set(), uid=False)
        name = tokens.word()
        simple = _SIMPLE.get(name)
        if simple is not None:
            return simple
        if name not in _WITH_ARGUMENT and name not in (b"NOT", b"OR"):
            raise WireError("This search key is not known")
        tokens.space()
        if name == b"NOT":
            return Not(self._key(depth + 1))
        if name == b"OR":
            one = self._key(depth + 1)
            tokens.space()
            return Or(one, self._key(depth + 1))
        return _WITH_ARGUMENT[name](tokens)


def _flag(name: bytes) -> Key:
    return Flag(b"\\" + name.lower())


_SIMPLE: dict[bytes, Key] = {
    b"ALL": All(),
    b"RECENT": All(none=True),
    b"NEW": All(none=True),
    b"OLD": All(),
    **{name: _flag(name) for name in (b"ANSWERED", b"DELETED", b"DRAFT", b"FLAGGED", b"SEEN")},
    **{b"UN" + name: Not(_flag(name)) for name in (b"ANSWERED", b"DELETED", b"DRAFT", b"FLAGGED", b"SEEN")},
}


def _words(where: Where) -> Callable[[Tokens], Key]:
    return lambda tokens: Words(where, tokens.text())


def _header(tokens: Tokens) -> Key:
    field = tokens.text()
    tokens.space()
    return Header(field, tokens.text())


def _on(kind: type[Received] | type[Sent]) -> Callable[[Tokens], Key]:
    def read(tokens: Tokens) -> Key:
        day = tokens.date()
        return kind(day, day + DAY_MS)

    return read


def _age(tokens: Tokens, *, older: bool) -> Key:
    seconds = tokens.number()
    if seconds == 0:
        raise WireError("An interval is at least one second")
    return Age(seconds, older)


def _modseq(tokens: Tokens) -> Key:
    """[entry-name entry-type] modseq; this server keeps one modseq for all flags. RFC 7162 §3.1.5."""
    if tokens.peek() == b'"':
        tokens.string()
        tokens.space()
        if tokens.word() not in (b"ALL", b"SHARED", b"PRIV"):
            raise WireError("This type of a flag is not known")
        tokens.space()
    return ModSeq(tokens.number(MAX_64))


def _object_id(tokens: Tokens, form: re.Pattern[bytes]) -> int:
    found = form.fullmatch(tokens.astring())
    return int(found.group(1)) if found is not None else 0


def _uids(tokens: Tokens) -> Key:
    numbers = tokens.sequence_set()
    return Numbers(numbers, uid=numbers != sequence.SAVED)


_WITH_ARGUMENT: dict[bytes, Callable[[Tokens], Key]] = {
    **{where.value.encode(): _words(where) for where in Where},
    b"HEADER": _header,
    b"KEYWORD": lambda tokens: Flag(tokens.flag().lower()),
    b"UNKEYWORD": lambda tokens: Not(Flag(tokens.flag().lower())),
    b"UID": _uids,
    b"LARGER": lambda tokens: Size(larger=tokens.number(MAX_64)),
    b"SMALLER": lambda tokens: Size(smaller=tokens.number(MAX_64)),
    b"SINCE": lambda tokens: Received(since=tokens.date()),
    b"BEFORE": lambda tokens: Received(before=tokens.date()),
    b"ON": _on(Received),
    b"SENTSINCE": lambda tokens: Sent(since=tokens.date()),
    b"SENTBEFORE": lambda tokens: Sent(before=tokens.date()),
    b"SENTON": _on(Sent),
    b"OLDER": lambda tokens: _age(tokens, older=True),
    b"YOUNGER": lambda tokens: _age(tokens, older=False),
    b"MODSEQ": _modseq,
    b"EMAILID": lambda tokens: EmailId(_object_id(tokens, _EMAIL_ID)),
    b"THREADID": lambda tokens: ThreadId(_object_id(tokens, _THREAD_ID)),
}
