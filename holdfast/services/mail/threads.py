"""Threads: which conversation an email belongs to, decided once, when it is filed.

Two emails are of one thread if they share a message id (own, In-Reply-To or References) and their base subject; that is
the algorithm RFC 8621 §3 recommends. A thread id never changes afterwards (§4.1.1), so two threads which a late message
connects stay two; threads are sets and know no order among them, so they cannot form a cycle.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from sqlalchemy import bindparam, select

from holdfast.ids import AccountId, ObjectId
from holdfast.kernel.transaction import Tx
from holdfast.services.mail.tables import thread_refs

MOST_REFS = 100
"""Message ids of one email that are looked at: the newest ones."""

_FIND = select(thread_refs.c.ref, thread_refs.c.thread_id).where(
    thread_refs.c.account_id == bindparam("account"), thread_refs.c.ref.in_(bindparam("refs", expanding=True))
)


def refs_of(message_ids: Sequence[str], base_subject: str) -> list[int]:
    """What is remembered of an email's message ids: 63-bit hashes, the own id first."""
    subject = blake2b(base_subject.encode("utf-8", "surrogateescape"), digest_size=16).digest()
    return list(dict.fromkeys(_hash(id_, subject) for id_ in message_ids[:MOST_REFS]))


def _hash(message_id: str, key: bytes) -> int:
    digest = blake2b(message_id.encode("utf-8", "surrogateescape"), digest_size=8, key=key).digest()
    return int.from_bytes(digest, "big") >> 1


def assign(tx: Tx, account: AccountId, refs: Sequence[Sequence[int]]) -> tuple[list[ObjectId], set[ObjectId]]:
    """Find or open the thread of each email of a batch, in order; answers the threads and which of them are new."""
    wanted = sorted({ref for some in refs for ref in some})
    known: dict[int, int] = {}
    for start in range(0, len(wanted), 500):
        rows = tx.execute(_FIND, {"account": account, "refs": wanted[start : start + 500]})
        known.update((row.ref, row.thread_id) for row in rows)
    threads: list[ObjectId] = []
    opened: set[ObjectId] = set()
    remembered: list[dict[str, object]] = []
    for some in refs:
        thread = next((known[ref] for ref in some if ref in known), None)
        if thread is None:
            thread = tx.new_id(account)
            opened.add(thread)
        for ref in some:
            if ref not in known:
                known[ref] = thread
                remembered.append({"account_id": account, "ref": ref, "thread_id": thread})
        threads.append(ObjectId(thread))
    if remembered:
        tx.execute(tx.database.insert_once(thread_refs), remembered)
    return threads, opened
