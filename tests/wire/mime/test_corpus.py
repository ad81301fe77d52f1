"""The corpus, read by us and by Python's email package: every difference is one that we chose, with its reason."""

from __future__ import annotations

import email
import email.message
from pathlib import Path

import msgspec
import pytest
from holdfast.wire.mime import decode, structure
from holdfast.wire.mime.parse import parse
from holdfast.wire.mime.structure import Part

CORPUS = Path("/work/shared/corpus")
MESSAGES = sorted(CORPUS.glob("*/*"))

REPORT = "reports are a block of fields; Python makes messages of its paragraphs"
SEALED = (
    "an encoded message/rfc822 is forbidden (RFC 2046 §5.2.1); we leave it closed, Python reads the base64 as a message"
)
FOLDED = "the boundary is folded; we unfold it as RFC 5322 §2.2.3 says, Python finds no part"
DOUBLED = "two delimiters in a row; to us an empty part stands between them, Python passes over it"
TREES = {
    "james/mdn_complex.eml": REPORT,
    "james/mdn_simple.eml": REPORT,
    "mime4j/bad-newlines-multiple-parts-base64.msg": SEALED,
    "mime4j/base64encoded-rfc822message-nested.msg": SEALED,
    "mime4j/base64encoded-rfc822message.msg": SEALED,
    "mimetools/2002_06_12_doublebound.msg": DOUBLED,
    "mimetools/double-bound.msg": DOUBLED,
    "mimetools/multi-2gifs-base64.msg": SEALED,
    "mimetools/multi-badnames.msg": FOLDED,
    "mimetools/multi-clen.msg": FOLDED,
    "mimetools/multi-digest.msg": FOLDED,
    "mimetools/multi-simple.msg": FOLDED,
}
JUNK = (
    "a line that is no field does not end our header, or fields after it (Content-Type) would be lost; it ends Python's"
)
UNENDED = "the last delimiter is missing; Python takes a line end away, we take only those that a delimiter follows"
NO_PARTS = "no delimiter of the multipart was found; we keep its whole body, Python what it thinks is the preamble"
SPACED = "spaces after Content-Transfer-Encoding; we decode, Python does not know the name"
TRAILING = "white space between the boundary and the last two dashes; we take it as the last delimiter, Python as text"
ENDED = "the multipart ends at once and the part in it is empty; Python puts the epilogue into it"
PAYLOADS = {
    "james/inlined-single-attachment.eml": UNENDED,
    "james/invalid.eml": JUNK,
    "james/mdn_relate_original_message.eml": JUNK,
    "mime4j/ending-boundaries.msg": NO_PARTS,
    "mime4j/malformedHeader-nocrlfcrlf.msg": JUNK,
    "mime4j/missing-inner-boundary.msg": NO_PARTS,
    "mime4j/missing-inner-start-boundary.msg": NO_PARTS,
    "mime4j/multipartemptypart.msg": ENDED,
    "mime4j/multipartnopart.msg": NO_PARTS,
    "mime4j/obsolete.msg": "white space before the colon is old but allowed (RFC 5322 §4.5); Python's header ends there",
    "mime4j/very-long-boundary.msg": TRAILING,
    "mime4j/very-very-long-boundary.msg": TRAILING,
    "mime4j/weird-boundary.msg": TRAILING,
    "mimetools/jt-0498.msg": UNENDED,
    "mimetools/multi-bad.msg": NO_PARTS,
    "mimetools/twopart.msg": SPACED,
}


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def our_tree(part: Part) -> object:
    return (f"{part.type}/{part.subtype}", [our_tree(child) for child in part.children])


def their_tree(message: email.message.Message) -> object:
    children = message.get_payload() if message.is_multipart() else []
    return (message.get_content_type(), [their_tree(child) for child in children])


def our_leaves(data: bytes, part: Part) -> list[bytes]:
    leaves = [each for each in structure.walk(part) if not each.children]
    return [decode.transfer(data[leaf.body_start : leaf.body_end], leaf.encoding) for leaf in leaves]


def their_leaves(message: email.message.Message) -> list[bytes]:
    return [leaf.get_payload(decode=True) for leaf in message.walk() if not leaf.is_multipart()]


@pytest.mark.parametrize("path", MESSAGES, ids=name_of)
def test_the_tree_is_the_one_python_finds_or_differs_for_a_reason(path: Path) -> None:
    data = path.read_bytes()
    same = our_tree(structure.scan(data)) == their_tree(email.message_from_bytes(data))
    assert same != (name_of(path) in TREES)


@pytest.mark.parametrize("path", [path for path in MESSAGES if name_of(path) not in TREES], ids=name_of)
def test_the_decoded_parts_are_those_of_python_or_differ_for_a_reason(path: Path) -> None:
    data = path.read_bytes()
    ours = our_leaves(data, structure.scan(data))
    theirs = their_leaves(email.message_from_bytes(data))
    assert (ours == theirs) != (name_of(path) in PAYLOADS)


@pytest.mark.parametrize("path", MESSAGES, ids=name_of)
def test_every_corpus_message_is_read_without_a_bug(path: Path) -> None:
    parsed = parse(path.read_bytes())
    assert not [defect for defect in parsed.defects if defect.startswith("misread")]
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(parsed), type=type(parsed)) == parsed
