"""Durable jobs: committed with their cause, run by one worker at a time, run again when a worker dies."""

from __future__ import annotations

from datetime import timedelta

import pytest

from holdfast.clock import HandClock
from holdfast.errors import Invalid
from holdfast.ids import AccountId
from holdfast.kernel import jobs
from holdfast.kernel.cell import Cell
from holdfast.kernel.transaction import Tx

LEASE = timedelta(seconds=jobs.LEASE_S)


def test_a_job_and_its_cause_are_one_commit(cell: Cell, account: AccountId) -> None:
    def fail(tx: Tx) -> None:
        jobs.enqueue(tx, "send", account, "one")
        raise Invalid("thing")

    with pytest.raises(Invalid):
        cell.write_now(fail)
    assert cell.read_now(jobs.waiting) == []


def test_the_same_work_waits_once(cell: Cell, account: AccountId, other: AccountId) -> None:
    assert cell.write_now(jobs.enqueue, "send", account, "one")
    assert not cell.write_now(jobs.enqueue, "send", account, "one")
    assert cell.write_now(jobs.enqueue, "send", other, "one")
    assert cell.write_now(jobs.enqueue, "tell", account, "one")
    assert len(cell.read_now(jobs.waiting, account)) == 2


def test_a_claimed_job_is_nobody_elses_until_the_lease_ends(cell: Cell, account: AccountId, clock: HandClock) -> None:
    cell.write_now(jobs.enqueue, "send", account, "one", b"payload")
    [job] = cell.write_now(jobs.claim, ["send"], "first")
    assert (job.payload, job.attempts, job.account_id) == (b"payload", 1, account)
    assert cell.write_now(jobs.claim, ["send"], "second") == []
    clock.turn(LEASE - timedelta(milliseconds=1))
    assert cell.write_now(jobs.claim, ["send"], "second") == []
    clock.turn(timedelta(milliseconds=1))
    [again] = cell.write_now(jobs.claim, ["send"], "second")
    assert (again.id, again.attempts) == (job.id, 2)
    assert not cell.write_now(jobs.finish, job, "first"), "it lost its lease, and must know"
    assert cell.write_now(jobs.finish, again, "second")
    assert cell.read_now(jobs.waiting) == []


def test_the_longest_due_comes_first_and_the_future_not_at_all(
    cell: Cell, account: AccountId, clock: HandClock
) -> None:
    now = clock.now_ms()
    for key, due_at in (("late", now + 1000), ("second", now - 5), ("first", now - 10), ("third", now)):
        cell.write_now(jobs.enqueue, "send", account, key, due_at=due_at)
    assert cell.read_now(jobs.next_due, ["send"]) == now - 10
    assert [job.key for job in cell.write_now(jobs.claim, ["send"], "me", 2)] == ["first", "second"]
    assert [job.key for job in cell.write_now(jobs.claim, ["send", "tell"], "me", 9)] == ["third"]
    assert cell.read_now(jobs.next_due, ["send"]) == now + 1000
    assert cell.read_now(jobs.next_due, ["tell"]) is None


def test_a_job_that_failed_waits_for_its_next_time(cell: Cell, account: AccountId, clock: HandClock) -> None:
    cell.write_now(jobs.enqueue, "send", account, "one")
    [job] = cell.write_now(jobs.claim, ["send"], "me")
    cell.write_now(jobs.retry, job, "me", due_at=clock.now_ms() + 10_000, error="no answer")
    assert cell.write_now(jobs.claim, ["send"], "me") == []
    clock.turn(timedelta(seconds=10))
    [again] = cell.write_now(jobs.claim, ["send"], "me")
    assert again.attempts == 2


def test_a_number_is_never_used_again(cell: Cell, account: AccountId) -> None:
    cell.write_now(jobs.enqueue, "send", account, "one")
    [job] = cell.write_now(jobs.claim, ["send"], "me")
    cell.write_now(jobs.finish, job, "me")
    cell.write_now(jobs.enqueue, "send", account, "two")
    [next_] = cell.write_now(jobs.claim, ["send"], "me")
    assert next_.id != job.id
    assert not cell.write_now(jobs.finish, job, "me")
