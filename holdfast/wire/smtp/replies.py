"""Replies: a code, an enhanced status code and words. RFC 5321 §4.2, RFC 2034, RFC 3463."""

from __future__ import annotations

import msgspec


class Reply(msgspec.Struct, frozen=True):
    """One answer to the peer. status: RFC 3463, "" where none belongs (greeting, EHLO, 354, 334)."""

    code: int
    status: str
    text: str

    def encode(self) -> bytes:
        """The reply's lines; a text of several lines becomes several (RFC 5321 §4.2.1)."""
        start = f"{self.status} " if self.status else ""
        lines = self.text.split("\n")
        last = len(lines) - 1
        return "".join(
            f"{self.code}{' ' if number == last else '-'}{start}{line}\r\n" for number, line in enumerate(lines)
        ).encode("utf-8", "replace")
