"""What a write promises: all of it or nothing, alone even in company, and known to nobody before its commit."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from holdfast.clock import HandClock
from holdfast.errors import Conflict, Invalid, NotFound, OverQuota, Unavailable
from holdfast.ids import AccountId, ObjectId
from holdfast.kernel import accounts, changes
from holdfast.kernel.cell import Cell
from holdfast.kernel.database import Database
from holdfast.kernel.transaction import ReadTx, Tx

from .things import HEAP, THING, add, add_account, all_of, notes, open_cell, open_engine, remove, rename, things

PROCESS = Path(__file__).parent / "many_writes.py"
ROOT = PROCESS.parent.parent.parent


def test_what_was_written_is_there_for_the_next_reader(cell: Cell, account: AccountId) -> None:
    [id_] = cell.write_now(add, account, "one")
    assert cell.read_now(all_of, account) == {id_: "one"}


def test_a_write_that_raises_leaves_nothing(cell: Cell, account: AccountId) -> None:
    before = cell.read_now(accounts.get, account)

    def half(tx: Tx) -> None:
        add(tx, account, "one")
        tx.execute(insert(notes).values(text="one"))
        raise Invalid("thing", "two")

    with pytest.raises(Invalid):
        cell.write_now(half)
    assert cell.read_now(all_of, account) == {}
    assert cell.read_now(accounts.get, account) == before


async def in_one_batch(cell: Cell, *writes: Callable[[Tx], object]) -> list[object]:
    """Let writes wait for each other, so that one commit settles them; answers results and errors."""
    held, go = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hold(tx: Tx) -> None:
        loop.call_soon_threadsafe(held.set)
        asyncio.run_coroutine_threadsafe(go.wait(), loop).result()

    holding = asyncio.ensure_future(cell.write(hold))
    await held.wait()
    waiting = [asyncio.ensure_future(cell.write(write)) for write in writes]
    await asyncio.sleep(0)
    go.set()
    await holding
    return list(await asyncio.gather(*waiting, return_exceptions=True))


def test_in_a_batch_each_write_fails_alone(cell: Cell, account: AccountId) -> None:
    def refuse(tx: Tx) -> None:
        add(tx, account, "refused")
        raise Conflict("thing", "refused")

    def twice(tx: Tx) -> None:
        add(tx, account, "one")  # its name is taken by the write before

    async def run() -> list[object]:
        return await in_one_batch(
            cell,
            lambda tx: add(tx, account, "one"),
            refuse,
            twice,
            lambda tx: tx.execute(text("SELECT nonsense")),
            lambda tx: add(tx, account, "two"),
        )

    one, refused, taken, wrong, two = asyncio.run(run())
    assert isinstance(refused, Conflict)
    assert isinstance(taken, IntegrityError), "a statement that breaks a rule is a bug of the caller, not a refusal"
    assert isinstance(wrong, Exception)
    assert sorted(cell.read_now(all_of, account).values()) == ["one", "two"]
    assert isinstance(one, list) and isinstance(two, list)
    log = cell.read_now(changes.since, account, "Thing", 0)
    assert log.created == [*one, *two]
    assert cell.read_now(accounts.get, account).modseq == 2, "writes that failed take no place in the account's order"


def test_writes_that_wait_share_a_commit(cell: Cell, account: AccountId) -> None:
    from holdfast.kernel.cell import COMMITS

    def commits() -> float:
        return COMMITS._value.get()  # type: ignore[no-any-return]

    before = commits()

    async def run() -> None:
        await in_one_batch(cell, *[lambda tx, n=n: add(tx, account, f"thing {n}") for n in range(100)])

    asyncio.run(run())
    assert commits() == before + 2
    assert len(cell.read_now(all_of, account)) == 100


def test_a_waiter_that_left_stops_nobody(cell: Cell, account: AccountId) -> None:
    async def run() -> None:
        task = asyncio.get_running_loop().create_task(cell.write(add, account, "left"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await cell.write(add, account, "stayed")

    asyncio.run(run())
    assert "stayed" in cell.read_now(all_of, account).values()


def test_a_reader_sees_one_moment(cell: Cell, account: AccountId) -> None:
    def read_around_a_write(tx: ReadTx) -> tuple[object, object]:
        before = all_of(tx, account)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(cell.write_now, add, account, "meanwhile").result()
        return before, all_of(tx, account)

    before, after = cell.read_now(read_around_a_write)
    assert before == after == {}
    assert list(cell.read_now(all_of, account).values()) == ["meanwhile"]


def test_a_reader_cannot_write(cell: Cell, account: AccountId) -> None:
    with pytest.raises(Unavailable):
        cell.read_now(lambda tx: tx.execute(insert(notes).values(text="x")))


def test_reading_from_many_threads(cell: Cell, account: AccountId) -> None:
    cell.write_now(add, account, "one")

    async def run() -> list[dict[ObjectId, str]]:
        return await asyncio.gather(*(cell.read(all_of, account) for _ in range(20)))

    assert {tuple(found.values()) for found in asyncio.run(run())} == {("one",)}


def test_rows_of_a_type_are_not_written_behind_the_kernels_back(cell: Cell, account: AccountId) -> None:
    for statement in (
        things.insert(),
        things.update().values(name="x"),
        things.delete(),
        cell.database.insert_once(things),
    ):
        with pytest.raises(TypeError):
            cell.write_now(lambda tx, statement=statement: tx.execute(statement))


def test_objects_of_nobody_are_refused(cell: Cell) -> None:
    with pytest.raises(NotFound):
        cell.write_now(add, AccountId(4711), "one")


def test_ids_rise_and_are_never_used_again(cell: Cell, account: AccountId) -> None:
    first = cell.write_now(add, account, "one", "two")
    cell.write_now(remove, account, *first)
    assert min(cell.write_now(add, account, "three")) > max(first)


def test_many_ids_at_once(cell: Cell, account: AccountId) -> None:
    ids = cell.write_now(add, account, *(f"thing {n}" for n in range(1500)))
    odd = [id_ for id_ in ids if id_ % 2]
    cell.write_now(remove, account, *odd)
    assert list(cell.read_now(all_of, account)) == [id_ for id_ in ids if not id_ % 2]


def test_a_closed_account_is_gone_with_all_that_the_kernel_kept(
    cell: Cell, account: AccountId, other: AccountId
) -> None:
    ids = cell.write_now(add, other, "one")

    def close(tx: Tx) -> None:
        remove(tx, other, *ids)
        accounts.close_account(tx, other)

    cell.write_now(close)
    assert cell.read_now(changes.state, other) == 0
    assert cell.read_now(changes.since, other, "Thing", 0).created == []
    with pytest.raises(NotFound):
        cell.write_now(add, other, "two")
    assert cell.write_now(add_account, "carol@example.org") > other


# -- one account, one order ---------------------------------------------------------------------------------------


def test_every_write_takes_the_next_modseq_once(cell: Cell, account: AccountId) -> None:
    def busy(tx: Tx) -> None:
        [one, two] = add(tx, account, "one", "two")
        rename(tx, account, one, "three")
        remove(tx, account, two)
        tx.note(HEAP, account, updated=[one])

    cell.write_now(busy)
    assert cell.read_now(changes.state, account) == 1


def test_a_write_that_only_looks_takes_no_modseq(cell: Cell, account: AccountId) -> None:
    cell.write_now(all_of, account)
    assert cell.read_now(changes.state, account) == 0


def test_an_account_has_one_order_under_many_writers(
    cell: Cell, account: AccountId, other: AccountId, engine: str, folder: Path
) -> None:
    def write(number: int) -> list[tuple[AccountId, int]]:
        seen = []
        for turn in range(25):
            mine = (account, other)[(number + turn) % 2]

            def run(tx: Tx, mine: AccountId = mine, name: str = f"{number}/{turn}") -> int:
                add(tx, mine, name)
                return tx.modseq(mine)

            seen.append((mine, cell.write_now(run)))
        return seen

    async def processes() -> list[tuple[int, str]]:
        started = [
            await asyncio.create_subprocess_exec(
                sys.executable,
                str(PROCESS),
                engine,
                str(folder),
                f"p{number}",
                str(account),
                str(other),
                "50",
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
            for number in range(2)
        ]
        return [
            (int(line.split()[0]), int(line.split()[1]))
            for process in started
            for line in (await process.communicate())[0].decode().splitlines()
        ]

    with ThreadPoolExecutor(9) as pool:
        elsewhere = pool.submit(asyncio.run, processes())
        taken = [pair for some in pool.map(write, range(8)) for pair in some]
    taken += [(AccountId(account_), modseq) for account_, modseq in elsewhere.result()]
    assert len(taken) == 8 * 25 + 2 * 50
    for mine in (account, other):
        numbers = sorted(modseq for account_, modseq in taken if account_ == mine)
        assert numbers == list(range(1, len(numbers) + 1)), "each number once, none left out"
        log = cell.read_now(changes.since, mine, "Thing", 0)
        assert set(log.created) == set(cell.read_now(all_of, mine))


# -- quota, once --------------------------------------------------------------------------------------------------


def test_a_quota_is_kept_to_the_byte_and_the_object(cell: Cell) -> None:
    small = cell.write_now(add_account, "small@example.org", 100, 2)
    cell.write_now(lambda tx: tx.use(small, 100, 1))
    with pytest.raises(OverQuota):
        cell.write_now(lambda tx: tx.use(small, 1, 0))
    cell.write_now(lambda tx: tx.use(small, -50, 1))
    with pytest.raises(OverQuota):
        cell.write_now(lambda tx: tx.use(small, 0, 1))
    cell.write_now(lambda tx: tx.use(small, 500, 5, limited=False))
    cell.write_now(lambda tx: tx.use(small, -10, 0))  # giving room back is right even above the limit
    used = cell.read_now(accounts.get, small)
    assert (used.used_bytes, used.used_objects) == (540, 7)


def test_a_refused_use_counts_nothing(cell: Cell) -> None:
    small = cell.write_now(add_account, "small@example.org", 100, None)

    def try_twice(tx: Tx) -> None:
        with pytest.raises(OverQuota):
            tx.use(small, 101, 1)
        tx.use(small, 99, 1)

    cell.write_now(try_twice)
    used = cell.read_now(accounts.get, small)
    assert (used.used_bytes, used.used_objects) == (99, 1)


def test_a_key_is_claimed_once(cell: Cell, account: AccountId, other: AccountId) -> None:
    def claim(tx: Tx, mine: AccountId, object_id: int, scope: str = "delivery") -> ObjectId | None:
        return tx.once(mine, scope, "key", ObjectId(object_id))

    assert cell.write_now(claim, account, 1) is None
    assert cell.write_now(claim, account, 2) == 1
    assert cell.write_now(claim, other, 3) is None
    assert cell.write_now(claim, account, 4, "other scope") is None

    def claim_and_fail(tx: Tx) -> None:
        tx.once(account, "delivery", "other key", ObjectId(5))
        raise Invalid("thing")

    with pytest.raises(Invalid):
        cell.write_now(claim_and_fail)
    assert cell.write_now(lambda tx: tx.once(account, "delivery", "other key", ObjectId(6))) is None


# -- the end ------------------------------------------------------------------------------------------------------


def test_closing_finishes_what_was_queued(database: Database, engine: str, folder: Path, clock: HandClock) -> None:
    first = open_cell(database, folder, clock)
    account = first.write_now(add_account, "alice@example.org")

    async def run() -> None:
        waiting = [asyncio.ensure_future(first.write(add, account, f"thing {n}")) for n in range(50)]
        await asyncio.sleep(0)
        await asyncio.to_thread(first.close)
        await asyncio.gather(*waiting)

    asyncio.run(run())
    with pytest.raises(Unavailable):
        first.write_now(add, account, "late")
    second = open_cell(open_engine(engine, folder), folder, clock)
    assert len(second.read_now(all_of, account)) == 50
    second.close()


def test_select_is_there(cell: Cell) -> None:
    assert cell.read_now(lambda tx: tx.execute(select(1)).scalar()) == 1


def test_an_account_without_type_changes_has_no_type_state(cell: Cell, account: AccountId) -> None:
    cell.write_now(add, account, "one")
    assert cell.read_now(changes.type_state, account, THING.name) == 1
    assert cell.read_now(changes.type_state, account, HEAP.name) == 0
