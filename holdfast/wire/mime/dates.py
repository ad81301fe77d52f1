"""The dates that messages carry, read tolerantly: as the standards write them, and as old and careless programs do.

RFC 5322 §3.3, §4.3. Times without a zone are taken as UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from holdfast.wire.mime.params import without_comments

_MONTHS = {
    name: n
    for n, name in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1)
}
_ZONES = {
    "est": -5,
    "edt": -4,
    "cst": -6,
    "cdt": -5,
    "mst": -7,
    "mdt": -6,
    "pst": -8,
    "pdt": -7,
    "cet": 1,
    "cest": 2,
    "bst": 1,
}
_TIME = r"(?P<hour>\d{1,2})[:.](?P<minute>\d{1,2})(?:[:.](?P<second>\d{1,2})(?:[.,]\d{1,9})?)?"
_ZONE = r"(?:\s*(?:gmt|utc)?(?P<sign>[+-])(?P<zone>\d{2}:?\d{2})|\s*(?P<named>[a-z]{1,5}))?"
_USUAL = re.compile(
    rf"(?:[^\W\d]{{2,12}}\.?\s*,?\s*)?(?P<day>\d{{1,2}})[\s-]+(?P<month>[a-z]{{3,9}})\.?[\s-]+(?P<year>\d{{2,4}})"
    rf"(?:[\s,]+{_TIME}{_ZONE})?",
    re.I,
)
_ASCTIME = re.compile(
    rf"[a-z]{{3,9}},?\s+(?P<month>[a-z]{{3,9}})\s+(?P<day>\d{{1,2}}),?\s+{_TIME}{_ZONE}\s+(?P<year>\d{{4}})", re.I
)
_ISO = re.compile(rf"(?P<year>\d{{4}})-(?P<month>\d{{1,2}})-(?P<day>\d{{1,2}})(?:[t\s]+{_TIME}{_ZONE})?", re.I)


def parse(raw: bytes) -> datetime | None:
    """The moment, in UTC; None if no date can be read from it."""
    raw = raw[:500]
    if b"(" in raw:
        raw = without_comments(raw)
    text = " ".join(raw.decode("ascii", "replace").split())
    found = _USUAL.match(text) or _ASCTIME.match(text) or _ISO.match(text)
    if found is None:
        return None
    month = found["month"]
    number = int(month) if month.isdigit() else _MONTHS.get(month[:3].lower(), 0)
    year = int(found["year"])
    if len(found["year"]) < 4:  # RFC 5322 §4.3
        year += 2000 if year < 50 else 1900
    second = min(int(found["second"] or 0), 59)  # a leap second has no place in a datetime
    try:
        local = datetime(year, number, int(found["day"]), int(found["hour"] or 0), int(found["minute"] or 0), second)
        return (local - _offset(found["sign"], found["zone"], found["named"])).replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _offset(sign: str | None, digits: str | None, named: str | None) -> timedelta:
    if digits is None:
        return timedelta(hours=_ZONES.get((named or "").lower(), 0))
    minutes = int(digits[:2]) * 60 + int(digits[-2:])
    return timedelta(minutes=-minutes if sign == "-" else minutes)
