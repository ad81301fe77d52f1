"""What SEARCH answers, once it is known which messages match. RFC 3501 §7.2.5, RFC 4731 §3, RFC 7162 §3.1.5."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.wire.imap import respond
from holdfast.wire.imap.commands import Search
from holdfast.wire.imap.picture import Snapshot
from holdfast.wire.imap.search import Return, needs_modseq


def answer(tag: bytes, command: Search, picture: Snapshot, found: Sequence[int]) -> bytes:
    """The untagged response for found, rising indices; b"" if nothing but SAVE was asked for."""
    numbers = [picture.uids[at] for at in found] if command.uid else [at + 1 for at in found]
    with_modseq = bool(found) and needs_modseq(command.key)
    if command.returns is None:
        return respond.searched(numbers, _highest(picture, found) if with_modseq else None)
    returns = command.returns or (Return.ALL,)
    if returns == (Return.SAVE,):
        return b""
    told = _told(found, returns)
    return respond.esearched(
        tag,
        uid=command.uid,
        least=numbers[0] if numbers and Return.MIN in returns else None,
        most=numbers[-1] if numbers and Return.MAX in returns else None,
        every=numbers if Return.ALL in returns else None,
        count=len(numbers) if Return.COUNT in returns else None,
        modseq=_highest(picture, told) if with_modseq else None,
    )


def saved(command: Search, picture: Snapshot, found: Sequence[int]) -> list[int] | None:
    """The UIDs that "$" is from now on; None if SAVE was not asked for. RFC 5182 §2.1, §2.4."""
    if command.returns is None or Return.SAVE not in command.returns:
        return None
    return [picture.uids[at] for at in _told(found, command.returns)]


def _told(found: Sequence[int], returns: Sequence[Return]) -> Sequence[int]:
    """With MIN or MAX and neither ALL nor COUNT, only these messages count."""
    ends = {Return.MIN: found[:1], Return.MAX: found[-1:]}
    if not found or Return.ALL in returns or Return.COUNT in returns or not any(end in returns for end in ends):
        return found
    return sorted({at for end in ends if end in returns for at in ends[end]})


def _highest(picture: Snapshot, found: Sequence[int]) -> int:
    return max(picture.modseqs[at] for at in found)
