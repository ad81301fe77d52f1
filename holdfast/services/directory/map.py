"""The address map: a node's own copy of the directory, which doors ask in place of any database.

An AddressMap is never changed: refresh answers a new one, made of the old and of what the directory's change log names.
A node keeps its copy in a file and starts from it, so that mail is taken in and people sign in whatever else is silent.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from holdfast.errors import NotFound
from holdfast.ids import NOBODY, AccountId, ModSeq, ObjectId, OrganisationId
from holdfast.kernel import changes
from holdfast.kernel.changes import Changes
from holdfast.kernel.transaction import ReadTx
from holdfast.services.directory import names, store
from holdfast.services.directory.types import (
    ADDRESS,
    CATCH_ALL,
    DOMAIN,
    PRINCIPAL,
    Address,
    Credential,
    Domain,
    Principal,
)

POSTMASTER = "postmaster"
FORMAT = 1
"""Of the file; a file of another format is not read."""
MANY = 2000
"""Changes beyond which everything is loaded again."""


class Person(msgspec.Struct, frozen=True):
    """A principal with everything that opens its account."""

    principal: Principal
    credentials: tuple[Credential, ...]


class AddressMap(msgspec.Struct, frozen=True, kw_only=True):
    """The directory at one position of its change log."""

    format: int = FORMAT
    directory: AccountId = NOBODY
    modseq: ModSeq = ModSeq(0)
    domains: dict[str, Domain] = {}
    addresses: dict[str, tuple[Address, ...]] = {}  # by folded address; "@domain" is a catch-all
    people: dict[AccountId, Person] = {}
    logins: dict[str, AccountId] = {}
    postmasters: dict[OrganisationId, AccountId] = {}
    # Where each object of the directory is found above: the change log names them by id.
    domain_names: dict[ObjectId, str] = {}
    address_keys: dict[ObjectId, str] = {}
    principal_accounts: dict[ObjectId, AccountId] = {}


# -- asking -------------------------------------------------------------------------------------------------------


class Local(msgspec.Struct, frozen=True):
    """The address leads to these accounts. detail: what stood after the + of name+detail@ (RFC 5233 §4)."""

    accounts: tuple[AccountId, ...]
    detail: str = ""


class Forward(msgspec.Struct, frozen=True):
    """The address leads away, to at least one address elsewhere, and perhaps to accounts of ours besides."""

    accounts: tuple[AccountId, ...]
    addresses: tuple[str, ...]


class Remote(msgspec.Struct, frozen=True):
    """The domain is not ours."""

    domain: str


class Unknown(msgspec.Struct, frozen=True):
    """The domain is ours and the address leads nowhere."""

    why: str


Resolution = Local | Forward | Remote | Unknown


def resolve(map_: AddressMap, address: str) -> Resolution:
    """Where mail for an address goes.

    In this order: the address itself, without its +detail, postmaster, the domain's catch-all. An address without a
    domain is only known for postmaster (RFC 5321 §4.1.1.3).
    """
    local_part, domain = names.split(address)
    if not domain:
        if local_part != POSTMASTER or not map_.domains:
            return Unknown("the address has no domain")
        domain = next(iter(map_.domains))
    if domain not in map_.domains:
        return Remote(domain)
    if not local_part:
        return Unknown("the address has nothing before the @")
    detail = ""
    found = map_.addresses.get(f"{local_part}@{domain}")
    if found is None and (plus := local_part.find("+", 1)) > 0:
        detail = local_part[plus + 1 :]
        found = map_.addresses.get(f"{local_part[:plus]}@{domain}")
    if found is None:
        detail = ""
        if local_part == POSTMASTER:
            return _postmaster(map_, domain)
        found = map_.addresses.get(f"{CATCH_ALL}@{domain}")
        if found is None:
            return Unknown("there is no such address here")
    if len(found) == 1 and found[0].to_account:
        return Local((found[0].to_account,), detail)
    return _followed(map_, f"{local_part}@{domain}", found, detail)


def _postmaster(map_: AddressMap, domain: str) -> Resolution:
    account = map_.postmasters.get(map_.domains[domain].organisation_id)
    return Local((account,)) if account else Unknown("the organisation has nobody yet")


def _followed(map_: AddressMap, start: str, arrows: tuple[Address, ...], detail: str) -> Resolution:
    """Follow every arrow to its end; circles are walked once."""
    accounts: dict[AccountId, None] = {}
    elsewhere: dict[str, None] = {}
    seen = {start}
    waiting = list(arrows)
    for arrow in waiting:  # grows while we walk
        if arrow.to_account:
            accounts[arrow.to_account] = None
        elif names.split(arrow.to_address)[1] not in map_.domains:
            elsewhere[arrow.to_address] = None
        elif arrow.to_address not in seen:
            seen.add(arrow.to_address)
            next_ = _one_step(map_, arrow.to_address)
            if isinstance(next_, Local):
                accounts.update(dict.fromkeys(next_.accounts))
            else:
                waiting.extend(next_)
    if elsewhere:
        return Forward(tuple(accounts), tuple(elsewhere))
    if accounts:
        return Local(tuple(accounts), detail)
    return Unknown("the address leads only to others that lead nowhere")


def _one_step(map_: AddressMap, address: str) -> tuple[Address, ...] | Local:
    local_part, domain = names.split(address)
    plus = local_part.find("+", 1)
    found = map_.addresses.get(address) or map_.addresses.get(f"{local_part[:plus]}@{domain}" if plus > 0 else address)
    if found is not None:
        return found
    if local_part == POSTMASTER and isinstance(where := _postmaster(map_, domain), Local):
        return where
    return map_.addresses.get(f"{CATCH_ALL}@{domain}", ())


def owns(map_: AddressMap, account: AccountId, address: str) -> bool:
    """Whether an account may call itself by an address: mail for it goes to this account and to nobody else.

    What others have granted (send-as) is in kernel/rights.py. RFC 6409 §6.1.
    """
    match resolve(map_, address):
        case Local(accounts=(only,)):
            return only == account
        case _:
            return False


def person_named(map_: AddressMap, login: str) -> Person | None:
    """Who signs in by a name, in whatever case it is typed."""
    account = map_.logins.get(names.fold(login.strip()))
    return None if account is None else map_.people.get(account)


# -- loading and following ----------------------------------------------------------------------------------------


def load(tx: ReadTx) -> AddressMap:
    """The whole directory as it is now; an empty map where there is none."""
    try:
        home = store.directory(tx)
    except NotFound:
        return AddressMap()
    credentials = store.credentials_by_account(tx)
    draft = _Draft(AddressMap(directory=home))
    for domain in store.domains(tx, home):
        draft.put_domain(domain)
    draft.put_addresses(store.addresses(tx, home))
    for principal in store.principals(tx, home):
        draft.put_person(Person(principal, credentials.get(principal.account, ())))
    return draft.done(changes.state(tx, home))


def refresh(tx: ReadTx, map_: AddressMap) -> AddressMap:
    """The map as it is now; the same one if nothing happened since."""
    home = map_.directory
    if not home:
        return load(tx)
    now = changes.state(tx, home)
    if now == map_.modseq:
        return map_
    news = [changes.since(tx, home, type_.name, map_.modseq, MANY) for type_ in (DOMAIN, ADDRESS, PRINCIPAL)]
    if now < map_.modseq or any(some.more for some in news):
        return load(tx)  # another directory than this map was made of, or too much of it changed
    return _patched(tx, map_, now, *news)


def _patched(
    tx: ReadTx, map_: AddressMap, now: ModSeq, domains: Changes, addresses: Changes, principals: Changes
) -> AddressMap:
    home = map_.directory
    draft = _Draft(map_)
    # What changed is taken out and put in anew: an address may have moved to another key.
    for id_ in (*domains.destroyed, *domains.updated):
        draft.drop_domain(id_)
    for domain in store.domains(tx, home, [*domains.created, *domains.updated]):
        draft.put_domain(domain)
    draft.drop_addresses([*addresses.destroyed, *addresses.updated])
    draft.put_addresses(store.addresses(tx, home, [*addresses.created, *addresses.updated]))
    for id_ in (*principals.destroyed, *principals.updated):
        draft.drop_person(id_)
    people = list(store.principals(tx, home, [*principals.created, *principals.updated]))
    credentials = store.credentials_by_account(tx, [principal.account for principal in people])
    for principal in people:
        draft.put_person(Person(principal, credentials.get(principal.account, ())))
    return draft.done(now)


class _Draft:
    """A map while it is made: copies of an older one's dictionaries."""

    def __init__(self, old: AddressMap) -> None:
        self.directory = old.directory
        self.domains = dict(old.domains)
        self.addresses = dict(old.addresses)
        self.people = dict(old.people)
        self.logins = dict(old.logins)
        self.domain_names = dict(old.domain_names)
        self.address_keys = dict(old.address_keys)
        self.principal_accounts = dict(old.principal_accounts)

    def put_domain(self, domain: Domain) -> None:
        self.domains[domain.name] = domain
        self.domain_names[domain.id] = domain.name

    def drop_domain(self, id_: ObjectId) -> None:
        name = self.domain_names.pop(id_, None)
        if name is not None and self.domains[name].id == id_:
            del self.domains[name]

    def put_addresses(self, arrows: Iterable[Address]) -> None:
        fresh: dict[str, list[Address]] = {}
        for arrow in arrows:
            domain = self.domain_names.get(arrow.domain_id)
            if domain is None:
                continue
            key = f"{arrow.local_part}@{domain}"
            self.address_keys[arrow.id] = key
            fresh.setdefault(key, []).append(arrow)
        for key, some in fresh.items():
            self.addresses[key] = tuple(sorted((*self.addresses.get(key, ()), *some), key=_by_id))

    def drop_addresses(self, ids: Iterable[ObjectId]) -> None:
        for id_ in ids:
            key = self.address_keys.pop(id_, None)
            if key is None:
                continue
            left = tuple(arrow for arrow in self.addresses[key] if arrow.id != id_)
            if left:
                self.addresses[key] = left
            else:
                del self.addresses[key]

    def put_person(self, person: Person) -> None:
        principal = person.principal
        self.people[principal.account] = person
        self.logins[principal.name] = principal.account
        self.principal_accounts[principal.id] = principal.account

    def drop_person(self, id_: ObjectId) -> None:
        account = self.principal_accounts.pop(id_, None)
        person = None if account is None else self.people.pop(account)
        if person is not None and self.logins.get(person.principal.name) == account:
            del self.logins[person.principal.name]

    def done(self, modseq: ModSeq) -> AddressMap:
        return AddressMap(
            directory=self.directory,
            modseq=modseq,
            domains=self.domains,
            addresses=self.addresses,
            people=self.people,
            logins=self.logins,
            postmasters=_postmasters(self.people.values()),
            domain_names=self.domain_names,
            address_keys=self.address_keys,
            principal_accounts=self.principal_accounts,
        )


def _by_id(arrow: Address) -> ObjectId:
    return arrow.id


def _postmasters(people: Iterable[Person]) -> dict[OrganisationId, AccountId]:
    """Who answers for each organisation: its first administrator; its first person while it has none."""
    best: dict[OrganisationId, tuple[bool, bool, bool, AccountId]] = {}
    for person in people:
        who = person.principal
        rank = (not who.administrator, who.disabled, who.kind != "person", who.account)
        if who.organisation_id not in best or rank < best[who.organisation_id]:
            best[who.organisation_id] = rank
    return {organisation: rank[-1] for organisation, rank in best.items()}


# -- the copy on disk ---------------------------------------------------------------------------------------------


def save(map_: AddressMap, file: Path) -> None:
    """Keep the map in a file that only we may read (it holds what passwords are checked by); it appears whole or not."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(msgspec.msgpack.encode(map_))
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def read_file(file: Path) -> AddressMap | None:
    """The map that was kept; None if there is none that we understand."""
    try:
        kept = msgspec.msgpack.decode(file.read_bytes(), type=AddressMap)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
    return kept if kept.format == FORMAT else None
