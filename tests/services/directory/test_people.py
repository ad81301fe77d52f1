from __future__ import annotations

import pytest
from sqlalchemy import func, select

from holdfast.errors import Conflict, Invalid, NotFound
from holdfast.ids import AccountId, OrganisationId
from holdfast.kernel import accounts, changes, jobs, rights
from holdfast.kernel.cell import Cell
from holdfast.kernel.rights import Right
from holdfast.kernel.schema import metadata
from holdfast.kernel.transaction import ReadTx, Tx
from holdfast.services.directory import map, passwords, people, store
from holdfast.services.directory.passwords import Prepared


def quick(text: str, salt: bytes) -> Prepared:
    """What is kept of a password, for tests in which nobody verifies it."""
    return Prepared(
        kind="password", verifier=text, salt=salt, iterations=100_000, stored_key=b"s" * 32, server_key=b"k" * 32
    )


def rows_naming(tx: ReadTx, account: AccountId) -> dict[str, int]:
    """How many rows of each table name an account."""
    found = {}
    for table in metadata.sorted_tables:
        for column in table.c:
            if column.name in ("account_id", "person_id", "principal_id", "to_account") or (
                column is table.c.get("id") and table.name == "accounts"
            ):
                count = tx.execute(select(func.count()).select_from(table).where(column == account)).scalar_one()
                if count:
                    found[f"{table.name}.{column.name}"] = count
    return found


def test_the_demonstration_has_three_people_who_can_sign_in(cell: Cell) -> None:
    from holdfast.services.directory.signin import SignIn

    made = cell.write_now(people.make_demo)
    known = cell.read_now(map.load)
    assert [account.name for account in made] == ["alice@example.org", "bob@example.org", "carol@example.org"]
    for account in made:
        assert SignIn().check(known, account.name, account.password, 0).name == account.name
    assert [p.principal.name for p in known.people.values() if p.principal.administrator] == ["alice@example.org"]


def test_an_account_needs_a_domain_of_ours_and_a_free_address(cell: Cell, alice: AccountId) -> None:
    with pytest.raises(NotFound):
        cell.write_now(people.add_account, "dora@elsewhere.example")
    with pytest.raises(Conflict):
        cell.write_now(people.add_account, "ALICE@example.org")
    for nonsense in (
        "alice",
        "@example.org",
        "a b@example.org",
        "alice@",
        "a\x00@example.org",
        "a" * 65 + "@example.org",
    ):
        with pytest.raises(Invalid):
            cell.write_now(people.add_account, nonsense)


def test_a_domain_is_one_however_it_is_written(cell: Cell, organisation: OrganisationId) -> None:
    made = cell.write_now(people.add_domain, organisation, "Bücher.Example.")
    assert made.name == "xn--bcher-kva.example"
    with pytest.raises(Conflict):
        cell.write_now(people.add_domain, organisation, "xn--BCHER-kva.example")
    for nonsense in ("", "a..b", "-a.example", "a b.example", "x" * 64 + ".example"):
        with pytest.raises(Invalid):
            cell.write_now(people.add_domain, organisation, nonsense)


def test_a_domain_with_addresses_stays(cell: Cell, alice: AccountId) -> None:
    with pytest.raises(Conflict):
        cell.write_now(people.remove_domain, "example.org")


def test_a_deleted_account_leaves_no_row(cell: Cell, alice: AccountId, bob: AccountId) -> None:
    def live(tx: Tx) -> None:
        people.set_password(tx, bob, quick("x", people.salt_of(tx, bob)))
        people.add_alias(tx, "robert@example.org", [bob])
        people.add_alias(tx, "team@example.org", [alice, bob])
        people.set_catch_all(tx, "example.org", bob)
        rights.grant(tx, alice, bob, Right.READ)
        rights.grant(tx, bob, alice, Right.READ)
        jobs.enqueue(tx, "anything", bob, "key")
        tx.once(bob, "scope", "key", tx.new_id(bob))
        tx.use(bob, 10, 1)

    forgotten = []

    def forget(tx: Tx, account: AccountId) -> None:
        tx.use(account, -10, -1)  # a service that gives room back must not bring the account back to life
        forgotten.append(account)

    cell.write_now(live)
    cell.write_now(people.delete, bob, [forget])
    assert forgotten == [bob]
    assert cell.read_now(rows_naming, bob) == {}
    known = cell.read_now(map.load)
    assert map.resolve(known, "team@example.org") == map.Local((alice,))
    assert map.resolve(known, "robert@example.org") == map.Unknown("there is no such address here")
    dora = cell.write_now(people.add_account, "dora@example.org")
    assert dora > bob, "its number is never used again"


def test_the_only_administrator_stays_while_others_are_left(cell: Cell, alice: AccountId, bob: AccountId) -> None:
    for verb in (
        lambda tx: people.delete(tx, alice),
        lambda tx: people.set_disabled(tx, alice, True),
        lambda tx: people.set_administrator(tx, alice, False),
    ):
        with pytest.raises(Conflict):
            cell.write_now(verb)
    cell.write_now(people.set_administrator, bob, True)
    cell.write_now(people.delete, alice)
    cell.write_now(people.delete, bob)


def test_a_password_of_another_salt_is_refused(cell: Cell, alice: AccountId) -> None:
    with pytest.raises(Conflict):
        cell.write_now(people.set_password, alice, quick("x", passwords.new_salt()))


def test_the_name_of_an_account_is_no_alias_to_remove(cell: Cell, alice: AccountId) -> None:
    cell.write_now(people.add_alias, "alice@example.org", ["copy@elsewhere.example"])
    with pytest.raises(Conflict):
        cell.write_now(people.remove_alias, "alice@example.org")
    cell.write_now(people.remove_alias, "alice@example.org", "copy@elsewhere.example")
    with pytest.raises(NotFound):
        cell.write_now(people.remove_alias, "alice@example.org", "copy@elsewhere.example")


def test_every_change_of_the_directory_is_in_its_log(cell: Cell, alice: AccountId) -> None:
    home = cell.read_now(store.directory)

    def position() -> int:
        return cell.read_now(changes.state, home)

    for verb in (
        lambda tx: people.set_disabled(tx, people.add_account(tx, "eve@example.org"), True),
        lambda tx: people.set_display_name(tx, alice, "Alice A."),
        lambda tx: people.set_password(tx, alice, quick("x", people.salt_of(tx, alice))),
        lambda tx: people.add_app_password(tx, alice, quick("y", people.salt_of(tx, alice)), "phone"),
        lambda tx: people.add_alias(tx, "al@example.org", [alice]),
        lambda tx: people.set_catch_all(tx, "example.org", alice),
        lambda tx: people.set_catch_all(tx, "example.org", None),
    ):
        before = position()
        cell.write_now(verb)
        assert position() == before + 1
    assert cell.read_now(accounts.get, alice).display_name == "Alice A."
