"""The subject without what replying and forwarding add: messages of one thread share it. RFC 5256 §2.1."""

from __future__ import annotations

import re

MAX_LENGTH = 998  # characters that are read; it bounds the time too

_LEADER = re.compile(r"(?:\[[^\[\]]*+\]\s*+)*+(?:re|fwd?)\s*+(?:\[[^\[\]]*+\]\s*+)?+:\s*+", re.I)
_BLOB = re.compile(r"\[[^\[\]]*+\]\s*+")


def base_subject(subject: str) -> str:
    """The base subject of a decoded one; letters keep their case."""
    text = " ".join(subject[:MAX_LENGTH].split())
    while True:
        text = _without_trailers(text)
        text = _without_leaders(text)
        if not (text[:5].lower() == "[fwd:" and text.endswith("]")):
            return text
        text = text[5:-1].strip()


def _without_trailers(text: str) -> str:
    while text[-5:].lower() == "(fwd)":
        text = text[:-5].rstrip()
    return text


def _without_leaders(text: str) -> str:
    at = 0
    while True:
        if (found := _LEADER.match(text, at)) or ((found := _BLOB.match(text, at)) and found.end() < len(text)):
            at = found.end()
        else:
            return text[at:]
