"""Durable jobs: work to be done later, committed in the same transaction as its cause.

A job is claimed under a lease. Whoever claims it and dies loses it when the lease ends, and another runs it again; so
what a job does must be harmless when done twice (Tx.once). A wake-up is a hint, the scan over (due, id) is the truth.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import case, delete, func, select, update

from holdfast.ids import AccountId
from holdfast.kernel.schema import jobs
from holdfast.kernel.transaction import ReadTx, Tx

LEASE_S = 60


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Claimed work. attempts counts this one."""

    id: int
    account_id: AccountId
    kind: str
    key: str
    due_at: int
    attempts: int
    payload: bytes


def enqueue(
    tx: Tx, kind: str, account: AccountId, key: str, payload: bytes = b"", *, due_at: int | None = None
) -> bool:
    """Leave work to be done at due_at (default: at once). False: the same work is waiting already."""
    row = {
        "account_id": account,
        "kind": kind,
        "key": key,
        "payload": payload,
        "due_at": tx.now_ms if due_at is None else due_at,
    }
    return bool(tx.execute(tx.database.insert_once(jobs), row).rowcount)


def claim(tx: Tx, kinds: Sequence[str], owner: str, limit: int = 10) -> list[Job]:
    """Take due work of some kinds for LEASE_S seconds, the longest due first."""
    free = (jobs.c.kind.in_(kinds), jobs.c.due_at <= tx.now_ms, jobs.c.lease_until <= tx.now_ms)
    ids = list(tx.execute(select(jobs.c.id).where(*free).order_by(jobs.c.due_at, jobs.c.id).limit(limit)).scalars())
    if not ids:
        return []
    taken = {"lease_until": tx.now_ms + LEASE_S * 1000, "owner": owner, "attempts": jobs.c.attempts + 1}
    tx.execute(update(jobs).where(jobs.c.id.in_(ids)).values(**taken))
    rows = tx.execute(select(*_COLUMNS).where(jobs.c.id.in_(ids)).order_by(jobs.c.due_at, jobs.c.id))
    return [Job(**row._mapping) for row in rows]


def finish(tx: Tx, job: Job, owner: str) -> bool:
    """Done: the job is gone. False: the lease was lost meanwhile, and somebody else has it."""
    return bool(tx.execute(delete(jobs).where(jobs.c.id == job.id, jobs.c.owner == owner)).rowcount)


def retry(tx: Tx, job: Job, owner: str, *, due_at: int, error: str) -> None:
    """Not done: try again at due_at."""
    again = {"due_at": due_at, "lease_until": 0, "owner": "", "error": error}
    tx.execute(update(jobs).where(jobs.c.id == job.id, jobs.c.owner == owner).values(**again))


def next_due(tx: ReadTx, kinds: Sequence[str]) -> int | None:
    """When the next job of some kinds is due, or its lease ends; None if there is none."""
    free_at = case((jobs.c.due_at > jobs.c.lease_until, jobs.c.due_at), else_=jobs.c.lease_until)
    due = select(func.min(free_at)).where(jobs.c.kind.in_(kinds))
    return tx.execute(due).scalar()


def waiting(tx: ReadTx, account: AccountId | None = None, limit: int = 100) -> list[Job]:
    """Work that waits, the longest due first."""
    query = select(*_COLUMNS).order_by(jobs.c.due_at, jobs.c.id).limit(limit)
    if account is not None:
        query = query.where(jobs.c.account_id == account)
    return [Job(**row._mapping) for row in tx.execute(query)]


_COLUMNS = [jobs.c[name] for name in Job.__struct_fields__]
