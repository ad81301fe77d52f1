from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.errors import Refusal
from holdfast.ids import AccountId, OrganisationId
from holdfast.kernel.cell import Cell
from holdfast.kernel.transaction import Tx
from holdfast.services.directory import map, people
from holdfast.services.directory.map import Forward, Local, Remote, Unknown, resolve


def test_an_address_is_found_in_any_case(cell: Cell, alice: AccountId) -> None:
    known = cell.read_now(map.load)
    for written in ("alice@example.org", "ALICE@Example.ORG", '"alice"@example.org', "alice@example.org."):
        assert resolve(known, written) == Local((alice,))


def test_what_stands_after_the_plus_is_told(cell: Cell, alice: AccountId) -> None:
    known = cell.read_now(map.load)
    assert resolve(known, "Alice+Lists+more@example.org") == Local((alice,), "lists+more")
    assert isinstance(resolve(known, "+alice@example.org"), Unknown)
    assert isinstance(resolve(known, "+@example.org"), Unknown)


def test_an_address_with_a_plus_of_its_own_comes_first(cell: Cell, alice: AccountId, bob: AccountId) -> None:
    cell.write_now(people.add_alias, "alice+bob@example.org", [bob])
    known = cell.read_now(map.load)
    assert resolve(known, "alice+bob@example.org") == Local((bob,))


def test_a_domain_is_known_in_both_spellings(cell: Cell, organisation: OrganisationId) -> None:
    cell.write_now(people.add_domain, organisation, "bücher.example")
    account = cell.write_now(people.add_account, "jürgen@bücher.example", administrator=True)
    known = cell.read_now(map.load)
    assert resolve(known, "JÜRGEN@xn--bcher-kva.example") == Local((account,))
    assert resolve(known, "ju\u0308rgen@BÜCHER.example") == Local((account,))


def test_other_domains_are_remote(cell: Cell, alice: AccountId) -> None:
    known = cell.read_now(map.load)
    assert resolve(known, "x@Elsewhere.example") == Remote("elsewhere.example")
    assert resolve(known, "x@sub.example.org") == Remote("sub.example.org")


@pytest.mark.parametrize(
    "nonsense", ["", "@", "alice", "@example.org", "nobody@example.org", "a@b@example.org", '""@example.org']
)
def test_nonsense_is_unknown(cell: Cell, alice: AccountId, nonsense: str) -> None:
    assert isinstance(resolve(cell.read_now(map.load), nonsense), Unknown | Remote)


def test_postmaster_is_the_first_administrator(cell: Cell, organisation: OrganisationId) -> None:
    assert isinstance(resolve(cell.read_now(map.load), "postmaster@example.org"), Unknown)
    bob = cell.write_now(people.add_account, "bob@example.org")
    assert resolve(cell.read_now(map.load), "Postmaster@example.org") == Local((bob,)), "nobody administers yet"
    alice = cell.write_now(people.add_account, "alice@example.org", administrator=True)
    known = cell.read_now(map.load)
    assert resolve(known, "POSTMASTER@example.org") == Local((alice,))
    assert resolve(known, "postmaster") == Local((alice,)), "RFC 5321 §4.1.1.3"
    cell.write_now(people.add_alias, "postmaster@example.org", [bob])
    assert resolve(cell.read_now(map.load), "postmaster@example.org") == Local((bob,))


def test_a_catch_all_takes_what_nothing_else_takes(cell: Cell, alice: AccountId, bob: AccountId) -> None:
    cell.write_now(people.set_catch_all, "example.org", bob)
    known = cell.read_now(map.load)
    assert resolve(known, "whoever@example.org") == Local((bob,))
    assert resolve(known, "alice@example.org") == Local((alice,))
    assert resolve(known, "alice+tag@example.org") == Local((alice,), "tag")
    assert resolve(known, "postmaster@example.org") == Local((alice,))
    cell.write_now(people.set_catch_all, "example.org", None)
    assert isinstance(resolve(cell.read_now(map.load), "whoever@example.org"), Unknown)


def test_an_alias_may_lead_to_many_places(cell: Cell, alice: AccountId, bob: AccountId) -> None:
    cell.write_now(people.add_alias, "both@example.org", [alice, "bob@example.org"])
    cell.write_now(people.add_alias, "list@example.org", ["both@example.org", "far@elsewhere.example"])
    known = cell.read_now(map.load)
    assert resolve(known, "both+x@example.org") == Local((alice, bob), "x")
    assert resolve(known, "list@example.org") == Forward((alice, bob), ("far@elsewhere.example",))


def test_aliases_in_a_circle_end(cell: Cell, alice: AccountId) -> None:
    cell.write_now(people.add_alias, "a@example.org", ["b@example.org"])
    cell.write_now(people.add_alias, "b@example.org", ["a@example.org"])
    assert isinstance(resolve(cell.read_now(map.load), "a@example.org"), Unknown)
    cell.write_now(people.add_alias, "b@example.org", [alice])
    assert resolve(cell.read_now(map.load), "a@example.org") == Local((alice,))


def test_a_disabled_account_still_gets_mail(cell: Cell, alice: AccountId, bob: AccountId) -> None:
    cell.write_now(people.set_disabled, bob, True)
    known = cell.read_now(map.load)
    assert resolve(known, "bob@example.org") == Local((bob,))
    assert known.people[bob].principal.disabled


def test_one_may_send_as_what_leads_to_oneself_alone(cell: Cell, alice: AccountId, bob: AccountId) -> None:
    cell.write_now(people.add_alias, "robert@example.org", [bob])
    cell.write_now(people.add_alias, "both@example.org", [alice, bob])
    known = cell.read_now(map.load)
    assert map.owns(known, bob, "Robert+x@example.org")
    assert not map.owns(known, bob, "both@example.org")
    assert not map.owns(known, bob, "alice@example.org")
    assert not map.owns(known, bob, "bob@elsewhere.example")


def test_a_map_in_a_file_is_the_same_map(cell: Cell, alice: AccountId, tmp_path: Path) -> None:
    cell.write_now(people.add_alias, "al@example.org", [alice, "far@elsewhere.example"])
    known = cell.read_now(map.load)
    file = tmp_path / "map"
    map.save(known, file)
    assert map.read_file(file) == known
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [other.name for other in tmp_path.iterdir() if other.name.startswith(".map")] == []


@pytest.mark.parametrize("content", [b"", b"\xc1", b"\x80", b'{"format": 1}'])
def test_a_file_that_is_no_map_is_none(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "map"
    assert map.read_file(file) is None
    file.write_bytes(content)
    read = map.read_file(file)
    assert read is None or read == map.AddressMap()


ACTS = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12)


def act(tx: Tx, what: int, one: int, two: int) -> None:
    """One of the things that administrators do; several are refused, which changes nothing."""
    name, alias = f"p{one}@d{two}.example", f"a{one}@d{two}.example"
    known = map.load(tx)
    account = known.logins.get(name, AccountId(999))
    match what:
        case 0:
            people.add_domain(tx, next(iter(known.domains.values())).organisation_id, f"d{two}.example")
        case 1:
            people.add_account(tx, name, administrator=bool(one))
        case 2:
            people.delete(tx, account)
        case 3:
            people.add_alias(tx, alias, [f"p{two}@d{one}.example", f"x{one}@elsewhere.example"])
        case 4:
            people.remove_alias(tx, alias)
        case 5:
            people.set_catch_all(tx, f"d{two}.example", f"p{one}@d0.example" if one else None)
        case 6:
            people.set_disabled(tx, account, bool(two % 2))
        case 7:
            people.remove_domain(tx, f"d{two}.example")
        case _:
            people.set_administrator(tx, account, bool(two % 2))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rounds=st.lists(ACTS, min_size=1, max_size=4))
def test_a_map_that_follows_equals_one_that_was_loaded(
    cell: Cell, organisation: OrganisationId, rounds: list[list[tuple[int, int, int]]]
) -> None:
    known = cell.read_now(map.load)
    for acts in rounds:
        for what, one, two in acts:
            try:
                cell.write_now(act, what, one, two)
            except Refusal:
                continue
        known = cell.read_now(map.refresh, known)
        assert known == cell.read_now(map.load)


def test_nothing_new_is_the_same_map(cell: Cell, alice: AccountId) -> None:
    known = cell.read_now(map.load)
    assert cell.read_now(map.refresh, known) is known


def test_a_map_of_another_directory_is_loaded_anew(cell: Cell, alice: AccountId) -> None:
    known = cell.read_now(map.load)
    ahead = map.AddressMap(directory=known.directory, modseq=known.modseq + 5)  # type: ignore[arg-type]
    assert cell.read_now(map.refresh, ahead) == known
    assert cell.read_now(map.refresh, map.AddressMap()) == known
