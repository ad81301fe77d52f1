"""Entries: flags, copies, moves and expunges keep every count, every UID and the change log right."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.errors import OverQuota
from holdfast.ids import AccountId, ModSeq
from holdfast.kernel import accounts, changes
from holdfast.kernel.cell import Cell
from holdfast.kernel.transaction import Tx
from holdfast.services.mail import entries, filing, mailboxes
from holdfast.services.mail.entries import KeywordChange
from holdfast.services.mail.filing import Message, NewEmail

Make = Callable[..., Message]


def inbox(cell: Cell, account: AccountId) -> mailboxes.Mailbox:
    return cell.read_now(mailboxes.by_role, account, "inbox")


def file(cell: Cell, account: AccountId, messages: list[Message]) -> list[int]:
    box = inbox(cell, account).id
    new = [NewEmail(message=message, mailbox=box, received_at=1000) for message in messages]
    return [added.uid for added in cell.write_now(filing.add, account, new)]


def test_filed_emails_have_rising_uids_and_are_counted(cell: Cell, alice: AccountId, message: Make) -> None:
    assert file(cell, alice, [message("a"), message("b")]) == [1, 2]
    assert file(cell, alice, [message("c")]) == [3]
    box = inbox(cell, alice)
    assert (box.total, box.unread) == (3, 3)


def test_messages_that_share_an_id_and_a_subject_are_one_thread(cell: Cell, alice: AccountId, message: Make) -> None:
    box = inbox(cell, alice).id
    made = [message("Plan", f"{n}", refs=refs) for n, refs in enumerate([(1,), (2, 1), (3, 2), (9,)])]
    new = [NewEmail(message=one, mailbox=box, received_at=0) for one in made]
    added = cell.write_now(filing.add, alice, new[:2]) + cell.write_now(filing.add, alice, new[2:])
    threads = [one.thread for one in added]
    assert threads[0] == threads[1] == threads[2] != threads[3]


def test_a_flag_changes_the_unread_count_and_the_modseq(cell: Cell, alice: AccountId, message: Make) -> None:
    file(cell, alice, [message(str(n)) for n in range(5)])
    box = inbox(cell, alice)
    before = cell.read_now(changes.state, alice)
    seen = KeywordChange(add=frozenset({"$seen"}))
    stored = cell.write_now(entries.set_keywords, alice, box.id, [1, 3, 99], seen)
    assert stored.changed == [1, 3]
    assert stored.modseq == before + 1
    assert inbox(cell, alice).unread == 3
    again = cell.write_now(entries.set_keywords, alice, box.id, [1], seen)
    assert again.changed == []
    late = KeywordChange(remove=frozenset({"$seen"}))
    refused = cell.write_now(entries.set_keywords, alice, box.id, [1, 2], late, unchanged_since=ModSeq(before))
    assert refused.unchanged_since_failed == [1]


def test_a_copy_has_flags_of_its_own(cell: Cell, alice: AccountId, message: Make) -> None:
    file(cell, alice, [message("a")])
    box = inbox(cell, alice)
    archive = cell.read_now(mailboxes.by_role, alice, "archive")
    copied = cell.write_now(entries.copy, alice, box.id, [1], archive.id)
    assert (copied.uid_validity, copied.source_uids, copied.target_uids) == (archive.uid_validity, [1], [1])
    cell.write_now(entries.set_keywords, alice, archive.id, [1], KeywordChange(add=frozenset({"$seen"}), deleted=True))
    assert inbox(cell, alice).unread == 1
    assert cell.write_now(entries.expunge, alice, archive.id, None) == [1]
    assert inbox(cell, alice).total == 1


def test_a_move_keeps_the_email(cell: Cell, alice: AccountId, message: Make) -> None:
    file(cell, alice, [message("a"), message("b")])
    archive = cell.read_now(mailboxes.by_role, alice, "archive")
    state = cell.read_now(changes.state, alice)
    moved = cell.write_now(entries.move, alice, inbox(cell, alice).id, [2], archive.id)
    assert moved.target_uids == [1]
    news = cell.read_now(changes.since, alice, "Email", state)
    assert (len(news.updated), news.created, news.destroyed) == (1, [], [])


def test_a_full_account_takes_nothing(cell: Cell, alice: AccountId, message: Make) -> None:
    def limit(tx: Tx) -> None:
        accounts.set_quota(tx, alice, None, 2)

    cell.write_now(limit)
    with pytest.raises(OverQuota):
        file(cell, alice, [message(str(n)) for n in range(3)])
    assert inbox(cell, alice).total == 0
    assert file(cell, alice, [message("a"), message("b")]) == [1, 2]


ACTS = st.lists(
    st.tuples(st.sampled_from(["file", "seen", "unseen", "delete", "copy", "move", "expunge"]), st.integers(1, 12)),
    max_size=25,
)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_random_acts_leave_every_invariant_whole(cell: Cell, message: Make, acts: list[tuple[str, int]]) -> None:
    """The cell fixture verifies in the end; here the counts of each example are compared as well."""

    def open_one(tx: Tx) -> AccountId:
        from holdfast.ids import OrganisationId  # local: used once

        account = accounts.open_account(tx, OrganisationId(1), "person", f"p{tx.new_ids(alice_, 1)[0]}@example.org")
        mailboxes.provide(tx, account)
        return account

    alice_ = cell.write_now(_anyone)
    account = cell.write_now(open_one)
    box = inbox(cell, account).id
    other = cell.read_now(mailboxes.by_role, account, "archive").id
    for act, n in acts:
        some = [n, n + 1, n + 5]
        match act:
            case "file":
                file(cell, account, [message(f"{n}", refs=(n,))])
            case "seen":
                cell.write_now(entries.set_keywords, account, box, some, KeywordChange(add=frozenset({"$seen"})))
            case "unseen":
                cell.write_now(entries.set_keywords, account, box, some, KeywordChange(replace=frozenset({"x"})))
            case "delete":
                cell.write_now(entries.set_keywords, account, box, some, KeywordChange(deleted=True))
            case "copy":
                cell.write_now(entries.copy, account, box, some, other if n % 2 else box)
            case "move":
                cell.write_now(entries.move, account, box, some, other)
            case "expunge":
                cell.write_now(entries.expunge, account, box, None)
    assert inbox(cell, account).total == cell.read_now(entries.count_of, account, box)


def _anyone(tx: Tx) -> AccountId:
    from sqlalchemy import select

    from holdfast.kernel.schema import accounts as table

    known = tx.execute(select(table.c.id).where(table.c.name == "counter@example.org")).scalar()
    if known is not None:
        return AccountId(known)
    from holdfast.ids import OrganisationId

    account = accounts.open_account(tx, OrganisationId(1), "person", "counter@example.org")
    mailboxes.provide(tx, account)
    return account
