"""Everything that filing a message needs to know of it, in one call that never fails.

Owns the choice of what is kept: the tree, the envelope, the keys for threads, sorting, lists and search. What is wrong
with a message is named in `defects` and never a reason to refuse it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from holdfast.wire.mime import addresses, dates, encoded_words, headers, message_ids, structure, text
from holdfast.wire.mime.base_subject import base_subject
from holdfast.wire.mime.envelope import Envelope, envelope
from holdfast.wire.mime.structure import Part

MAX_SUBJECT = 4000  # characters
MAX_SORT = 255
MAX_REFERENCES = 100


class Words(msgspec.Struct, frozen=True):
    """What search looks into, as text."""

    subject: str = ""
    senders: str = ""
    recipients: str = ""
    body: str = ""
    filenames: str = ""  # one a line


class Parsed(msgspec.Struct, frozen=True, kw_only=True):
    envelope: Envelope
    part: Part
    header_size: int  # octets, with the empty line
    message_id: str = ""  # without brackets; "" if it has none
    references: list[str] = []  # its own id first, then In-Reply-To, then References from the newest on; each once
    subject: str = ""
    base_subject: str = ""  # RFC 5256 §2.1
    from_sort: str = ""  # mailbox of the first sender, casefolded; RFC 5256 §3
    to_sort: str = ""
    sent_at: datetime | None = None  # UTC
    preview: str = ""
    has_attachment: bool = False
    search: Words = Words()
    defects: list[str] = []


def parse(data: bytes) -> Parsed:
    """What the octets say, whatever they are. Never raises: what cannot be read is empty, and a defect tells why."""
    try:
        return _parse(data)
    except Exception as bug:  # noqa: BLE001 -- a message must be filed even if we misread it; the defect names our bug
        return _unread(data, f"misread: {type(bug).__name__}")


def _parse(data: bytes) -> Parsed:
    part = structure.scan(data)
    found = headers.by_name(headers.fields(data[: part.body_start]))
    sealed = envelope(found)
    subject = encoded_words.read(sealed.subject)[:MAX_SUBJECT] if sealed.subject else ""
    sent_at = dates.parse(sealed.date) if sealed.date else None
    message_id = message_ids.own(sealed.message_id) if sealed.message_id else ""
    body = text.visible(data, part)
    senders = sealed.from_
    if sealed.sender != sealed.from_:
        senders += sealed.sender
    return Parsed(
        envelope=sealed,
        part=part,
        header_size=part.body_start,
        message_id=message_id,
        references=_references(message_id, found.get(b"in-reply-to", ()), found.get(b"references", ())),
        subject=subject,
        base_subject=base_subject(subject),
        from_sort=_sort_key(sealed.from_),
        to_sort=_sort_key(sealed.to),
        sent_at=sent_at,
        preview=text.preview(body),
        has_attachment=text.has_attachment(part),
        search=Words(
            subject,
            addresses.read(senders),
            addresses.read(sealed.to + sealed.cc + sealed.bcc),
            body,
            "\n".join(text.filenames(part)),
        ),
        defects=_defects(part, found, sealed, sent_at),
    )


def _unread(data: bytes, defect: str) -> Parsed:
    ends = [at for at in (data.find(b"\n\n") + 2, data.find(b"\n\r\n") + 3) if at > 2]
    start = min(ends, default=0)
    part = Part(0, start, len(data), data.count(b"\n", start), "application", "octet-stream", truncated=True)
    return Parsed(envelope=Envelope(), part=part, header_size=start, defects=[defect])


def _references(own: str, in_reply_to: Sequence[bytes], references: Sequence[bytes]) -> list[str]:
    found: dict[str, None] = {own: None} if own else {}
    for raw in in_reply_to[:10]:
        found.update(dict.fromkeys(message_ids.parse(raw)))
    for raw in references[:10]:
        found.update(dict.fromkeys(reversed(message_ids.parse(raw))))
    return list(found)[:MAX_REFERENCES]


def _sort_key(found: Sequence[addresses.Address]) -> str:
    for each in found:
        if each.host is not None:
            return (each.mailbox or b"")[:MAX_SORT].decode("utf-8", "replace").replace("\0", "").casefold()[:MAX_SORT]
    return ""


def _defects(part: Part, found: dict[bytes, list[bytes]], sealed: Envelope, sent_at: datetime | None) -> list[str]:
    defects: list[str] = []
    if not found:
        defects.append("no header")
    else:
        if not sealed.from_:
            defects.append("no sender")
        if sealed.date is None:
            defects.append("no date")
        elif sent_at is None:
            defects.append("unreadable date")
        if any(len(found.get(name, ())) > 1 for name in (b"from", b"subject", b"date", b"message-id", b"content-type")):
            defects.append("field twice")
    if part.body_start > headers.MAX_BLOCK:
        defects.append("header too long")
    nodes = list(structure.walk(part))
    if any(each.truncated for each in nodes):
        defects.append("too deep or too many parts")
    if any(each.is_multipart and not each.children and not each.truncated for each in nodes):
        defects.append("multipart without parts")
    return defects
