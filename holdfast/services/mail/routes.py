"""Routes: what an address means here. The answers come from the directory by way of a bridge; mail only asks.

expand() follows aliases to the accounts and the outside addresses in the end, each once, in bounded steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

import msgspec

from holdfast.ids import AccountId

DEPTH = 10
MOST = 10_000
"""Addresses that one message may come to by aliases."""


class Local(msgspec.Struct, frozen=True, tag=True):
    """An account here."""

    account: AccountId


class Alias(msgspec.Struct, frozen=True, tag=True):
    """Other addresses stand for this one."""

    targets: tuple[str, ...]


class Remote(msgspec.Struct, frozen=True, tag=True):
    """Not one of our domains."""


class Unknown(msgspec.Struct, frozen=True, tag=True):
    """Our domain, and nobody of that name. why: a sentence for the sender."""

    why: str


Route = Local | Alias | Remote | Unknown
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
    """Follow every recipient to the end; an account or outside address that is reached twice gets the message once."""
    local: dict[AccountId, str] = {}
    remote: dict[str, str] = {}
    refused: list[Refused] = []
    for recipient in recipients:
        seen: set[str] = set()
        level = [recipient]
        for _ in range(DEPTH):
            below: list[str] = []
            for address in level:
                if address.lower() in seen:
                    continue
                seen.add(address.lower())
                route = resolve(address)
                match route:
                    case Local(account):
                        local.setdefault(account, recipient)
                    case Remote():
                        remote.setdefault(address, recipient)
                    case Unknown(why):
                        refused.append(Refused(recipient, "5.1.1", why))
                    case Alias(targets):
                        below.extend(targets)
                    case _:
                        assert_never(route)
            level = below
            if not level or len(seen) > MOST:
                break
        if level:
            refused.append(Refused(recipient, "5.4.6", "aliases lead in a circle or too far"))
    return Expanded(
        [(recipient, account) for account, recipient in local.items()],
        [(recipient, address) for address, recipient in remote.items()],
        refused,
    )
