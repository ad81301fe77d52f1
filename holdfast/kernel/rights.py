"""Who may do what in whose account; rights are data.

The owner of a person's account is that person. Anybody else has what a row grants: read, write, send-as, or owner
(everything, including granting).
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import delete, select

from holdfast.errors import Forbidden
from holdfast.ids import AccountId
from holdfast.kernel.schema import rights
from holdfast.kernel.transaction import ReadTx, Tx


class Right(StrEnum):
    """What one may be granted in an account."""

    OWNER = "owner"
    READ = "read"
    WRITE = "write"
    SEND_AS = "send-as"


_IMPLIED = {
    Right.OWNER: frozenset(Right),
    Right.WRITE: frozenset({Right.WRITE, Right.READ}),
    Right.READ: frozenset({Right.READ}),
    Right.SEND_AS: frozenset({Right.SEND_AS}),
}


def grant(tx: Tx, account: AccountId, principal: AccountId, right: Right) -> None:
    """Give a principal a right in an account; quiet if it has it."""
    row = {"account_id": account, "principal_id": principal, "right": right.value}
    tx.execute(tx.database.insert_once(rights), row)


def revoke(tx: Tx, account: AccountId, principal: AccountId, right: Right) -> None:
    """Take a right back; quiet if it was not granted."""
    match = (rights.c.account_id == account, rights.c.principal_id == principal, rights.c.right == right.value)
    tx.execute(delete(rights).where(*match))


def of(tx: ReadTx, account: AccountId, principal: AccountId) -> frozenset[Right]:
    """Everything a principal may do in an account."""
    if account == principal:
        return _IMPLIED[Right.OWNER]
    query = select(rights.c.right).where(rights.c.account_id == account, rights.c.principal_id == principal)
    granted = [_IMPLIED[Right(value)] for value in tx.execute(query.limit(10)).scalars()]
    return frozenset().union(*granted)


def need(tx: ReadTx, account: AccountId, principal: AccountId, right: Right) -> None:
    """Forbidden, unless the principal has the right."""
    if right not in of(tx, account, principal):
        raise Forbidden("account", account, f"this needs the right to {right.value}")


def shared_with(tx: ReadTx, principal: AccountId, limit: int = 1000) -> list[tuple[AccountId, Right]]:
    """The accounts of others in which a principal has rights, in order."""
    query = (
        select(rights.c.account_id, rights.c.right)
        .where(rights.c.principal_id == principal)
        .order_by(rights.c.account_id, rights.c.right)
        .limit(limit)
    )
    return [(AccountId(account), Right(right)) for account, right in tx.execute(query)]
