"""The SQL of the directory. Verbs are in people.py; what doors ask is in map.py."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Select, Table, delete, func, insert, select, update

from holdfast.errors import NotFound
from holdfast.ids import AccountId, ObjectId
from holdfast.kernel import schema
from holdfast.kernel.transaction import ReadTx, Tx
from holdfast.services.directory import tables
from holdfast.services.directory.passwords import Prepared
from holdfast.services.directory.types import (
    Address,
    Credential,
    CredentialId,
    Domain,
    Organisation,
    Principal,
)

DIRECTORY = "directory"
"""Kind and name of the account that is the directory; it has no @, so nobody can sign in as it."""
PAGE = 5000
USE_INTERVAL_MS = 10 * 60 * 1000
"""How exactly the last use of an app password is kept."""

S = TypeVar("S", bound=msgspec.Struct)


def directory(tx: ReadTx) -> AccountId:
    """The directory's account. NotFound: this cell has none."""
    id_ = tx.execute(select(schema.accounts.c.id).where(schema.accounts.c.name == DIRECTORY)).scalar()
    if id_ is None:
        raise NotFound("directory", why="this cell has no directory")
    return AccountId(id_)


# -- objects of the directory, by id or all of them in order of id ------------------------------------------------


def organisations(tx: ReadTx, home: AccountId, ids: Collection[ObjectId] | None = None) -> Iterator[Organisation]:
    return _objects(tx, _select(tables.organisations, Organisation), tables.organisations, home, ids, Organisation)


def domains(tx: ReadTx, home: AccountId, ids: Collection[ObjectId] | None = None) -> Iterator[Domain]:
    return _objects(tx, _select(tables.domains, Domain), tables.domains, home, ids, Domain)


def addresses(tx: ReadTx, home: AccountId, ids: Collection[ObjectId] | None = None) -> Iterator[Address]:
    return _objects(tx, _select(tables.addresses, Address), tables.addresses, home, ids, Address)


def principals(tx: ReadTx, home: AccountId, ids: Collection[ObjectId] | None = None) -> Iterator[Principal]:
    return _objects(tx, _PRINCIPALS, tables.principals, home, ids, Principal)


def _select(table: Table, shape: type[msgspec.Struct]) -> Select[Any]:
    return select(*(table.c[name] for name in shape.__struct_fields__))


_PRINCIPALS: Select[Any] = select(
    tables.principals.c.id,
    tables.principals.c.person_id.label("account"),
    schema.accounts.c.organisation_id,
    schema.accounts.c.kind,
    schema.accounts.c.name,
    schema.accounts.c.display_name,
    tables.principals.c.administrator,
    schema.accounts.c.disabled,
    tables.principals.c.credential_version,
    tables.principals.c.scram_salt,
    tables.principals.c.scram_iterations,
).select_from(tables.principals.join(schema.accounts, schema.accounts.c.id == tables.principals.c.person_id))


def _objects(
    tx: ReadTx, query: Select[Any], table: Table, home: AccountId, ids: Collection[ObjectId] | None, shape: type[S]
) -> Iterator[S]:
    query = query.where(table.c.account_id == home).order_by(table.c.id)
    if ids is not None:
        ordered = sorted(ids)
        for start in range(0, len(ordered), 500):
            for row in tx.execute(query.where(table.c.id.in_(ordered[start : start + 500]))):
                yield shape(**row._mapping)
        return
    after = 0
    while True:
        rows = tx.execute(query.where(table.c.id > after).limit(PAGE)).all()
        yield from (shape(**row._mapping) for row in rows)
        if len(rows) < PAGE:
            return
        after = rows[-1].id


# -- one of them --------------------------------------------------------------------------------------------------


def domain(tx: ReadTx, home: AccountId, name: str) -> Domain:
    """One of our domains by its name in A-labels. NotFound."""
    query = _select(tables.domains, Domain).where(tables.domains.c.account_id == home, tables.domains.c.name == name)
    row = tx.execute(query).one_or_none()
    if row is None:
        raise NotFound("domain", name)
    return Domain(**row._mapping)


def organisation(tx: ReadTx, home: AccountId, name: str) -> Organisation:
    """One organisation by its name. NotFound."""
    table = tables.organisations
    row = tx.execute(_select(table, Organisation).where(table.c.account_id == home, table.c.name == name)).one_or_none()
    if row is None:
        raise NotFound("organisation", name)
    return Organisation(**row._mapping)


def principal(tx: ReadTx, home: AccountId, account: AccountId) -> Principal:
    """Who owns an account. NotFound."""
    table = tables.principals
    row = tx.execute(_PRINCIPALS.where(table.c.account_id == home, table.c.person_id == account)).one_or_none()
    if row is None:
        raise NotFound("account", account)
    return Principal(**row._mapping)


def arrows(tx: ReadTx, home: AccountId, domain_: ObjectId, local_part: str, limit: int = 10_000) -> list[Address]:
    """Where one address leads, in order of id."""
    table = tables.addresses
    query = (
        _select(table, Address)
        .where(table.c.account_id == home, table.c.domain_id == domain_, table.c.local_part == local_part)
        .order_by(table.c.id)
        .limit(limit)
    )
    return [Address(**row._mapping) for row in tx.execute(query)]


def arrows_to(tx: ReadTx, home: AccountId, account: AccountId, limit: int = 10_000) -> list[ObjectId]:
    """The addresses that lead to an account, in order of id."""
    table = tables.addresses
    query = select(table.c.id).where(table.c.account_id == home, table.c.to_account == account)
    return [ObjectId(id_) for id_ in tx.execute(query.order_by(table.c.id).limit(limit)).scalars()]


def is_empty_domain(tx: ReadTx, home: AccountId, domain_: ObjectId) -> bool:
    """Whether no address is left in a domain."""
    table = tables.addresses
    query = select(table.c.id).where(table.c.account_id == home, table.c.domain_id == domain_).limit(1)
    return tx.execute(query).scalar() is None


def other_people(tx: ReadTx, home: AccountId, leaving: Principal) -> tuple[int, int]:
    """How many others the organisation of a person has, and how many of them are administrators and not disabled."""
    table, accounts = tables.principals, schema.accounts
    others = (
        select(func.count(), func.count().filter(table.c.administrator, ~accounts.c.disabled))
        .select_from(table.join(accounts, accounts.c.id == table.c.person_id))
        .where(
            table.c.account_id == home,
            accounts.c.organisation_id == leaving.organisation_id,
            table.c.person_id != leaving.account,
        )
    )
    count, administrators = tx.execute(others).one()
    return count, administrators


# -- credentials --------------------------------------------------------------------------------------------------

_CREDENTIALS = [tables.credentials.c[name] for name in Credential.__struct_fields__]


def credentials(tx: ReadTx, account: AccountId, limit: int = 1000) -> list[Credential]:
    """Everything that opens an account, in order of id."""
    table = tables.credentials
    query = select(*_CREDENTIALS).where(table.c.account_id == account).order_by(table.c.id).limit(limit)
    return [Credential(**row._mapping) for row in tx.execute(query)]


def credentials_by_account(
    tx: ReadTx, accounts: Collection[AccountId] | None = None
) -> dict[AccountId, tuple[Credential, ...]]:
    """What opens each of some accounts; of all, by default."""
    table = tables.credentials
    query = select(table.c.account_id, *_CREDENTIALS).order_by(table.c.id)
    found: dict[AccountId, list[Credential]] = {}
    for row in _credential_rows(tx, query, accounts):
        credential = Credential(**dict(zip(Credential.__struct_fields__, row[1:], strict=True)))
        found.setdefault(AccountId(row[0]), []).append(credential)
    return {account: tuple(some) for account, some in found.items()}


def _credential_rows(tx: ReadTx, query: Select[Any], accounts: Collection[AccountId] | None) -> Iterator[Sequence[Any]]:
    table = tables.credentials
    if accounts is not None:
        ordered = sorted(accounts)
        for start in range(0, len(ordered), 500):
            yield from tx.execute(query.where(table.c.account_id.in_(ordered[start : start + 500])))
        return
    after = 0
    while True:
        rows = tx.execute(query.where(table.c.id > after).limit(PAGE)).all()
        yield from rows
        if len(rows) < PAGE:
            return
        after = rows[-1].id


def add_credential(tx: Tx, account: AccountId, prepared: Prepared, label: str) -> CredentialId:
    """Write a credential."""
    row = {
        "account_id": account,
        "kind": prepared.kind,
        "label": label,
        "verifier": prepared.verifier,
        "stored_key": prepared.stored_key,
        "server_key": prepared.server_key,
        "created_at": tx.now_ms,
    }
    key = tx.execute(insert(tables.credentials).values(**row)).inserted_primary_key
    assert key is not None
    return CredentialId(key[0])


def remove_credentials(tx: Tx, account: AccountId, kind: str | None = None, id_: CredentialId | None = None) -> int:
    """Remove an account's credentials: all, those of a kind, or one; answers how many there were."""
    table = tables.credentials
    statement = delete(table).where(table.c.account_id == account)
    if kind is not None:
        statement = statement.where(table.c.kind == kind)
    if id_ is not None:
        statement = statement.where(table.c.id == id_)
    return tx.execute(statement).rowcount


def record_use(tx: Tx, credential: CredentialId, at_ms: int) -> None:
    """Remember that an app password was used, if it is not known of the last ten minutes."""
    table = tables.credentials
    tx.execute(
        update(table)
        .where(table.c.id == credential, table.c.last_used_at <= at_ms - USE_INTERVAL_MS)
        .values(last_used_at=at_ms)
    )
