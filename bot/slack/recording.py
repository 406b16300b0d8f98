"""The one bridge from Bolt's event loop to the synchronous store: commits what listeners keep, in a thread of its own.

What comes in while a commit is under way shares the next one. The mark against a second delivery of a signed request is
committed with what is kept of it.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from bot.domain.errors import Retryable, WatchkeeperError
from bot.ports import Clock, Store, Transaction

RAW_KIND = "slack"
ALERT, DELIVERY = "alert", "delivery"
MARKS = (ALERT, DELIVERY)
_MOST_ROWS = 500
_GATHER_S = 0.002
_CROWDED_S, _LONGEST_WAY_S = 0.02, 0.1
# What is wrong with one row alone; whoever shares a commit with it is tried again without it.
_OF_ONE = (LookupError, TypeError, ValueError, AttributeError, RecursionError, WatchkeeperError)


@dataclass(slots=True)
class Delivery:
    """A signed request that is being taken: whether its mark was handed in, and whether it had been taken before."""

    signature: str
    marked: bool = False
    replayed: bool = False


DELIVERING: ContextVar[Delivery | None] = ContextVar("delivering", default=None)


@dataclass(slots=True)
class _Waiting:
    """`done` gets what `work` said, or None where the signature had been taken before."""

    work: Callable[[Transaction], bool]
    signature: str
    at: float
    loop: asyncio.AbstractEventLoop
    done: "asyncio.Future[bool | None]"


class Recorder:
    """Writes inbox rows. One thread, so that listeners queue here and not in the database."""

    def __init__(self, store: Store, clock: Clock, on_alert: Callable[[], None]) -> None:
        self._store = store
        self._clock = clock
        self._on_alert = on_alert
        self._open: deque[_Waiting] = deque()
        self._called = False
        self._crowd = 1
        self._crowded_until = 0.0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="slack-record")

    async def record(self, dedupe: str, kind: str, payload: Mapping[str, Any]) -> bool:
        """Commit one row; False when this delivery was recorded before. ValueError for a key that no database keeps."""
        if "\0" in dedupe:
            message = "a NUL character"
            raise ValueError(message)
        return await self._run(lambda tx: tx.record_inbox(dedupe, kind, payload, at=self._clock.now()))

    async def record_alert(self, dedupe: str, source: str, body: bytes) -> bool:
        """Commit one raw alert body, once per delivery, and say that something is pending."""

        def work(tx: Transaction) -> bool:
            now = self._clock.now()
            if not tx.record_inbox(dedupe, ALERT, {"source": source}, at=now):
                return False
            tx.add_raw(source, RAW_KIND, body, received_at=now)
            return True

        new = await self._run(work)
        if new:
            self._on_alert()
        return new

    async def mark(self) -> None:
        """Commit the mark of the request that is being taken, where nothing else was kept of it."""
        await self._run(lambda _tx: True)

    def make_way(self) -> None:
        """Wait while many acts come in at once: what is acknowledged late is lost, what is decided a moment later is not."""
        end = time.monotonic() + _LONGEST_WAY_S
        while time.monotonic() < min(self._crowded_until, end):
            time.sleep(_CROWDED_S / 4)

    def close(self) -> None:
        """Finish what was taken up."""
        self._thread.shutdown(wait=True)

    async def _run(self, work: Callable[[Transaction], bool]) -> bool:
        delivery = DELIVERING.get()
        signature = ""
        if delivery is not None:
            if delivery.replayed:
                return False
            signature, delivery.marked = "" if delivery.marked else delivery.signature, True
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bool | None] = loop.create_future()
        self._open.append(_Waiting(work, signature, self._clock.now(), loop, done))
        if not self._called:
            self._called = True
            self._thread.submit(self._commit_open)
        said = await done
        if said is None and delivery is not None:
            delivery.replayed = True
        return bool(said)

    def _commit_open(self) -> None:
        """In the thread: commit everything that waits; whoever comes from now on calls again.

        As many as came together last time are waited for, a moment at most: a commit costs as much for one as for all.
        """
        end = time.monotonic() + _GATHER_S
        while len(self._open) < self._crowd and time.monotonic() < end:
            time.sleep(_GATHER_S / 10)
        self._called = False
        group: list[_Waiting] = []
        while self._open and len(group) < _MOST_ROWS:
            group.append(self._open.popleft())
        if group:
            self._commit(group)
            self._crowd = min(len(group) + len(self._open), _MOST_ROWS)
        if self._open:
            self._thread.submit(self._commit_open)
        if len(group) > 1:
            self._crowded_until = time.monotonic() + _CROWDED_S

    def _commit(self, group: Sequence[_Waiting]) -> None:
        found: Sequence[bool | None] | Exception = Retryable("it could not be committed")
        try:
            found = self._tried(group)
        finally:
            self._tell(group, found)

    def _tried(self, group: Sequence[_Waiting]) -> Sequence[bool | None] | Exception:
        try:
            return self._store.transact(lambda tx: [_kept(tx, one) for one in group])
        except _OF_ONE as error:
            return error

    def _tell(self, group: Sequence[_Waiting], found: Sequence[bool | None] | Exception) -> None:
        if not isinstance(found, Exception):
            said = list(zip(group, found, strict=True))
            for loop in {id(one.loop): one.loop for one in group}.values():
                loop.call_soon_threadsafe(_answer, [pair for pair in said if pair[0].loop is loop])
        elif len(group) > 1 and not isinstance(found, Retryable):
            for one in group:
                self._commit([one])
        else:
            for one in group:
                one.loop.call_soon_threadsafe(_refuse, one.done, found)


def _kept(tx: Transaction, one: _Waiting) -> bool | None:
    if one.signature and not tx.first_delivery(RAW_KIND, one.signature, at=one.at):
        return None
    return one.work(tx)


def _answer(pairs: Sequence[tuple[_Waiting, bool | None]]) -> None:
    """Waking the loop costs as much as answering, so that it is woken once."""
    for one, said in pairs:
        if not one.done.done():
            one.done.set_result(said)


def _refuse(done: "asyncio.Future[bool | None]", error: Exception) -> None:
    if not done.done():
        done.set_exception(error)
