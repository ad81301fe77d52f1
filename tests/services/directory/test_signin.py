from __future__ import annotations

import hashlib
import hmac
import time

import pytest

from holdfast.errors import Forbidden, Invalid
from holdfast.ids import AccountId
from holdfast.kernel.cell import Cell
from holdfast.kernel.transaction import Tx
from holdfast.services.directory import map, passwords, people, store
from holdfast.services.directory.map import AddressMap
from holdfast.services.directory.signin import SignIn, Use
from holdfast.services.directory.types import CredentialId

MINUTE = 60_000
NOW = 1_000_000_000


def with_password(cell: Cell, account: AccountId, text: str) -> AddressMap:
    salt = cell.read_now(lambda tx: store.principal(tx, store.directory(tx), account).scram_salt)
    cell.write_now(people.set_password, account, passwords.prepare(text, salt))
    return cell.read_now(map.load)


def with_app_password(cell: Cell, account: AccountId) -> tuple[str, CredentialId, AddressMap]:
    salt = cell.read_now(lambda tx: store.principal(tx, store.directory(tx), account).scram_salt)
    text, prepared = passwords.new_app_password(salt)
    id_ = cell.write_now(people.add_app_password, account, prepared, "phone")
    return text, id_, cell.read_now(map.load)


def test_the_right_password_says_who_it_is(cell: Cell, alice: AccountId) -> None:
    known = with_password(cell, alice, "correct horse")
    assert SignIn().check(known, "ALICE@Example.org", "correct horse", NOW).account == alice


@pytest.mark.parametrize("login", ["alice@example.org", "nobody@example.org", "bob@example.org", "", "alice"])
def test_everybody_else_gets_the_same_answer(cell: Cell, alice: AccountId, bob: AccountId, login: str) -> None:
    known = with_password(cell, alice, "correct horse")
    with pytest.raises(Forbidden, match="the name or the password is wrong"):
        SignIn().check(known, login, "wrong horse", NOW)


def test_a_disabled_account_is_told_only_to_its_owner(cell: Cell, alice: AccountId, bob: AccountId) -> None:
    with_password(cell, bob, "correct horse")
    cell.write_now(people.set_disabled, bob, True)
    known = cell.read_now(map.load)
    with pytest.raises(Forbidden, match="disabled"):
        SignIn().check(known, "bob@example.org", "correct horse", NOW)
    with pytest.raises(Forbidden, match="wrong"):
        SignIn().check(known, "bob@example.org", "wrong horse", NOW)


def test_a_password_typed_on_another_keyboard_is_the_same(cell: Cell, alice: AccountId) -> None:
    known = with_password(cell, alice, "pässwörter")
    assert SignIn().check(known, "alice@example.org", "pa\u0308sswo\u0308rter", NOW).account == alice


def test_a_verified_password_is_remembered_until_it_changes(cell: Cell, alice: AccountId) -> None:
    door = SignIn()
    known = with_password(cell, alice, "correct horse")
    assert door.recall(known, "alice@example.org", "correct horse", NOW) is None
    door.check(known, "alice@example.org", "correct horse", NOW)
    assert door.recall(known, "alice@example.org", "correct horse", NOW) is not None
    assert door.recall(known, "alice@example.org", "wrong horse", NOW) is None
    changed = with_password(cell, alice, "another horse")
    assert door.recall(changed, "alice@example.org", "correct horse", NOW) is None
    with pytest.raises(Forbidden):
        door.check(changed, "alice@example.org", "correct horse", NOW)


def test_a_remembered_password_opens_no_disabled_account(cell: Cell, alice: AccountId, bob: AccountId) -> None:
    door = SignIn()
    door.check(with_password(cell, bob, "correct horse"), "bob@example.org", "correct horse", NOW)
    cell.write_now(people.set_disabled, bob, True)
    with pytest.raises(Forbidden):
        door.check(cell.read_now(map.load), "bob@example.org", "correct horse", NOW)


def test_an_app_password_opens_the_account_until_it_is_revoked(cell: Cell, alice: AccountId) -> None:
    door = SignIn()
    text, id_, known = with_app_password(cell, alice)
    assert len(text) >= 25 and text.startswith("hfapp-")
    for typed in (text, text.upper(), text.replace("-", ""), text.replace("-", " ")):
        assert door.check(known, "alice@example.org", typed, NOW).account == alice
    with pytest.raises(Forbidden):
        door.check(known, "alice@example.org", text[:-1] + ("a" if text[-1] != "a" else "b"), NOW)
    cell.write_now(people.revoke_app_password, alice, id_)
    with pytest.raises(Forbidden):
        door.check(cell.read_now(map.load), "alice@example.org", text, NOW)


def test_the_last_use_of_an_app_password_is_kept_to_ten_minutes(cell: Cell, alice: AccountId) -> None:
    door = SignIn()
    text, id_, known = with_app_password(cell, alice)
    for minute in range(25):
        door.check(known, "alice@example.org", text, NOW + minute * MINUTE)
        for use in door.take_uses():
            assert minute in (0, 10, 20)
            cell.write_now(store.record_use, use.credential, use.at_ms)
    kept = cell.read_now(store.credentials, alice)
    assert [credential.last_used_at for credential in kept] == [NOW + 20 * MINUTE]
    cell.write_now(store.record_use, id_, NOW + 29 * MINUTE)  # another process, which did not know
    assert cell.read_now(store.credentials, alice)[0].last_used_at == NOW + 20 * MINUTE


def test_uses_of_a_password_are_not_kept(cell: Cell, alice: AccountId) -> None:
    door = SignIn()
    door.check(with_password(cell, alice, "correct horse"), "alice@example.org", "correct horse", NOW)
    assert door.take_uses() == []


def test_scram_proves_a_password_and_an_app_password_alike(cell: Cell, alice: AccountId) -> None:
    with_password(cell, alice, "correct horse")
    text, id_, known = with_app_password(cell, alice)
    door = SignIn()
    offered = door.scram_keys(known, "Alice@example.org")
    for password in ("correct horse", text):
        credential = scram_client(password, offered.salt, offered.iterations, offered.keys)
        assert credential is not None
        assert door.accept(known, "alice@example.org", credential, NOW).account == alice
    assert scram_client("wrong horse", offered.salt, offered.iterations, offered.keys) is None
    assert door.take_uses() == [Use(id_, NOW)]


def scram_client(
    password: str, salt: bytes, iterations: int, keys: tuple[tuple[CredentialId, bytes, bytes], ...]
) -> CredentialId | None:
    """What a client computes, and which stored key its proof fits. RFC 5802 §3."""
    message = b"n=alice,r=x,r=xy,s=...,c=biws"
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored = hashlib.sha256(client_key).digest()
    proof = bytes(a ^ b for a, b in zip(client_key, hmac.digest(stored, message, "sha256"), strict=True))
    for credential, stored_key, _ in keys:
        signature = hmac.digest(stored_key, message, "sha256")
        if hashlib.sha256(bytes(a ^ b for a, b in zip(proof, signature, strict=True))).digest() == stored_key:
            return credential
    return None


def test_scram_tells_nothing_about_who_exists(cell: Cell, alice: AccountId) -> None:
    known = cell.read_now(map.load)
    one, other = SignIn(b"secret"), SignIn(b"secret")
    unknown = one.scram_keys(known, "nobody@example.org")
    assert unknown == one.scram_keys(known, "NOBODY@example.org") == other.scram_keys(known, "nobody@example.org")
    real = one.scram_keys(known, "alice@example.org")
    assert (len(unknown.salt), unknown.iterations) == (len(real.salt), real.iterations)


@pytest.mark.parametrize("password", ["short", "x" * 1025])
def test_a_password_has_a_sensible_length(password: str) -> None:
    with pytest.raises(Invalid):
        passwords.prepare(password)


def test_an_endless_password_is_refused_quickly(cell: Cell, alice: AccountId) -> None:
    known = with_password(cell, alice, "correct horse")
    started = time.monotonic()
    with pytest.raises(Forbidden):
        SignIn().check(known, "alice@example.org", "x" * 10_000_000, NOW)
    assert time.monotonic() - started < 2


def test_credentials_have_a_limit(cell: Cell, alice: AccountId) -> None:
    _, prepared = passwords.new_app_password(
        cell.read_now(lambda tx: store.principal(tx, store.directory(tx), alice).scram_salt)
    )

    def fill(tx: Tx) -> None:
        for number in range(people.MAX_CREDENTIALS + 1):
            people.add_app_password(tx, alice, prepared, str(number))

    with pytest.raises(Invalid):
        cell.write_now(fill)
