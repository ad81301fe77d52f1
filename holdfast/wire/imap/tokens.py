"""The words that IMAP commands are made of, read from the bytes of one whole command, literals and all.

RFC 3501 §9, RFC 7888 (literals), RFC 9051 §9 where it is wider.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import TypeVar

from holdfast.wire.errors import WireError
from holdfast.wire.imap import mutf7, sequence
from holdfast.wire.imap.sequence import SequenceSet

MAX_64 = (1 << 63) - 1
DAY_MS = 86_400_000

_ATOM = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\\]]+")
_ASTRING = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\]+")
_PATTERN = re.compile(rb"[^\x00-\x20\x7f-\xff(){\"\\]+")
_FLAG = re.compile(rb"\\?[^\x00-\x20\x7f-\xff(){%*\"\\]+")
_QUOTED = re.compile(rb'"([^\x00\r\n"\\]*(?:\\["\\][^\x00\r\n"\\]*)*)"')
_ESCAPED = re.compile(rb"\\(.)")
_LITERAL = re.compile(rb"\{([0-9]{1,10})\+?\}\r\n")
_NUMBER = re.compile(rb"[0-9]{1,19}(?![0-9])")
_SET = re.compile(rb"[0-9:*,]+|\$")
_NIL = re.compile(rb"NIL(?![^\x00-\x20\x7f-\xff(){%*\"\\])", re.IGNORECASE)
_DATE = re.compile(rb'("?)([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})\1')
_DATE_TIME = re.compile(
    rb'"([ 0-3]?[0-9])-([A-Za-z]{3})-([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})"'
)
_MONTHS = {
    month: at
    for at, month in enumerate(
        (b"JAN", b"FEB", b"MAR", b"APR", b"MAY", b"JUN", b"JUL", b"AUG", b"SEP", b"OCT", b"NOV", b"DEC"), 1
    )
}
_EPOCH = date(1970, 1, 1).toordinal()

_Value = TypeVar("_Value")


class Tokens:
    """A place in a command. Each method reads one thing and moves past it, or raises WireError."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at

    def peek(self) -> bytes:
        """The next byte; b"" at the end."""
        return self.data[self.at : self.at + 1]

    def skip(self, byte: bytes) -> bool:
        """Move past this byte if it is next."""
        if self.data[self.at : self.at + 1] == byte:
            self.at += 1
            return True
        return False

    def expect(self, byte: bytes) -> None:
        if not self.skip(byte):
            raise WireError(f"{byte.decode()!r} is missing" if byte != b" " else "A space is missing")

    def space(self) -> None:
        if self.data[self.at : self.at + 1] != b" ":
            raise WireError("A space is missing" if self.at < len(self.data) else "Something is missing")
        self.at += 1

    def end(self) -> None:
        """Nothing but spaces may follow."""
        if self.data[self.at :].strip(b" "):
            raise WireError("There is too much in this command")

    def word(self) -> bytes:
        """An atom in upper case."""
        return self._match(_ATOM, "A word is missing").upper()

    def flag(self) -> bytes:
        return self._match(_FLAG, "This is not a flag")

    def astring(self) -> bytes:
        found = _ASTRING.match(self.data, self.at)
        if found is not None:
            self.at = found.end()
            return found.group()
        return self.string()

    def string(self) -> bytes:
        quoted = _QUOTED.match(self.data, self.at)
        if quoted is not None:
            self.at = quoted.end()
            text = quoted.group(1)
            return _ESCAPED.sub(rb"\1", text) if b"\\" in text else text
        literal = _LITERAL.match(self.data, self.at)
        if literal is None:
            raise WireError("A string is missing, or has a character that it may not have")
        start = literal.end()
        self.at = start + int(literal.group(1))
        if self.at > len(self.data):
            raise WireError("A literal ends before its length")
        text = self.data[start : self.at]
        if b"\0" in text:
            raise WireError("A literal has a NUL")
        return text

    def nil(self) -> bool:
        """Move past NIL if it is next."""
        found = _NIL.match(self.data, self.at)
        if found is not None:
            self.at = found.end()
        return found is not None

    def text(self) -> str:
        """An astring as UTF-8."""
        try:
            return self.astring().decode("utf-8")
        except UnicodeDecodeError:
            raise WireError("A string is not UTF-8") from None

    def mailbox(self) -> str:
        return mutf7.canonical(mutf7.decode(self.astring()))

    def pattern(self) -> str:
        """A list-mailbox."""
        found = _PATTERN.match(self.data, self.at)
        if found is None:
            return mutf7.decode(self.string())
        self.at = found.end()
        return mutf7.decode(found.group())

    def number(self, largest: int = sequence.MAX_NUMBER) -> int:
        number = int(self._match(_NUMBER, "A number is missing, or too large"))
        if number > largest:
            raise WireError("A number is too large")
        return number

    def sequence_set(self) -> SequenceSet:
        return sequence.parse(self._match(_SET, "A set of message numbers is missing"))

    def date(self) -> int:
        """A day, as ms since 1970 of its beginning in UTC."""
        found = _DATE.match(self.data, self.at)
        if found is None:
            raise WireError("A date is missing, such as 24-Nov-2026")
        self.at = found.end()
        return _day(*found.group(2, 3, 4)) * DAY_MS

    def date_time(self) -> int:
        """A moment, as ms since 1970."""
        found = _DATE_TIME.match(self.data, self.at)
        if found is None:
            raise WireError('A date and time is missing, such as "24-Nov-2026 09:45:00 +0000"')
        self.at = found.end()
        hours, minutes, seconds, zone_hours, zone_minutes = map(int, found.group(4, 5, 6, 8, 9))
        if hours > 23 or minutes > 59 or seconds > 60 or zone_minutes > 59:
            raise WireError("There is no such time of day")
        zone = (zone_hours * 60 + zone_minutes) * (-1 if found.group(7) == b"-" else 1)
        minute = _day(*found.group(1, 2, 3)) * 1440 + hours * 60 + minutes - zone
        return (minute * 60 + min(seconds, 59)) * 1000

    def list_of(self, one: Callable[[], _Value], *, may_be_empty: bool = False) -> tuple[_Value, ...]:
        """Things in parentheses, with a space between."""
        self.expect(b"(")
        if may_be_empty and self.skip(b")"):
            return ()
        found = [one()]
        while self.skip(b" "):
            found.append(one())
        self.expect(b")")
        return tuple(found)

    def _match(self, pattern: re.Pattern[bytes], missing: str) -> bytes:
        found = pattern.match(self.data, self.at)
        if found is None:
            raise WireError(missing)
        self.at = found.end()
        return found.group()


def _day(day: bytes, month: bytes, year: bytes) -> int:
    """Days since 1970."""
    at = _MONTHS.get(month.upper())
    if at is None:
        raise WireError("There is no such month")
    try:
        return date(int(year), at, int(day)).toordinal() - _EPOCH
    except ValueError:
        raise WireError("There is no such day") from None
