"""Group commit: bodies of concurrent requests share one transaction, so that durability costs one fsync for many."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bot.domain.errors import Retryable, WatchkeeperError
from bot.domain.records import Arrived
from bot.ports import Store, Transaction

_GATHER_S = 0.003
_MOST_ROWS = 500
_MOST_WAITING = 5000
_MOST_WAITING_BYTES = 128 * 1024 * 1024
# A sender waits no longer for a database that does not answer; what is committed later is a repeat when it comes again.
_LONGEST_S = 10.0


@dataclass(frozen=True, slots=True)
class _Waiting:
    source: str
    kind: str
    body: bytes
    received_at: float
    done: "asyncio.Future[bool]"
    once: str = ""


class GroupCommit:
    """Collects bodies for a few milliseconds, commits them together, then calls `committed`."""

    def __init__(self, store: Store, committed: Callable[[], None]) -> None:
        self._store = store
        self._committed = committed
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue(_MOST_WAITING)
        self._bytes = 0

    async def add(self, source: str, kind: str, body: bytes, *, received_at: float, once: str = "") -> bool:
        """Return once the body is durable, False where `once` was taken before; raises Retryable when it is not."""
        if self._queue.full() or self._bytes + len(body) > _MOST_WAITING_BYTES:
            message = "too many payloads are waiting to be stored"
            raise Retryable(message)
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(_Waiting(source, kind, body, received_at, done, once))
        self._bytes += len(body)
        try:
            return await asyncio.wait_for(done, _LONGEST_S)
        except TimeoutError as error:
            message = f"the database did not take the payload within {_LONGEST_S:.0f} s"
            raise Retryable(message) from error

    async def run(self) -> None:
        """Commit for ever; one task per process."""
        while True:
            group = [await self._queue.get()]
            await asyncio.sleep(_GATHER_S)
            while len(group) < _MOST_ROWS and not self._queue.empty():
                group.append(self._queue.get_nowait())
            await self._commit(group)

    async def _commit(self, group: list[_Waiting]) -> None:
        self._bytes -= sum(len(waiting.body) for waiting in group)
        try:
            new = await asyncio.to_thread(self._store.transact, partial(_insert, group=group))
        except WatchkeeperError as error:
            for waiting in group:
                if not waiting.done.done():
                    waiting.done.set_exception(Retryable(str(error)))
            return
        for waiting, first in zip(group, new, strict=True):
            if not waiting.done.done():
                waiting.done.set_result(first)
        self._committed()


def _insert(tx: Transaction, *, group: list[_Waiting]) -> list[bool]:
    """Store every body whose key is new; a replay in the same group finds the key of the first copy."""
    new = [
        not waiting.once or tx.first_delivery(waiting.source, waiting.once, at=waiting.received_at)
        for waiting in group
    ]
    first = (waiting for waiting, taken in zip(group, new, strict=True) if taken)
    arrived = [Arrived(one.source, one.kind, one.body, one.received_at) for one in first]
    if arrived:
        tx.add_raws(arrived)
    return new
