"""What a reader sees of a message: its text for search, the first words for a list, and the files that hang on it.

Of alternatives, the plain one is taken, unless it says much less than the richer one. Messages inside are read too,
attachments are not. Nothing here makes HTML safe to show. RFC 2046 §5.1.4, RFC 2183 §2.
"""

from __future__ import annotations

import html
import re

from holdfast.wire.mime import decode, encoded_words, headers
from holdfast.wire.mime import params as parameters
from holdfast.wire.mime.structure import Part, walk

MAX_TEXT = 1 << 20  # characters
MAX_ENCODED = 4 << 20  # octets of one part that are decoded
PREVIEW = 256  # characters
MAX_FILENAMES = 1000

# Every piece that has begun also ends, at the latest with the text, so hostile HTML is passed over only once.
_UNSEEN = re.compile(
    r"<(?:!--(?:.*?-->|.*)|(script|style|title|template|noframes)(?![\w-])[^>]*+(?:>(?:.*?</\1(?![\w-])[^>]*+>?+|.*))?+)",
    re.I | re.S,
)
_BLOCK = re.compile(
    r"</?(?:p|br|div|tr|td|th|li|h[1-6]|table|ul|ol|dl|dt|dd|hr|blockquote|pre|section|article|title|body|center|form)(?![\w-])[^>]*+>?+",
    re.I,
)
_HUGE = re.compile(r"&#(?:[0-9]{9,}+|[xX][0-9a-fA-F]{9,}+);?+")  # no character; Python refuses to read the longest
_TAG = re.compile(r"<[a-zA-Z/!?][^>]*+>?+")
_SIGNATURES = ("pgp-signature", "pkcs7-signature", "x-pkcs7-signature", "pgp-encrypted")


def visible(data: bytes, part: Part) -> str:
    """The text of the part and what is in it, one line for each that has words, at most MAX_TEXT characters."""
    out: list[str] = []
    _gather(data, part, out, MAX_TEXT)
    return "\n".join(out)[:MAX_TEXT]


def preview(text: str) -> str:
    """The first words on one line, at most PREVIEW characters."""
    return " ".join(text[: PREVIEW * 8].split())[:PREVIEW]


def filename(part: Part) -> str | None:
    """The name a file should get, from Content-Disposition or else Content-Type; it may hold slashes. None: no name."""
    name: str | None = None
    if part.disposition_params:
        name = parameters.get(part.disposition_params, "filename")
    if not name and part.params:
        name = parameters.get(part.params, "name")
    return name or None


def filenames(root: Part) -> list[str]:
    """The names of all files in the message, in order."""
    found = (filename(part) for part in walk(root) if part.params or part.disposition_params)
    return [name for name in found if name][:MAX_FILENAMES]


def has_attachment(root: Part) -> bool:
    """Whether a reader would say that something hangs on it: not for signatures, nor for pictures inside the text."""
    return any(_is_attached(part, root) for part in walk(root))


def strip_html(source: str) -> str:
    """The words of an HTML text without its tags; blocks begin new lines. For search, not for showing."""
    source = _UNSEEN.sub(" ", source)
    source = _BLOCK.sub("\n", source)
    source = _TAG.sub("", source)
    return _tidy(html.unescape(_HUGE.sub("\ufffd", source)) if "&" in source else source)


def _gather(data: bytes, part: Part, out: list[str], room: int) -> int:
    """Append the texts below part to out; what room is left after it."""
    if room <= 0 or (part.disposition == "attachment" and part.type != "message"):
        return room
    if part.type == "message" and part.children:
        inner = part.children[0]
        subject = headers.get(headers.fields(data[inner.header_start : inner.body_start]), b"subject")
        if subject:
            out.append(encoded_words.read(subject))
            room -= len(out[-1])
        return _gather(data, inner, out, room)
    if part.subtype == "alternative" and part.children:
        best = _best(data, part, room)
        if best:
            out.append(best)
        return room - len(best)
    if part.children:
        for child in part.children:
            room = _gather(data, child, out, room)
        return room
    if part.type == "text" or part.is_multipart:
        found = _text_of(data, part)[:room]
        if found:
            out.append(found)
        return room - len(found)
    return room


def _best(data: bytes, part: Part, room: int) -> str:
    """The first alternative that says at least half of what the longest says."""
    said: list[str] = []
    for child in part.children[:10]:
        out: list[str] = []
        _gather(data, child, out, room)
        said.append("\n".join(out))
    longest = max(map(len, said))
    return next(each for each in said if len(each) * 2 >= longest)


def _text_of(data: bytes, part: Part) -> str:
    if (
        part.subtype not in ("plain", "html", "enriched", "richtext", "markdown", "x-markdown")
        and not part.is_multipart
    ):
        return ""
    body = data[part.body_start : min(part.body_end, part.body_start + MAX_ENCODED)]
    if not part.is_multipart:
        body = decode.transfer(body, part.encoding)
    found = decode.text(body, parameters.get(part.params, "charset") if part.params else None)
    return strip_html(found) if part.subtype in ("html", "enriched", "richtext") else _tidy(found)


def _tidy(found: str) -> str:
    lines = [" ".join(line.split()) for line in found.splitlines()]
    return "\n".join(filter(None, lines))


def _is_attached(part: Part, root: Part) -> bool:
    if part.is_multipart or part.subtype in _SIGNATURES:
        return False
    if part.disposition == "attachment":
        return True
    if part.type == "text":
        return part.disposition != "inline" and filename(part) is not None
    if part.type == "message":
        return part is not root and part.subtype in ("rfc822", "global")
    if part.content_id is not None and part.type == "image":
        return False
    return part.disposition != "inline" or filename(part) is not None
