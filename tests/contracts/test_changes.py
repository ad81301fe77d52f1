"""The change log: a client that was away learns exactly what it missed. RFC 8620 §5.2."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.ids import AccountId, ModSeq, ObjectId
from holdfast.kernel import changes
from holdfast.kernel.cell import Cell
from holdfast.kernel.transaction import Tx

from .things import HEAP, add, all_of, remove, rename, some_of

ZERO = ModSeq(0)


def since(cell: Cell, account: AccountId, modseq: ModSeq = ZERO, limit: int = 10_000) -> changes.Changes:
    return cell.read_now(changes.since, account, "Thing", modseq, limit)


def test_each_object_is_named_once_by_what_became_of_it(cell: Cell, account: AccountId) -> None:
    kept, changed, gone = cell.write_now(add, account, "kept", "changed", "gone")
    here = cell.read_now(changes.state, account)
    cell.write_now(rename, account, changed, "changed 1")
    cell.write_now(rename, account, changed, "changed 2")
    cell.write_now(rename, account, gone, "gone 1")
    cell.write_now(remove, account, gone)
    [new] = cell.write_now(add, account, "new")
    cell.write_now(rename, account, new, "new 1")
    told = since(cell, account, here)
    assert (told.created, told.updated, told.destroyed) == ([new], [changed], [gone])
    assert told.until == cell.read_now(changes.state, account)
    assert not told.more
    assert kept in since(cell, account).created


def test_what_came_and_went_is_not_named(cell: Cell, account: AccountId) -> None:
    [brief] = cell.write_now(add, account, "brief")
    cell.write_now(rename, account, brief, "brief 1")
    cell.write_now(remove, account, brief)

    def within_one_write(tx: Tx) -> None:
        remove(tx, account, *add(tx, account, "briefer"))

    cell.write_now(within_one_write)
    told = since(cell, account)
    assert (told.created, told.updated, told.destroyed) == ([], [], [])


def test_nothing_new_is_nothing(cell: Cell, account: AccountId) -> None:
    cell.write_now(add, account, "one")
    here = cell.read_now(changes.state, account)
    told = since(cell, account, here)
    assert (told.created, told.until, told.more) == ([], here, False)


def test_types_and_accounts_do_not_mix(cell: Cell, account: AccountId, other: AccountId) -> None:
    [one] = cell.write_now(add, account, "one")
    [two] = cell.write_now(add, other, "two")
    cell.write_now(lambda tx: tx.note(HEAP, account, created=[ObjectId(99)]))
    assert since(cell, account).created == [one]
    assert since(cell, other).created == [two]
    assert cell.read_now(changes.since, account, "Heap", ZERO).created == [99]


def test_a_limit_never_cuts_a_commit_in_two(cell: Cell, account: AccountId) -> None:
    sizes = (2, 3, 1, 7, 1)
    written = [cell.write_now(add, account, *(f"{n}/{i}" for i in range(size))) for n, size in enumerate(sizes)]
    position, pages = ZERO, []
    while True:
        page = since(cell, account, position, limit=4)
        pages.append(page.created)
        assert page.until > position or not page.more
        position = page.until
        if not page.more:
            break
    assert [id_ for page in pages for id_ in page] == [id_ for some in written for id_ in some]
    assert all(not page or any(page[-1] == some[-1] for some in written) for page in pages)
    assert max(len(page) for page in pages) == 7, "one commit that is larger than the limit comes in one piece"


ACTS = st.lists(
    st.lists(st.tuples(st.sampled_from(("add", "rename", "remove")), st.integers(0, 30)), min_size=1, max_size=5),
    min_size=1,
    max_size=15,
)


def act(tx: Tx, account: AccountId, acts: list[tuple[str, int]], fresh: str) -> None:
    for number, (what, which) in enumerate(acts):
        there = list(all_of(tx, account))
        chosen = there[which % len(there)] if there else None
        if what == "add" or chosen is None:
            add(tx, account, f"{fresh}/{number}")
        elif what == "rename":
            rename(tx, account, chosen, f"{fresh}/{number}")
        else:
            remove(tx, account, chosen)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes=ACTS, limit=st.integers(1, 6), stops=st.sets(st.integers(0, 15)))
def test_a_copy_that_applies_changes_ends_equal(
    cell: Cell, account: AccountId, writes: list[list[tuple[str, int]]], limit: int, stops: set[int]
) -> None:
    position = cell.read_now(changes.state, account)
    copy = dict(cell.read_now(all_of, account))

    def catch_up() -> None:
        nonlocal position
        while True:
            told = since(cell, account, position, limit)
            assert not (set(told.created) & set(copy)) and set(told.destroyed) <= set(copy)
            for id_ in told.destroyed:
                del copy[id_]
            wanted = [*told.created, *told.updated]
            now = cell.read_now(some_of, account, wanted)
            # What is named and not there any more is destroyed in a later page.
            copy.update({id_: now.get(id_, "gone") for id_ in wanted})
            position = told.until
            if not told.more:
                return

    for number, acts in enumerate(writes):
        cell.write_now(act, account, acts, f"{position}/{number}")
        if number in stops:
            catch_up()
    catch_up()
    assert copy == cell.read_now(all_of, account)
