"""Hints: "account A changed, types T, now at modseq M". Content-free, and they may be lost; the change log is the truth.

A watcher subscribes first and reads second, so that no change slips between the two:

    with hub.watch(account) as hints:
        position = await cell.read(state, account)
        async for _ in hints: ...

Hints of one account that nobody has fetched yet are merged, so a slow watcher costs one hint, not a queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Protocol

import msgspec

from holdfast.ids import AccountId, ModSeq


class Hint(msgspec.Struct, frozen=True, array_like=True):
    """Something of these types changed in this account."""

    account: AccountId
    modseq: ModSeq
    types: frozenset[str]

    def merged(self, other: Hint) -> Hint:
        return Hint(self.account, max(self.modseq, other.modseq), self.types | other.types)


class Bus(Protocol):
    """Carries hints to the other processes and nodes; may lose them."""

    def send(self, hints: list[Hint]) -> None:
        """Tell everybody else. Callable from any thread; never blocks."""
        ...

    def listen(self, heard: Callable[[list[Hint]], None]) -> None:
        """Call `heard` on this thread's event loop with what others send."""
        ...

    def close(self) -> None: ...


class Watch:
    """One watcher of one account; iterate it for hints."""

    def __init__(self, hub: Hub, account: AccountId) -> None:
        self.account = account
        self._hub = hub
        self._pending: Hint | None = None
        self._waiter: asyncio.Future[None] | None = None

    def tell(self, hint: Hint) -> None:
        self._pending = self._pending.merged(hint) if self._pending else hint
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def take(self) -> Hint | None:
        """The hint that waits, if one does."""
        hint, self._pending = self._pending, None
        return hint

    async def next(self) -> Hint:
        """The next hint; waits for it. Cancelling loses none."""
        while self._pending is None:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        hint, self._pending = self._pending, None
        return hint

    def __aiter__(self) -> Watch:
        return self

    async def __anext__(self) -> Hint:
        return await self.next()

    def __enter__(self) -> Watch:
        self._hub.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hub.remove(self)


class Hub:
    """The watchers of this process. Not thread-safe: all calls happen on the event loop."""

    def __init__(self) -> None:
        self._watches: dict[AccountId, set[Watch]] = {}
        self._seen: dict[AccountId, ModSeq] = {}

    def watch(self, account: AccountId) -> Watch:
        return Watch(self, account)

    def add(self, watch: Watch) -> None:
        self._watches.setdefault(watch.account, set()).add(watch)

    def remove(self, watch: Watch) -> None:
        watches = self._watches.get(watch.account, set())
        watches.discard(watch)
        if not watches:
            self._watches.pop(watch.account, None)
            self._seen.pop(watch.account, None)

    def watched(self) -> list[AccountId]:
        return list(self._watches)

    def publish(self, hints: Iterable[Hint]) -> None:
        """Tell every watcher of the hinted accounts."""
        for hint in hints:
            watches = self._watches.get(hint.account)
            if watches:
                self._seen[hint.account] = max(hint.modseq, self._seen.get(hint.account, ModSeq(0)))
                for watch in tuple(watches):
                    watch.tell(hint)

    def heal(self, positions: Iterable[tuple[AccountId, ModSeq]]) -> int:
        """Compare what watchers were told with the truth; answers how many lost hints were made up for.

        An account of which nobody here has heard yet is told without being counted: most likely nothing was lost.
        """
        late = [(account, modseq) for account, modseq in positions if modseq > self._seen.get(account, ModSeq(0))]
        lost = sum(account in self._seen for account, _ in late)
        self.publish([Hint(account, modseq, frozenset()) for account, modseq in late])
        return lost
