"""Delivery status notifications: what became of a message, told to its sender by mail.

A person reads the first part, a program the second (RFC 3464), and the third shows which message it was. Composed from
values alone; who gets one and when is decided in sorting.py and outgoing.py. A DSN has the null sender and is never
answered by another.
"""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import format_datetime
from enum import StrEnum
from hashlib import sha256

import msgspec

from holdfast.clock import from_ms

HEADERS_SHOWN = 16 * 1024
"""Bytes of the original message's header that are sent back: senders recognise it, and a report stays small."""


class Kind(StrEnum):
    """What a report says. RFC 3464 §2.3.3 (Action)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What happened for one recipient. status: RFC 3463; remote: the server that answered, if one did."""

    recipient: str
    status: str
    diagnostic: str
    orcpt: str = ""
    remote: str = ""
    will_retry_until_ms: int | None = None


_SUBJECTS = {
    Kind.FAILED: "Your message could not be delivered",
    Kind.DELAYED: "Your message is delayed",
    Kind.DELIVERED: "Your message was delivered",
    Kind.RELAYED: "Your message was passed on",
}
_OPENINGS = {
    Kind.FAILED: "This is the mail system at {host}.\n\nYour message did not reach the people below, and it will not be tried again.\n",
    Kind.DELAYED: "This is the mail system at {host}.\n\nYour message has not reached the people below yet. You need not do anything:\n"
    "it is safe here and is tried again until {until}.\n",
    Kind.DELIVERED: "This is the mail system at {host}.\n\nYour message is in the mailboxes of the people below, as you asked to be told.\n",
    Kind.RELAYED: "This is the mail system at {host}.\n\nYour message was passed on for the people below. Their server does not say\n"
    "when it delivers, so this is the last that you hear of it from here.\n",
}


def wants(notify: str, what: str) -> bool:
    """Whether a sender wants a report. Nothing said means failures and delays. RFC 3461 §4.1."""
    if not notify:
        return what in ("FAILURE", "DELAY")
    return what in notify.upper().split(",")


def compose(
    kind: Kind,
    reports: Sequence[Report],
    *,
    hostname: str,
    now_ms: int,
    to: str,
    envid: str = "",
    original_headers: bytes = b"",
    key: str,
) -> bytes:
    """One report about one or more recipients, as CRLF bytes. key makes its Message-ID and boundary the same each time."""
    mark = sha256(f"{kind} {key} {[report.recipient for report in reports]}".encode("utf-8", "replace")).hexdigest()[
        :24
    ]
    boundary = f"=_report_{mark}"
    now = format_datetime(from_ms(now_ms))
    head = [
        f"From: Mail Delivery System <MAILER-DAEMON@{hostname}>",
        f"To: <{_line(to)}>",
        f"Subject: {_SUBJECTS[kind]}",
        f"Date: {now}",
        f"Message-ID: <{mark}.dsn@{hostname}>",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=delivery-status; boundary="{boundary}"',
        "",
        "This is a delivery report in MIME format.",
    ]
    shown = _shown(original_headers)
    pieces = [
        "\r\n".join(head).encode("utf-8", "replace"),
        _part(boundary, "text/plain; charset=utf-8", "Notification", _for_people(kind, reports, hostname)),
        _part(
            boundary, "message/delivery-status", "Delivery report", _for_programs(kind, reports, hostname, envid, now)
        ),
        _part_head(boundary, "text/rfc822-headers", "Headers of the message") + shown,
        f"--{boundary}--\r\n".encode(),
    ]
    return b"\r\n".join(pieces)


def _for_people(kind: Kind, reports: Sequence[Report], hostname: str) -> str:
    until = next((report.will_retry_until_ms for report in reports if report.will_retry_until_ms is not None), None)
    text = _OPENINGS[kind].format(host=hostname, until=format_datetime(from_ms(until)) if until else "it expires")
    for report in reports:
        text += f"\n  <{_line(report.recipient)}>\n"
        if report.diagnostic:
            said = f"{report.remote} said: " if report.remote else ""
            text += f"      {said}{_line(report.diagnostic)}\n"
    return text


def _for_programs(kind: Kind, reports: Sequence[Report], hostname: str, envid: str, now: str) -> str:
    lines = [f"Reporting-MTA: dns; {hostname}"]
    if envid:
        lines.append(f"Original-Envelope-Id: {_line(envid)}")
    lines.append(f"Arrival-Date: {now}")
    for report in reports:
        lines.append("")
        if report.orcpt:
            lines.append(f"Original-Recipient: {_line(report.orcpt)}")
        lines.append(f"Final-Recipient: rfc822; {_line(report.recipient)}")
        lines.append(f"Action: {kind}")
        lines.append(f"Status: {report.status}")
        if report.remote:
            lines.append(f"Remote-MTA: dns; {_line(report.remote)}")
        if report.diagnostic:
            lines.append(
                f"Diagnostic-Code: {'smtp' if report.remote else 'X-Holdfast'}; {_line(report.diagnostic)[:900]}"
            )
        if report.will_retry_until_ms is not None:
            lines.append(f"Will-Retry-Until: {format_datetime(from_ms(report.will_retry_until_ms))}")
    return "\n".join(lines) + "\n"


def _part(boundary: str, content_type: str, description: str, text: str) -> bytes:
    return _part_head(boundary, content_type, description) + text.replace("\n", "\r\n").encode("utf-8", "replace")


def _part_head(boundary: str, content_type: str, description: str) -> bytes:
    head = (
        f"--{boundary}\r\nContent-Type: {content_type}\r\nContent-Description: {description}\r\n"
        "Content-Transfer-Encoding: 8bit\r\n\r\n"
    )
    return head.encode()


def _shown(headers: bytes) -> bytes:
    """The original header, cut at a line end, with lines ended by CRLF and no boundary of ours."""
    cut = headers if len(headers) <= HEADERS_SHOWN else headers[: headers.rfind(b"\n", 0, HEADERS_SHOWN) + 1]
    return b"".join(line + b"\r\n" for line in cut.splitlines() if line and not line.startswith(b"--"))


def _line(text: str) -> str:
    """Text that cannot end its header line."""
    return " ".join(text.split())
