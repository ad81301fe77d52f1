"""The seven words in which anything below the doors refuses.

A refusal is not a bug: it is the answer "no" with its reason. It names the thing and which one, so that each door can
say it in its own protocol (doors/*/answers.py). Any other exception is a bug.
"""

from __future__ import annotations


class Refusal(Exception):
    """A request that is understood and not granted; nothing of it was done."""

    word = "refused"

    def __init__(self, thing: str, which: object = "", why: str = "") -> None:
        super().__init__(thing, which, why)
        self.thing = thing
        self.which = str(which)
        self.why = why

    def __str__(self) -> str:
        which = f" {self.which}" if self.which else ""
        return f"{self.thing}{which}: {self.why or self.word}"


class NotFound(Refusal):
    """There is no such thing, or the asker may not know of it."""

    word = "not found"


class Forbidden(Refusal):
    """The asker is known and lacks the right."""

    word = "not permitted"


class Invalid(Refusal):
    """The request breaks a rule of the thing itself; asking again will not help."""

    word = "not valid"


class Conflict(Refusal):
    """The thing is not as the asker believes: it exists already, or has changed."""

    word = "in conflict with what is there"


class OverQuota(Refusal):
    """The account has no room left, in bytes or in objects."""

    word = "over quota"


class TooLarge(Refusal):
    """The request passes a fixed limit."""

    word = "too large"


class Unavailable(Refusal):
    """Not now: something that is needed does not answer. Asking again later is right."""

    word = "not available now"


WORDS: tuple[type[Refusal], ...] = (NotFound, Forbidden, Invalid, Conflict, OverQuota, TooLarge, Unavailable)
