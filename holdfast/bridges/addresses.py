"""Addresses: mail asks where an address leads, the directory's map answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from holdfast.services.directory import map as directory
from holdfast.services.directory.map import AddressMap
from holdfast.services.mail.routes import Here, Remote, Resolve, Route, Unknown


def resolver(map_of_now: Callable[[], AddressMap]) -> Resolve:
    """Asks the newest copy of the map that this process has."""

    def resolve(address: str) -> Route:
        found = directory.resolve(map_of_now(), address)
        match found:
            case directory.Local(accounts):
                return Here(accounts)
            case directory.Forward(accounts, addresses):
                return Here(accounts, addresses)
            case directory.Remote():
                return Remote()
            case directory.Unknown(why):
                return Unknown(why)
            case _:
                assert_never(found)

    return resolve
