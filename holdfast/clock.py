"""Time, as an argument: production passes SystemClock, tests turn a HandClock.

Instants are aware UTC datetimes at the borders and whole milliseconds since 1970 in rows and on hot paths.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Tells the time of day and a time that never goes back."""

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
        ...

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary start; only differences mean anything."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()


class HandClock:
    """A clock for tests: it stands until it is turned."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now_ms(self) -> int:
        return to_ms(self.at)

    def monotonic_s(self) -> float:
        return (self.at - EPOCH).total_seconds()

    def turn(self, by: timedelta) -> None:
        self.at += by


def to_ms(at: datetime) -> int:
    """An aware datetime as milliseconds since 1970."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def from_ms(ms: int) -> datetime:
    """Milliseconds since 1970 as an aware UTC datetime."""
    return EPOCH + timedelta(milliseconds=ms)
