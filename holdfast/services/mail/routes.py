"""Routes: where mail for an address goes. The answers come from the directory by way of a bridge; mail only asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

import msgspec

from holdfast.ids import AccountId


class Here(msgspec.Struct, frozen=True, tag=True):
    """Our address: it leads to these accounts and, by an alias, to these addresses elsewhere."""

    accounts: tuple[AccountId, ...]
    addresses: tuple[str, ...] = ()


class Remote(msgspec.Struct, frozen=True, tag=True):
    """Not one of our domains."""


class Unknown(msgspec.Struct, frozen=True, tag=True):
    """Our domain, and nobody of that name. why: a sentence for the sender."""

    why: str


Route = Here | Remote | Unknown
Resolve = Callable[[str], Route]


class Refused(msgspec.Struct, frozen=True):
    """A recipient who does not get the message. status: RFC 3463."""

    recipient: str
    status: str
    why: str


class Expanded(msgspec.Struct, frozen=True):
    """Where a message goes. The first address of each pair is the one of the envelope."""

    local: list[tuple[str, AccountId]]
    remote: list[tuple[str, str]]
    refused: list[Refused]


def expand(recipients: list[str], resolve: Resolve) -> Expanded:
    """Where everybody of an envelope is; an account or outside address that is reached twice gets the message once."""
    local: dict[AccountId, str] = {}
    remote: dict[str, str] = {}
    refused: list[Refused] = []
    for recipient in recipients:
        route = resolve(recipient)
        match route:
            case Here(accounts, addresses):
                for account in accounts:
                    local.setdefault(account, recipient)
                for address in addresses:
                    remote.setdefault(address, recipient)
            case Remote():
                remote.setdefault(recipient, recipient)
            case Unknown(why):
                refused.append(Refused(recipient, "5.1.1", why))
            case _:
                assert_never(route)
    return Expanded(
        [(recipient, account) for account, recipient in local.items()],
        [(recipient, address) for address, recipient in remote.items()],
        refused,
    )
