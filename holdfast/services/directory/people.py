"""What administrators do in the directory: people, their credentials, domains and addresses.

Every verb is one write. Slow things (making what is kept of a password) are done before, by passwords.prepare.
Other services own their own rows: wiring passes `welcome` (make what a new account begins with) and `forget` (remove
what an account had), so that the directory knows none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from sqlalchemy import update

from holdfast.errors import Conflict, Invalid, NotFound
from holdfast.ids import NOBODY, AccountId, ObjectId, OrganisationId
from holdfast.kernel import accounts as kernel_accounts
from holdfast.kernel import schema
from holdfast.kernel.transaction import Tx
from holdfast.services.directory import names, passwords, store
from holdfast.services.directory.passwords import Prepared
from holdfast.services.directory.tables import principals
from holdfast.services.directory.types import (
    ADDRESS,
    APP_PASSWORD,
    CATCH_ALL,
    DOMAIN,
    ORGANISATION,
    PASSWORD,
    PRINCIPAL,
    Credential,
    CredentialId,
    Domain,
    Principal,
)

PerAccount = Callable[[Tx, AccountId], None]
MAX_CREDENTIALS = 100
MAX_TARGETS = 1000


# -- the directory, organisations, domains ------------------------------------------------------------------------


def found_directory(tx: Tx) -> AccountId:
    """Make the directory of a new cell; quiet if it has one."""
    try:
        return store.directory(tx)
    except NotFound:
        return kernel_accounts.open_account(tx, OrganisationId(0), store.DIRECTORY, store.DIRECTORY)


def add_organisation(tx: Tx, name: str) -> OrganisationId:
    """Make an organisation without domains or people. Conflict: there is one of that name."""
    home = store.directory(tx)
    if not 0 < len(name) <= 255:
        raise Invalid("organisation", name, "a name has 1 to 255 characters")
    if any(organisation.name == name for organisation in store.organisations(tx, home)):
        raise Conflict("organisation", name, "there is one of that name")
    id_ = tx.new_id(home)
    tx.create(ORGANISATION, home, [{"id": id_, "name": name, "created_at": tx.now_ms}])
    return OrganisationId(id_)


def add_domain(tx: Tx, organisation: OrganisationId, name: str) -> Domain:
    """Take in mail for a domain from now on. Conflict: it is ours already. Invalid: not a domain name."""
    home = store.directory(tx)
    folded = names.check_domain(name)
    if not list(store.organisations(tx, home, [ObjectId(organisation)])):
        raise NotFound("organisation", organisation)
    try:
        store.domain(tx, home, folded)
    except NotFound:
        pass
    else:
        raise Conflict("domain", folded, "it is there already")
    id_ = tx.new_id(home)
    row = {"id": id_, "organisation_id": organisation, "name": folded, "created_at": tx.now_ms}
    tx.create(DOMAIN, home, [row])
    return Domain(id=id_, organisation_id=organisation, name=folded, created_at=tx.now_ms)


def remove_domain(tx: Tx, name: str) -> None:
    """Take in no more mail for a domain. NotFound. Conflict: it still has addresses."""
    home = store.directory(tx)
    domain = store.domain(tx, home, names.fold_domain(name))
    if not store.is_empty_domain(tx, home, domain.id):
        raise Conflict("domain", domain.name, "it still has addresses")
    tx.destroy(DOMAIN, home, [domain.id])


# -- people -------------------------------------------------------------------------------------------------------


def add_account(
    tx: Tx,
    name: str,
    password: Prepared | None = None,
    *,
    display_name: str = "",
    kind: str = "person",
    administrator: bool = False,
    quota_bytes: int | None = None,
    quota_objects: int | None = None,
    welcome: Sequence[PerAccount] = (),
) -> AccountId:
    """Make an account that is reached and signs in by an address of one of our domains.

    password None: nobody can sign in yet. NotFound: the domain is not ours. Conflict: the address leads somewhere.
    """
    home = store.directory(tx)
    local_part, domain_name = names.check_address(name)
    domain = store.domain(tx, home, domain_name)
    address = f"{local_part}@{domain_name}"
    if store.arrows(tx, home, domain.id, local_part, limit=1):
        raise Conflict("address", address, "it leads to another place already")
    account = kernel_accounts.open_account(
        tx,
        domain.organisation_id,
        kind,
        address,
        display_name=display_name,
        quota_bytes=quota_bytes,
        quota_objects=quota_objects,
    )
    row = {
        "id": tx.new_id(home),
        "person_id": account,
        "administrator": administrator,
        "credential_version": 1,
        "scram_salt": password.salt if password else passwords.new_salt(),
        "scram_iterations": password.iterations if password else passwords.SCRAM_ITERATIONS,
    }
    tx.create(PRINCIPAL, home, [row])
    _point(tx, home, domain, local_part, [(account, "")])
    if password is not None:
        store.add_credential(tx, account, password, "")
    for begin in welcome:
        begin(tx, account)
    return account


def set_disabled(tx: Tx, account: AccountId, disabled: bool) -> None:
    """Let somebody in no more, or again; mail is taken in either way. NotFound. Conflict: the only administrator."""
    home, principal = _principal(tx, account)
    if disabled:
        _need_another_administrator(tx, home, principal)
    kernel_accounts.set_disabled(tx, account, disabled)
    tx.note(PRINCIPAL, home, updated=[principal.id])


def set_administrator(tx: Tx, account: AccountId, administrator: bool) -> None:
    """Let somebody administer the organisation, or no more. NotFound. Conflict: the only administrator."""
    home, principal = _principal(tx, account)
    if not administrator:
        _need_another_administrator(tx, home, principal)
    tx.update(PRINCIPAL, home, [principal.id], {"administrator": administrator})


def set_display_name(tx: Tx, account: AccountId, display_name: str) -> None:
    """Change the name that people read. NotFound."""
    home, principal = _principal(tx, account)
    tx.execute(update(schema.accounts).where(schema.accounts.c.id == account).values(display_name=display_name[:255]))
    tx.note(PRINCIPAL, home, updated=[principal.id])


def delete(tx: Tx, account: AccountId, forget: Sequence[PerAccount] = ()) -> None:
    """Remove an account and everything of it; addresses that led to it alone lead nowhere.

    forget: one for each service that keeps rows of accounts. NotFound. Conflict: others are left without administrator.
    """
    home, principal = _principal(tx, account)
    _need_another_administrator(tx, home, principal)
    for remove in forget:
        remove(tx, account)
    tx.destroy(ADDRESS, home, store.arrows_to(tx, home, account))
    tx.destroy(PRINCIPAL, home, [principal.id])
    store.remove_credentials(tx, account)
    kernel_accounts.close_account(tx, account)


def _principal(tx: Tx, account: AccountId) -> tuple[AccountId, Principal]:
    home = store.directory(tx)
    return home, store.principal(tx, home, account)


def _need_another_administrator(tx: Tx, home: AccountId, leaving: Principal) -> None:
    if not leaving.administrator or leaving.disabled:
        return
    others, administrators = store.other_people(tx, home, leaving)
    if others and not administrators:
        raise Conflict("account", leaving.name, "it is the only administrator of its organisation")


# -- credentials --------------------------------------------------------------------------------------------------


def salt_of(tx: Tx, account: AccountId) -> bytes:
    """The salt that passwords.prepare and new_app_password need for an account. NotFound."""
    return _principal(tx, account)[1].scram_salt


def set_password(tx: Tx, account: AccountId, password: Prepared) -> None:
    """Replace the password; app passwords stay. NotFound. Conflict: it was prepared with another account's salt."""
    home, principal = _principal(tx, account)
    _check_salt(principal, password)
    store.remove_credentials(tx, account, kind=PASSWORD)
    store.add_credential(tx, account, password, "")
    _new_version(tx, home, principal)


def add_app_password(tx: Tx, account: AccountId, password: Prepared, label: str) -> CredentialId:
    """Add an app password, which its owner has seen once. NotFound. Conflict, as set_password. Invalid: too many."""
    home, principal = _principal(tx, account)
    _check_salt(principal, password)
    if len(store.credentials(tx, account, MAX_CREDENTIALS)) >= MAX_CREDENTIALS:
        raise Invalid("app password", label, f"an account has {MAX_CREDENTIALS} credentials at most")
    id_ = store.add_credential(tx, account, password, label[:255])
    _new_version(tx, home, principal)
    return id_


def app_passwords(tx: Tx, account: AccountId) -> list[Credential]:
    """An account's app passwords, oldest first."""
    return [credential for credential in store.credentials(tx, account) if credential.kind != PASSWORD]


def revoke_app_password(tx: Tx, account: AccountId, id_: CredentialId) -> None:
    """Make an app password worthless at once. NotFound."""
    home, principal = _principal(tx, account)
    if not store.remove_credentials(tx, account, kind=APP_PASSWORD, id_=id_):
        raise NotFound("app password", id_)
    _new_version(tx, home, principal)


def _check_salt(principal: Principal, password: Prepared) -> None:
    if password.salt != principal.scram_salt or password.iterations != principal.scram_iterations:
        raise Conflict("password", why="it was prepared with another salt")


def _new_version(tx: Tx, home: AccountId, principal: Principal) -> None:
    tx.update(PRINCIPAL, home, [principal.id], {"credential_version": principals.c.credential_version + 1})


# -- addresses ----------------------------------------------------------------------------------------------------


def add_alias(tx: Tx, address: str, targets: Sequence[AccountId | str]) -> None:
    """Let an address lead to more places: accounts, or addresses here or elsewhere (so an alias can be a simple list).

    A place that it leads to already is passed over. NotFound: the domain is not ours. Invalid: a target cannot be one.
    """
    home = store.directory(tx)
    local_part, domain_name = names.check_address(address)
    domain = store.domain(tx, home, domain_name)
    _point(tx, home, domain, local_part, [_target(tx, target) for target in targets])


def set_catch_all(tx: Tx, domain_name: str, target: AccountId | str | None) -> None:
    """Say who gets what no address of a domain takes; None: nobody, it is refused. NotFound: the domain is not ours."""
    home = store.directory(tx)
    domain = store.domain(tx, home, names.fold_domain(domain_name))
    tx.destroy(ADDRESS, home, [arrow.id for arrow in store.arrows(tx, home, domain.id, CATCH_ALL)])
    if target is not None:
        _point(tx, home, domain, CATCH_ALL, [_target(tx, target)])


def remove_alias(tx: Tx, address: str, target: AccountId | str | None = None) -> None:
    """Take a target from an alias; None: all of them. NotFound. Conflict: it is the name of an account."""
    home = store.directory(tx)
    local_part, domain_name = names.split(address)
    domain = store.domain(tx, home, domain_name)
    arrows = store.arrows(tx, home, domain.id, local_part)
    if target is not None:
        place = _target(tx, target)
        arrows = [arrow for arrow in arrows if (arrow.to_account, arrow.to_address) == place]
    if not arrows:
        raise NotFound("address", address)
    owner = _account_named(tx, f"{local_part}@{domain_name}")
    if owner != NOBODY and any(arrow.to_account == owner for arrow in arrows):
        raise Conflict("address", address, "it is the name of an account; delete that instead")
    tx.destroy(ADDRESS, home, [arrow.id for arrow in arrows])


def _account_named(tx: Tx, name: str) -> AccountId:
    try:
        return kernel_accounts.by_name(tx, name).id
    except NotFound:
        return NOBODY


def _target(tx: Tx, target: AccountId | str) -> tuple[AccountId, str]:
    if not isinstance(target, str):
        return kernel_accounts.get(tx, target).id, ""
    address = "@".join(names.check_address(target))
    account = _account_named(tx, address)
    return (account, "") if account else (NOBODY, address)


def _point(tx: Tx, home: AccountId, domain: Domain, local_part: str, targets: Sequence[tuple[AccountId, str]]) -> None:
    there = {(arrow.to_account, arrow.to_address) for arrow in store.arrows(tx, home, domain.id, local_part)}
    new = [target for target in dict.fromkeys(targets) if target not in there]
    if len(there) + len(new) > MAX_TARGETS:
        raise Invalid("address", local_part, f"an alias has {MAX_TARGETS} targets at most")
    rows = [
        {
            "id": id_,
            "domain_id": domain.id,
            "local_part": local_part,
            "to_account": account,
            "to_address": address,
            "created_at": tx.now_ms,
        }
        for id_, (account, address) in zip(tx.new_ids(home, len(new)), new, strict=True)
    ]
    if rows:
        tx.create(ADDRESS, home, rows)


# -- the first start ----------------------------------------------------------------------------------------------


class DemoAccount(msgspec.Struct, frozen=True):
    """An account of the demonstration and its password, to be shown once."""

    name: str
    password: str


def make_demo(tx: Tx, welcome: Sequence[PerAccount] = ()) -> list[DemoAccount]:
    """Make organisation example.org with alice (its administrator), bob and carol; answers their passwords.

    Slow for a write: for the first start, when nobody waits.
    """
    found_directory(tx)
    organisation = add_organisation(tx, "example.org")
    add_domain(tx, organisation, "example.org")
    made = []
    for person in ("alice", "bob", "carol"):
        password = passwords.new_password()
        add_account(
            tx,
            f"{person}@example.org",
            passwords.prepare(password),
            display_name=person.capitalize(),
            administrator=person == "alice",
            welcome=welcome,
        )
        made.append(DemoAccount(f"{person}@example.org", password))
    return made
