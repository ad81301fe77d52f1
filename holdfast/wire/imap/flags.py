"""What STORE makes of flags, and so which of its outcomes the client knows without being told.

Flags are compared in any case; a client that asked for silence is still told of what others changed meanwhile.
RFC 3501 §6.4.6, RFC 7162 §3.1.3.
"""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.wire.imap.commands import Store
from holdfast.wire.imap.picture import Snapshot, index_of


def after(flags: bytes, store: Store) -> frozenset[bytes]:
    """Flags, in lower case, as STORE leaves them."""
    given = frozenset(flag.lower() for flag in store.flags)
    match store.mode:
        case "=":
            return given
        case "+":
            return _set(flags) | given
        case "-":
            return _set(flags) - given


def silent_for(store: Store, before: Snapshot, now: Snapshot, uids: Iterable[int]) -> set[int]:
    """Those of some UIDs whose flags are now what a client who believed before expects of its silent STORE."""
    if not store.silent:
        return set()
    expected: dict[bytes, frozenset[bytes]] = {}
    known: set[int] = set()
    for uid in uids:
        was, at = index_of(before.uids, uid), index_of(now.uids, uid)
        if was is None or at is None:
            continue
        flags = before.flags[was]
        if flags not in expected:
            expected[flags] = after(flags, store)
        if _set(now.flags[at]) == expected[flags]:
            known.add(uid)
    return known


def _set(flags: bytes) -> frozenset[bytes]:
    return frozenset(flags.lower().split())
