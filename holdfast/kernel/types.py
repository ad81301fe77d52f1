"""Object types: declared once, with their shape, their table and what they name.

A service declares its types and registers them; the kernel writes their rows and their change log, and methods (JMAP),
rights, push and the sweeper of blobs follow from the declaration.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from sqlalchemy import Table


class ObjectType(msgspec.Struct, frozen=True, eq=False):
    """One kind of thing that accounts own.

    table: holds one row for each object, with the columns account_id and id; None for a type that is derived from
    others (a Thread is the set of its emails) and still has a place in the change log.
    blob_columns: columns of the table that name a blob by its number; such blobs are kept.
    counted: its objects count towards the account's quota of objects.
    """

    name: str
    shape: type[msgspec.Struct]
    table: Table | None = None
    blob_columns: tuple[str, ...] = ()
    counted: bool = False


class Registry:
    """All object types of this installation, by name; filled once while the house is wired."""

    def __init__(self, types: tuple[ObjectType, ...] = ()) -> None:
        self._types: dict[str, ObjectType] = {}
        for type_ in types:
            self.add(type_)

    def add(self, type_: ObjectType) -> None:
        if type_.name in self._types:
            raise ValueError(f"the type {type_.name} is declared twice")
        self._types[type_.name] = type_

    def get(self, name: str) -> ObjectType:
        return self._types[name]

    def __iter__(self) -> Iterator[ObjectType]:
        return iter(self._types.values())

    def owns(self, table: object) -> bool:
        """Whether rows of this table may only be written by the kernel's verbs."""
        return any(type_.table is table for type_ in self._types.values())
