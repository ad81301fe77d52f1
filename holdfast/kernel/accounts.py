"""Accounts: the unit of ownership, placement, order, quota and sync."""

from __future__ import annotations

import msgspec
from sqlalchemy import delete, insert, select, update

from holdfast.errors import Conflict, NotFound
from holdfast.ids import NOBODY, AccountId, ModSeq, OrganisationId
from holdfast.kernel.schema import accounts, changes, cursors, jobs, keys, rights
from holdfast.kernel.transaction import ReadTx, Tx


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One account. name is the address that its owner signs in with; quota None: no limit."""

    id: AccountId
    organisation_id: OrganisationId
    kind: str
    name: str
    display_name: str
    modseq: ModSeq
    quota_bytes: int | None
    quota_objects: int | None
    used_bytes: int
    used_objects: int
    disabled: bool
    created_at: int


def open_account(
    tx: Tx,
    organisation: OrganisationId,
    kind: str,
    name: str,
    *,
    display_name: str = "",
    quota_bytes: int | None = None,
    quota_objects: int | None = None,
) -> AccountId:
    """Make an empty account. Conflict: the name is taken."""
    if tx.execute(select(accounts.c.id).where(accounts.c.name == name)).scalar() is not None:
        raise Conflict("account", name, "there is one of that name")
    row = {
        "organisation_id": organisation,
        "kind": kind,
        "name": name,
        "display_name": display_name,
        "quota_bytes": quota_bytes,
        "quota_objects": quota_objects,
        "created_at": tx.now_ms,
    }
    key = tx.execute(insert(accounts).values(**row)).inserted_primary_key
    assert key is not None
    return AccountId(key[0])


def get(tx: ReadTx, account: AccountId) -> Account:
    """One account. NotFound."""
    row = tx.execute(select(*_COLUMNS).where(accounts.c.id == account)).one_or_none()
    if row is None:
        raise NotFound("account", account)
    return Account(**row._mapping)


def by_name(tx: ReadTx, name: str) -> Account:
    """One account by the name its owner signs in with. NotFound."""
    row = tx.execute(select(*_COLUMNS).where(accounts.c.name == name)).one_or_none()
    if row is None:
        raise NotFound("account", name)
    return Account(**row._mapping)


def listed(tx: ReadTx, *, after: AccountId = NOBODY, limit: int = 1000) -> list[Account]:
    """Accounts in order of id."""
    query = select(*_COLUMNS).where(accounts.c.id > after).order_by(accounts.c.id).limit(limit)
    return [Account(**row._mapping) for row in tx.execute(query)]


def set_disabled(tx: Tx, account: AccountId, disabled: bool) -> None:
    """Close or open the doors to an account; what is in it stays, and mail to it is still taken in."""
    tx.execute(update(accounts).where(accounts.c.id == account).values(disabled=disabled))


def set_quota(tx: Tx, account: AccountId, quota_bytes: int | None, quota_objects: int | None) -> None:
    """Change the limits; what is above a new limit stays and only nothing new comes in."""
    tx.execute(
        update(accounts).where(accounts.c.id == account).values(quota_bytes=quota_bytes, quota_objects=quota_objects)
    )


def close_account(tx: Tx, account: AccountId) -> None:
    """Remove an account and all that the kernel keeps of it; its number is never used again.

    Services remove their own rows before, and write nothing of this account after it in the same write.
    """
    for table in (changes, jobs, cursors, keys, rights):
        tx.execute(delete(table).where(table.c.account_id == account))
    tx.execute(delete(rights).where(rights.c.principal_id == account))
    tx.execute(delete(accounts).where(accounts.c.id == account))
    tx.drop(account)


_COLUMNS = [accounts.c[name] for name in Account.__struct_fields__]
