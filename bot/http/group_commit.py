"""Group commit: bodies of concurrent requests share one transaction, so that durability costs one fsync for many."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bot.domain.errors import Retryable, WatchkeeperError
from bot.ports import Store, Transaction

_GATHER_S = 0.003
_MOST_ROWS = 500
_MOST_WAITING = 5000


@dataclass(frozen=True, slots=True)
class _Waiting:
    source: str
    kind: str
    body: bytes
    received_at: float
    done: "asyncio.Future[None]"


class GroupCommit:
    """Collects bodies for a few milliseconds, commits them together, then calls `committed`."""

    def __init__(self, store: Store, committed: Callable[[], None]) -> None:
        self._store = store
        self._committed = committed
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue(_MOST_WAITING)

    async def add(self, source: str, kind: str, body: bytes, *, received_at: float) -> None:
        """Return once the body is durable; raises Retryable when it is not."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait(_Waiting(source, kind, body, received_at, done))
        except asyncio.QueueFull as error:
            message = "too many payloads are waiting to be stored"
            raise Retryable(message) from error
        await done

    async def run(self) -> None:
        """Commit for ever; one task per process."""
        while True:
            group = [await self._queue.get()]
            await asyncio.sleep(_GATHER_S)
            while len(group) < _MOST_ROWS and not self._queue.empty():
                group.append(self._queue.get_nowait())
            await self._commit(group)

    async def _commit(self, group: list[_Waiting]) -> None:
        try:
            await asyncio.to_thread(self._store.transact, partial(_insert, group=group))
        except WatchkeeperError as error:
            for waiting in group:
                if not waiting.done.done():
                    waiting.done.set_exception(Retryable(str(error)))
            return
        for waiting in group:
            if not waiting.done.done():
                waiting.done.set_result(None)
        self._committed()


def _insert(tx: Transaction, *, group: list[_Waiting]) -> None:
    for waiting in group:
        tx.add_raw(waiting.source, waiting.kind, waiting.body, received_at=waiting.received_at)
