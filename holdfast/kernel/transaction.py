"""A write as domain code sees it: rows of declared types, and the account's order kept without asking.

Owns the account's modseq, its object ids, its quota counters and its change rows: whoever writes an object here has
written its change. Leaves batching, commits and retries to cell.py.
A service may write its own side tables (indexes, cursors) with execute(); rows of a declared type go through create,
update and destroy, and execute() refuses them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, CursorResult, Executable, bindparam, select, update
from sqlalchemy.sql.dml import UpdateBase

from holdfast.errors import NotFound, OverQuota
from holdfast.ids import AccountId, ModSeq, ObjectId
from holdfast.kernel.changes import CREATED, DESTROYED, UPDATED
from holdfast.kernel.database import Database
from holdfast.kernel.hints import Hint
from holdfast.kernel.schema import accounts, changes, keys
from holdfast.kernel.types import ObjectType, Registry

_ACCOUNT = select(
    accounts.c.modseq,
    accounts.c.next_object,
    accounts.c.used_bytes,
    accounts.c.used_objects,
    accounts.c.quota_bytes,
    accounts.c.quota_objects,
).where(accounts.c.id == bindparam("account"))
_LOCK_ACCOUNT = _ACCOUNT.with_for_update()
_SETTLE_ACCOUNT = (
    update(accounts)
    .where(accounts.c.id == bindparam("account"))
    .values(
        modseq=bindparam("modseq_"),
        next_object=bindparam("next_object_"),
        used_bytes=bindparam("used_bytes_"),
        used_objects=bindparam("used_objects_"),
    )
)
_INSERT_CHANGES = changes.insert()


class ReadTx:
    """A snapshot: everything read through it is of one moment."""

    def __init__(self, connection: Connection, database: Database) -> None:
        self.connection = connection
        self.database = database

    def execute(
        self, statement: Executable, values: Mapping[str, object] | None = None
    ) -> CursorResult[*tuple[Any, ...]]:
        return self.connection.execute(statement, values)


class _Touched:
    """An account within one write, as it will be left."""

    __slots__ = (
        "ahead",
        "changes",
        "modseq",
        "next_object",
        "quota_bytes",
        "quota_objects",
        "used_bytes",
        "used_objects",
    )

    def __init__(self, row: tuple[int, int, int, int, int | None, int | None]) -> None:
        self.modseq, self.next_object, self.used_bytes, self.used_objects, self.quota_bytes, self.quota_objects = row
        self.ahead = False  # whether modseq is already this write's own
        self.changes: dict[tuple[str, int], int] = {}


class Tx(ReadTx):
    """One write: all of it is committed, or none."""

    def __init__(self, connection: Connection, database: Database, registry: Registry, now_ms: int) -> None:
        super().__init__(connection, database)
        self.registry = registry
        self.now_ms = now_ms
        self._touched: dict[AccountId, _Touched] = {}

    def execute(
        self, statement: Executable, values: Mapping[str, object] | Sequence[Mapping[str, object]] | None = None
    ) -> CursorResult[*tuple[Any, ...]]:
        if isinstance(statement, UpdateBase) and self.registry.owns(statement.table):
            raise TypeError(f"rows of {statement.table} are written by Tx.create, update and destroy")
        return self.connection.execute(statement, values)

    # -- the account's own order ---------------------------------------------------------------------------------

    def modseq(self, account: AccountId) -> ModSeq:
        """The position that everything this write does to the account will have."""
        touched = self._touch(account)
        if not touched.ahead:
            touched.modseq += 1
            touched.ahead = True
        return ModSeq(touched.modseq)

    def new_ids(self, account: AccountId, count: int) -> range:
        """Ids for new objects of the account, rising."""
        touched = self._touch(account)
        first = touched.next_object
        touched.next_object += count
        return range(first, first + count)

    def new_id(self, account: AccountId) -> ObjectId:
        return ObjectId(self.new_ids(account, 1)[0])

    def _touch(self, account: AccountId) -> _Touched:
        touched = self._touched.get(account)
        if touched is None:
            row = self.connection.execute(_LOCK_ACCOUNT, {"account": account}).one_or_none()
            if row is None:
                raise NotFound("account", account)
            touched = self._touched[account] = _Touched(tuple(row))
        return touched

    def drop(self, account: AccountId) -> None:
        """The account is gone within this write: nothing of it is left to settle. Called by accounts.close_account."""
        self._touched.pop(account, None)

    # -- quota ---------------------------------------------------------------------------------------------------

    def use(self, account: AccountId, size_bytes: int, objects: int, *, limited: bool = True) -> None:
        """Count bytes and objects towards the account's quota; negative numbers give room back.

        OverQuota: nothing was counted. limited=False counts without asking (moves, repairs).
        """
        touched = self._touch(account)
        used_bytes = touched.used_bytes + size_bytes
        used_objects = touched.used_objects + objects
        if limited:
            if size_bytes > 0 and touched.quota_bytes is not None and used_bytes > touched.quota_bytes:
                raise OverQuota("account", account, f"the quota of {touched.quota_bytes} bytes would be passed")
            if objects > 0 and touched.quota_objects is not None and used_objects > touched.quota_objects:
                raise OverQuota("account", account, f"the quota of {touched.quota_objects} objects would be passed")
        touched.used_bytes = used_bytes
        touched.used_objects = used_objects
        self.modseq(account)

    # -- objects -------------------------------------------------------------------------------------------------

    def create(self, type_: ObjectType, account: AccountId, rows: Sequence[Mapping[str, object]]) -> None:
        """Write new objects; each row has an id from new_ids. account_id, and modseq where the table has one, are set."""
        table = type_.table
        assert table is not None
        own: dict[str, object] = {"account_id": account}
        if "modseq" in table.c:
            own["modseq"] = self.modseq(account)
        self.connection.execute(table.insert(), [{**own, **row} for row in rows])
        self.note(type_, account, created=[row["id"] for row in rows])  # type: ignore[misc]

    def update(
        self, type_: ObjectType, account: AccountId, ids: Collection[ObjectId], values: Mapping[str, object]
    ) -> None:
        """Give the same values to some objects of a type."""
        table = type_.table
        assert table is not None
        own = {"modseq": self.modseq(account)} if "modseq" in table.c else {}
        self._by_ids(update(table).values(**values, **own), table, account, ids)
        self.note(type_, account, updated=ids)

    def destroy(self, type_: ObjectType, account: AccountId, ids: Collection[ObjectId]) -> None:
        """Remove objects; the change log keeps their names."""
        table = type_.table
        assert table is not None
        self._by_ids(table.delete(), table, account, ids)
        self.note(type_, account, destroyed=ids)

    def _by_ids(self, statement: Any, table: Any, account: AccountId, ids: Collection[ObjectId]) -> None:
        ordered = sorted(ids)
        if ordered and ordered[-1] - ordered[0] == len(ordered) - 1:
            self.connection.execute(
                statement.where(table.c.account_id == account, table.c.id.between(ordered[0], ordered[-1]))
            )
            return
        for start in range(0, len(ordered), 500):
            some = ordered[start : start + 500]
            self.connection.execute(statement.where(table.c.account_id == account, table.c.id.in_(some)))

    def note(
        self,
        type_: ObjectType,
        account: AccountId,
        *,
        created: Collection[ObjectId] = (),
        updated: Collection[ObjectId] = (),
        destroyed: Collection[ObjectId] = (),
    ) -> None:
        """Record changes of objects whose rows are not of create, update or destroy: derived types, set-wise writes."""
        self.modseq(account)
        log = self._touched[account].changes
        name = type_.name
        for id_ in created:
            log[name, id_] = CREATED
        for id_ in updated:
            log.setdefault((name, id_), UPDATED)
        for id_ in destroyed:
            if log.get((name, id_)) == CREATED:
                del log[name, id_]  # came and went within one write: nobody can have seen it
            else:
                log[name, id_] = DESTROYED

    # -- once ----------------------------------------------------------------------------------------------------

    def once(self, account: AccountId, scope: str, key: str, object_id: ObjectId) -> ObjectId | None:
        """Claim an idempotency key for an object; answers the object of an earlier claim, or None if this is the first."""
        claim = self.database.insert_once(keys)
        row = {"account_id": account, "scope": scope, "key": key, "object_id": object_id, "created_at": self.now_ms}
        if self.connection.execute(claim, row).rowcount:
            return None
        found = self.connection.execute(
            select(keys.c.object_id).where(keys.c.account_id == account, keys.c.scope == scope, keys.c.key == key)
        )
        return ObjectId(found.scalar_one())

    # -- the end -------------------------------------------------------------------------------------------------

    def settle(self) -> list[Hint]:
        """Write the accounts' counters and change rows; answers the hints to give after the commit. Called by the cell."""
        hints = []
        rows: list[dict[str, object]] = []
        accounts_: list[dict[str, object]] = []
        for account, touched in self._touched.items():
            accounts_.append(
                {
                    "account": account,
                    "modseq_": touched.modseq,
                    "next_object_": touched.next_object,
                    "used_bytes_": touched.used_bytes,
                    "used_objects_": touched.used_objects,
                }
            )
            modseq = touched.modseq
            rows.extend(
                {"account_id": account, "type": name, "modseq": modseq, "object_id": id_, "what": what}
                for (name, id_), what in touched.changes.items()
            )
            if touched.ahead:
                types = frozenset(name for name, _ in touched.changes)
                hints.append(Hint(account=account, modseq=ModSeq(modseq), types=types))
        if accounts_:
            self.connection.execute(_SETTLE_ACCOUNT, accounts_)
        if rows:
            self.connection.execute(_INSERT_CHANGES, rows)
        self._touched.clear()
        return hints
