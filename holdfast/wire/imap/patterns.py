"""LIST patterns: which names they match.

"*" matches anything, "%" anything but the separator. Whatever the pattern, a name costs one step for each of its
characters: all places in the pattern that can be reached are followed at once, as bits of one number.
RFC 3501 §6.3.8, RFC 5258 §3.
"""

from __future__ import annotations

import re

from holdfast.wire.imap.mutf7 import INBOX, SEPARATOR, canonical

_WILDCARDS = re.compile(r"[*%]{2,}")


class Pattern:
    """One pattern: reference and mailbox name joined."""

    __slots__ = ("_everything", "_inbox", "_names")

    def __init__(self, reference: str, pattern: str) -> None:
        text = _WILDCARDS.sub(lambda run: "*" if "*" in run.group() else "%", canonical(reference + pattern))
        self._everything = text == "*"
        self._names = _Matcher(text)
        self._inbox = _Matcher(text.upper()).matches(INBOX)  # INBOX has no case (RFC 3501 §5.1)

    def matches(self, name: str) -> bool:
        """Whether this name of a mailbox is meant; name is canonical."""
        return self._everything or (self._inbox if name == INBOX else self._names.matches(name))


class _Matcher:
    __slots__ = ("_any", "_end", "_level", "_places", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._any = self._level = 0
        self._places: dict[str, int] = {}
        for at, char in enumerate(text):
            if char == "*":
                self._any |= 1 << at
            elif char == "%":
                self._level |= 1 << at
            else:
                self._places[char] = self._places.get(char, 0) | 1 << at
        self._end = 1 << len(text)

    def matches(self, name: str) -> bool:
        wild = self._any | self._level
        if not wild:
            return name == self._text
        reached = 1 | (1 & wild) << 1
        for char in name:
            stay = self._any if char == SEPARATOR else wild
            reached = (reached & self._places.get(char, 0)) << 1 | reached & stay
            reached |= (reached & wild) << 1
            if not reached:
                return False
        return bool(reached & self._end)
