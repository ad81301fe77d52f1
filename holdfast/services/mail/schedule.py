"""When a parcel is tried again, and when its sender is told: pure decisions that return their reason.

Quick at first, because most troubles pass in minutes; then slower, up to four hours, for five days. Jitter keeps
parcels that failed together from coming back together. RFC 5321 §4.5.4.1 (retry), RFC 3461 §6 (delay notices).
"""

from __future__ import annotations

import msgspec

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

STEPS_MS = (
    1 * MINUTE_MS,
    5 * MINUTE_MS,
    15 * MINUTE_MS,
    30 * MINUTE_MS,
    1 * HOUR_MS,
    2 * HOUR_MS,
    4 * HOUR_MS,
)
"""Waits after the first, second, ... failed try; the last one repeats."""
MAX_AGE_MS = 5 * DAY_MS
DELAY_NOTICE_MS = 4 * HOUR_MS
JITTER = 0.2
"""A wait is up to this share longer or shorter."""


class Again(msgspec.Struct, frozen=True):
    """Try again at due_at. tell_delay: the sender has not been told of the delay and should be now."""

    due_at: int
    tell_delay: bool
    why: str


class GiveUp(msgspec.Struct, frozen=True):
    """It has taken too long."""

    why: str


def after_failure(
    *, now_ms: int, created_at: int, expires_at: int, attempts: int, delay_told: bool, dice: float
) -> Again | GiveUp:
    """What to do after a try that failed for now. attempts counts that try; dice is a random number in 0..1."""
    if now_ms >= expires_at:
        days = round((now_ms - created_at) / DAY_MS, 1)
        return GiveUp(f"it could not be delivered in {days:g} days")
    step = STEPS_MS[min(max(attempts, 1), len(STEPS_MS)) - 1]
    wait = round(step * (1 - JITTER + 2 * JITTER * dice))
    due_at = min(now_ms + wait, expires_at)
    late = now_ms - created_at >= DELAY_NOTICE_MS and not delay_told
    return Again(due_at, late, f"try {attempts} failed, the next is in {_spoken(due_at - now_ms)}")


def _spoken(ms: int) -> str:
    minutes = max(1, round(ms / MINUTE_MS))
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
