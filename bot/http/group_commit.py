"""Group commit: bodies of concurrent requests share one transaction, so that durability costs one fsync for many.

One thread commits; the loop hands it a group as soon as everybody who sends at the moment has sent again, so that a lone
sender waits for nobody and many at once share.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue

from bot.domain.errors import Retryable, WatchkeeperError
from bot.domain.records import Arrived
from bot.ports import Store, Transaction

# How long a group waits at most for those who sent with the last one.
_GATHER_S = 0.003
_MOST_ROWS = 500
_MOST_WAITING = 5000
_MOST_WAITING_BYTES = 128 * 1024 * 1024
# A sender waits no longer for a database that does not answer; what is committed later is a repeat when it comes again.
_LONGEST_S = 10.0
# So many looks within that time find who has waited too long; a timer for each sender costs more than its row.
_LOOKS = 20


# Told once: whether the body is new, or why it could not be stored.
Tell = Callable[[bool | Retryable], None]


@dataclass(slots=True)
class _Waiting:
    arrived: Arrived
    once: str
    tell: Tell
    until: float
    told: bool = False

    def hears(self, outcome: bool | Retryable) -> None:
        if not self.told:
            self.told = True
            self.tell(outcome)


class GroupCommit:
    """Collects bodies for a moment, commits them together, then calls `committed`."""

    def __init__(self, store: Store, committed: Callable[[], None]) -> None:
        self._store = store
        self._committed = committed
        self._open: list[_Waiting] = []
        self._bytes = 0
        self._under_way: list[_Waiting] = []
        self._groups: SimpleQueue[list[_Waiting] | None] = SimpleQueue()
        # How many sent at the same time lately, which is how many a group waits for; those who left are forgotten
        # one by one, else a sender who came too early would make the next group small again.
        self._crowd = 1
        self._loop: asyncio.AbstractEventLoop | None = None
        self._gathering: asyncio.TimerHandle | None = None
        self._looking: asyncio.TimerHandle | None = None

    async def add(self, source: str, kind: str, body: bytes, *, received_at: float, once: str = "") -> bool:
        """Return once the body is durable, False where `once` was taken before; raises Retryable when it is not."""
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.put(Arrived(source, kind, body, received_at), once, partial(_settle, done))
        return await done

    def put(self, arrived: Arrived, once: str, tell: Tell) -> None:
        """As `add`, for a caller that does not wait: `tell` hears of it, in the loop, perhaps at once."""
        size = len(arrived.body)
        if len(self._open) >= _MOST_WAITING or self._bytes + size > _MOST_WAITING_BYTES:
            tell(Retryable("too many payloads are waiting to be stored"))
            return
        loop = self._loop = self._loop or asyncio.get_running_loop()  # Asking costs a system call each time.
        self._open.append(_Waiting(arrived, once, tell, loop.time() + _LONGEST_S))
        self._bytes += size
        if self._looking is None:
            self._looking = loop.call_later(_LONGEST_S / _LOOKS, self._look, loop)
        if not self._under_way:
            self._gather(loop)

    async def run(self) -> None:
        """Commit for ever; one task per process."""
        loop = asyncio.get_running_loop()
        hands = ThreadPoolExecutor(1, "commits")
        try:
            await loop.run_in_executor(hands, self._work, loop)
        finally:
            self._groups.put(None)
            hands.shutdown(wait=False)

    def _gather(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hand over what is open, now or in a moment."""
        if len(self._open) >= self._crowd:
            self._hand_over()
        elif self._gathering is None:
            self._gathering = loop.call_later(_GATHER_S, self._hand_over)

    def _hand_over(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        self._under_way, self._open = self._open[:_MOST_ROWS], self._open[_MOST_ROWS:]
        self._bytes -= sum(len(waiting.arrived.body) for waiting in self._under_way)
        self._groups.put(self._under_way)

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        """Commit group after group; in the thread."""
        while (group := self._groups.get()) is not None:
            found: list[bool] | Retryable
            try:
                found = self._store.transact(partial(_insert, group=group))
            except WatchkeeperError as error:
                found = Retryable(str(error))
            loop.call_soon_threadsafe(self._tell, loop, found)

    def _tell(self, loop: asyncio.AbstractEventLoop, found: "list[bool] | Retryable") -> None:
        """Tell every sender of the group, and see to the next one."""
        group, self._under_way = self._under_way, []
        self._crowd = min(max(len(group) + len(self._open), self._crowd - 1), _MOST_ROWS)
        if isinstance(found, Retryable):
            for waiting in group:
                waiting.hears(found)
        else:
            for waiting, first in zip(group, found, strict=True):
                waiting.hears(first)
            self._committed()
        if self._open:
            self._gather(loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Refuse who has waited too long, and look again while anybody waits."""
        now = loop.time()
        for waiting in [*self._under_way, *self._open]:
            if now >= waiting.until:
                reason = f"the database did not take the payload within {_LONGEST_S:.0f} s"
                waiting.hears(Retryable(reason))
        waits = self._under_way or self._open
        self._looking = loop.call_later(_LONGEST_S / _LOOKS, self._look, loop) if waits else None


def _settle(done: "asyncio.Future[bool]", outcome: bool | Retryable) -> None:
    if done.done():
        return
    if isinstance(outcome, Retryable):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)


def _insert(tx: Transaction, *, group: list[_Waiting]) -> list[bool]:
    """Store every body whose key is new; a replay in the same group finds the key of the first copy."""
    new = [
        not one.once or tx.first_delivery(one.arrived.source, one.once, at=one.arrived.received_at)
        for one in group
    ]
    arrived = [one.arrived for one, taken in zip(group, new, strict=True) if taken]
    if arrived:
        tx.add_raws(arrived)
    return new
