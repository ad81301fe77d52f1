"""A mailbox as people have them, made of dice with a fixed seed: the same bytes on every machine and in every run.

The mix: plain texts, texts with HTML beside them, attachments in base64, forwarded messages inside messages, inline pictures,
delivery reports; subjects and names in several scripts; threads; words as rare and as common as in a language (Zipf). About 12 KB on average.
"""

from __future__ import annotations

import base64
import bisect
import itertools
import math
import os
import quopri
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.header import Header
from email.utils import format_datetime
from pathlib import Path

from msgspec import Struct

BEGINNING = datetime(2023, 1, 2, 6, 0, tzinfo=UTC)
"""When the first message arrives."""

_SPAN_S = 3 * 365 * 86_400
_NAMES = [
    "Ada Lovelace",
    "Grace Hopper",
    "Jürgen Groß",
    "José García",
    "Zoë Öberg",
    "山田太郎",
    "Мария Иванова",
    "O'Neil, Pat",
]
_PHRASES = ["Größe und Maß", "café déjà vu", "日本語の件名", "привет из Москвы", "naïve façade", "smörgåsbord"]


class Sample(Struct, frozen=True):
    """One message of the mailbox, with CRLF line ends."""

    number: int
    content: bytes
    flags: tuple[str, ...]
    received: datetime


class Words:
    """A made-up language: words by rank, drawn as Zipf says (the word of rank n, one n-th as often as the first)."""

    def __init__(self, size: int = 30_000) -> None:
        dice = random.Random("words")
        syllables = [c + v for c in "bdfgklmnprstvz" for v in ("a", "e", "i", "o", "u", "an", "er", "is", "on", "ut")]
        seen: dict[str, None] = {}
        while len(seen) < size:
            # Common words are short, as everywhere.
            seen["".join(dice.choices(syllables, k=1 + min(4, int(math.log10(len(seen) + 2)) + dice.randrange(2))))] = (
                None
            )
        self.by_rank = list(seen)
        self._cumulative = list(itertools.accumulate(1 / (rank + 2.7) for rank in range(size)))

    def text(self, dice: random.Random, count: int) -> list[str]:
        """Draw some words."""
        return dice.choices(self.by_rank, cum_weights=self._cumulative, k=count)

    def share(self, rank: int) -> float:
        """How much of all text the word of a rank is."""
        before = self._cumulative[rank - 1] if rank else 0.0
        return (self._cumulative[rank] - before) / self._cumulative[-1]


def samples(count: int, seed: str = "mailbox") -> Iterator[Sample]:
    """Make the first count messages of the mailbox, oldest first."""
    words = Words()
    dice = random.Random(seed)
    subjects: list[str] = []
    parents: list[list[int]] = []
    kinds = list(_KINDS)
    bounds = list(itertools.accumulate(share for _, share in kinds))
    for number in range(count):
        received = BEGINNING + timedelta(seconds=int(number / count * _SPAN_S) + dice.randrange(60))
        above = _ancestors(dice, parents, number)
        subject = f"Re: {subjects[above[0]]}" if above else _subject(dice, words)
        parents.append(above)
        subjects.append(subject.removeprefix("Re: "))
        head = _head(dice, number, subject, above, received)
        build = kinds[bisect.bisect(bounds, dice.random() * bounds[-1])][0]
        content = head + build(dice, words, number)
        yield Sample(number, content.replace("\n", "\r\n").encode(), _flags(dice, number, count), received)


def write_maildir(folder: Path, count: int) -> int:
    """Write the mailbox as a Maildir, as a delivery agent would leave it (LF line ends); returns its size in bytes with CRLF."""
    for name in ("cur", "new", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    total = 0
    for sample in samples(count):
        stored = sample.content.replace(b"\r\n", b"\n")
        at = int(sample.received.timestamp())
        letters = "".join(sorted(_LETTERS[flag] for flag in sample.flags))
        name = f"{at}.M{sample.number:06d}P1.bench,S={len(stored)},W={len(sample.content)}:2,{letters}"
        path = folder / "cur" / name
        path.write_bytes(stored)
        os.utime(path, (at, at))
        total += len(sample.content)
    return total


_LETTERS = {"\\Seen": "S", "\\Answered": "R", "\\Flagged": "F", "\\Draft": "D"}


def _flags(dice: random.Random, number: int, count: int) -> tuple[str, ...]:
    # Newer mail is less read than older mail.
    seen = dice.random() < (0.97 if number < count * 0.9 else 0.6)
    flags = [("\\Seen", seen), ("\\Answered", seen and dice.random() < 0.2), ("\\Flagged", dice.random() < 0.04)]
    return tuple(name for name, is_set in flags if is_set)


def _ancestors(dice: random.Random, parents: list[list[int]], number: int) -> list[int]:
    """The thread above a message, oldest first; none for a message that begins one."""
    if number == 0 or dice.random() < 0.5:
        return []
    parent = max(0, number - 1 - int(dice.expovariate(1 / 40)))
    return [*parents[parent], parent][-12:]


def _subject(dice: random.Random, words: Words) -> str:
    subject = " ".join(words.text(dice, dice.randrange(2, 9))).capitalize()
    return f"{subject} {dice.choice(_PHRASES)}" if dice.random() < 0.2 else subject


def _head(dice: random.Random, number: int, subject: str, above: list[int], received: datetime) -> str:
    sender, recipient = dice.choice(_NAMES), dice.choice(_NAMES)
    stamp = format_datetime(received - timedelta(seconds=dice.randrange(1, 40)))
    lines = [f"Return-Path: <sender{number % 211}@example.net>", "Delivered-To: alice@example.org"]
    for hop in range(dice.randrange(1, 4)):
        ident = f"{dice.getrandbits(48):012X}"
        lines.append(
            f"Received: from relay{hop}.example.net (relay{hop}.example.net [192.0.2.{hop + 1}])\n\tby mx.example.org with ESMTPS id {ident};\n\t{stamp}"
        )
    if dice.random() < 0.6:
        signature = base64.b64encode(dice.randbytes(192)).decode()
        folded = "\n\t ".join(signature[at : at + 70] for at in range(0, len(signature), 70))
        lines.append(
            f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.net; s=s1;\n\th=from:to:subject:date:message-id; bh=none;\n\tb={folded}"
        )
    lines.append(f"From: {_phrase(sender)} <sender{number % 211}@example.net>")
    lines.append(
        f"To: {_phrase(recipient)} <alice@example.org>" + (", Bob <bob@example.org>" if dice.random() < 0.3 else "")
    )
    if dice.random() < 0.2:
        lines.append(
            "Cc: " + ",\n\t".join(f"Copy {each} <copy{each}@example.com>" for each in range(dice.randrange(1, 9)))
        )
    lines.append("Subject: " + _encoded(subject, "Subject: "))
    lines.append(f"Date: {stamp}")
    lines.append(f"Message-ID: {message_id(number)}")
    if above:
        lines.append(f"In-Reply-To: {message_id(above[-1])}")
        lines.append("References: " + "\n\t".join(message_id(each) for each in above))
    if dice.random() < 0.15:
        lines.append(
            f"List-Id: List {number % 7} <list{number % 7}.example.net>\nList-Unsubscribe: <https://example.net/u/{number}>"
        )
    lines.append("MIME-Version: 1.0\n")
    return "\n".join(lines)


def message_id(number: int) -> str:
    """The Message-ID of a message of the mailbox."""
    return f"<{number:06d}.bench@example.net>"


def _phrase(name: str) -> str:
    return f'"{name}"' if "," in name else _encoded(name, "From: ")


def _encoded(text: str, before: str) -> str:
    if text.isascii():
        return Header(text, header_name=before[:-2]).encode(linesep="\n")
    return Header(text, "utf-8", header_name=before[:-2]).encode(linesep="\n")


def _lines(words: list[str]) -> str:
    """Text of about 70 columns, with the odd number, sentence and empty line."""
    lines = [" ".join(words[at : at + 11]) for at in range(0, len(words), 11)]
    return "".join(line + (".\n\n" if place % 6 == 5 else "\n") for place, line in enumerate(lines))


def _length(dice: random.Random, middle: int) -> int:
    return int(min(dice.lognormvariate(math.log(middle), 0.8), middle * 12)) + 5


def _text_part(dice: random.Random, words: Words, middle: int) -> str:
    text = _lines(words.text(dice, _length(dice, middle)))
    if dice.random() < 0.3:
        text += dice.choice(_PHRASES) + "\n"
        coded = quopri.encodestring(text.encode()).decode()
        return f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n{coded}"
    return f"Content-Type: text/plain; charset=us-ascii\nContent-Transfer-Encoding: 7bit\n\n{text}"


def _html_part(dice: random.Random, words: Words, middle: int) -> str:
    text = _lines(words.text(dice, _length(dice, middle)))
    body = "".join(
        f'<p style="margin:0 0 12px 0;font-family:Arial,sans-serif">{line}</p>\n' for line in text.splitlines() if line
    )
    html = f"<html><head><style>p {{ color: #222 }}</style></head><body>\n{body}</body></html>\n"
    coded = quopri.encodestring(html.encode()).decode()
    return f"Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n{coded}"


def _attachment(dice: random.Random, kind: str, name: str, middle: int) -> str:
    coded = base64.encodebytes(dice.randbytes(_length(dice, middle))).decode()
    where = f'Content-Disposition: attachment; filename="{name}"\n'
    return f'Content-Type: {kind}; name="{name}"\nContent-Transfer-Encoding: base64\n{where}\n{coded}'


def _multipart(kind: str, boundary: str, parts: list[str]) -> str:
    inside = "".join(f"--{boundary}\n{part}\n" for part in parts)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\n\n{inside}--{boundary}--\n'


def _plain(dice: random.Random, words: Words, number: int) -> str:
    return _text_part(dice, words, 160)


def _alternative(dice: random.Random, words: Words, number: int) -> str:
    return _multipart("alternative", f"=_alt_{number}", [_text_part(dice, words, 160), _html_part(dice, words, 220)])


def _mixed(dice: random.Random, words: Words, number: int) -> str:
    kinds = [("application/pdf", "report.pdf"), ("image/png", "picture.png"), ("application/zip", "all.zip")]
    files = [_attachment(dice, *dice.choice(kinds), 19_000) for _ in range(dice.choice([1, 1, 1, 2]))]
    first = _alternative(dice, words, number) if dice.random() < 0.5 else _text_part(dice, words, 120)
    return _multipart("mixed", f"=_mix_{number}", [first, *files])


def _related(dice: random.Random, words: Words, number: int) -> str:
    picture = f"Content-ID: <pic{number}>\n" + _attachment(dice, "image/png", "inline.png", 4_000)
    related = _multipart("related", f"=_rel_{number}", [_html_part(dice, words, 150), picture])
    return _multipart("alternative", f"=_alt_{number}", [_text_part(dice, words, 120), related])


def _forwarded(dice: random.Random, words: Words, number: int) -> str:
    inner = _head(dice, number + 1_000_000, _subject(dice, words), [], BEGINNING) + _alternative(dice, words, number)
    return _multipart(
        "mixed", f"=_fwd_{number}", [_text_part(dice, words, 60), f"Content-Type: message/rfc822\n\n{inner}"]
    )


def _report(dice: random.Random, words: Words, number: int) -> str:
    status = "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\nFinal-Recipient: rfc822; x@example.net\nAction: failed\nStatus: 5.1.1\n"
    headers = "Content-Type: text/rfc822-headers\n\n" + _head(
        dice, number + 2_000_000, _subject(dice, words), [], BEGINNING
    )
    return _multipart(
        'report; report-type="delivery-status"', f"=_rep_{number}", [_text_part(dice, words, 40), status, headers]
    )


_KINDS: list[tuple[Callable[[random.Random, Words, int], str], float]] = [
    (_plain, 0.40),
    (_alternative, 0.35),
    (_mixed, 0.13),
    (_related, 0.05),
    (_forwarded, 0.05),
    (_report, 0.02),
]
