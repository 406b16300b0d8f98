"""The sweeper: makes good whatever a crash or a lost poke left undone. Runs in web and correlator.

Work that nobody took up is looked for every second; what only has an end some time, every few.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

import structlog

from bot.boundary import guarded
from bot.domain.errors import Retryable
from bot.domain.gate import WARN_SKEW_S
from bot.pipeline.approve import expire_plans
from bot.pipeline.heartbeat import Owed, watch_over
from bot.pipeline.load import MOST_OPEN, release_queued
from bot.pipeline.order_desk import expire_orders
from bot.pipeline.planned import end_events
from bot.pipeline.resolve import resolve_quiet
from bot.ports import Clock, JobQueue, Store

EVERY_S = 1.0
ALL_EVERY_S = 4.0
OVERDUE_S = 1.0
# A poke that was not lost waits behind other work; repeating it every second would only make that longer.
LONGEST_AGAIN_S = 8.0
_CORRELATE = 0
# Raw payloads may hold anything that a sender wrote; what was made of them is in the log, redacted.
KEPT_S = 7 * 86_400.0
TIDY_S = 60.0
_TIDIED_AT_ONCE = 500

_log = structlog.get_logger()


@dataclass(slots=True)
class Sweeper:
    """What a sweep needs. `process` is the name under which it shows signs of life; `also` is its own further part."""

    store: Store
    queue: JobQueue
    clock: Clock
    process: str
    resolve_after_s: float
    most_open: int = MOST_OPEN
    owed: Mapping[str, Owed] = field(default_factory=dict)
    also: Callable[[float], Iterable[int]] = lambda _now: ()
    _again: dict[int, tuple[float, float]] = field(default_factory=dict)
    _next_work: Callable[[], tuple[bool, float | None]] | None = None
    _tidied_at: float = 0.0
    _compared_at: float = 0.0

    def start(self, stop: threading.Event) -> threading.Thread:
        """Sweep in a thread of its own until `stop` is set."""
        thread = threading.Thread(target=self._run, args=(stop,), name="sweeper", daemon=True)
        thread.start()
        return thread

    def _run(self, stop: threading.Event) -> None:
        swept_at = -ALL_EVERY_S
        while not stop.is_set():
            if time.monotonic() - swept_at >= ALL_EVERY_S - EVERY_S / 2:
                swept_at = time.monotonic()
                self.sweep()
            else:
                guarded("sweep work", partial(self._poke_overdue, self.clock.now()))
            stop.wait(EVERY_S)

    def sweep(self) -> None:
        """One pass; a part that fails keeps no other from running, and each may be repeated without harm."""
        now = self.clock.now()
        guarded("sweep beat", lambda: self.store.transact(lambda tx: tx.beat(self.process, at=now)))
        guarded("sweep plans", lambda: expire_plans(self.store, now=now))
        guarded("sweep orders", lambda: expire_orders(self.store, now=now))
        guarded("sweep proposals", partial(self._release, now))
        guarded("sweep incidents", partial(self._resolve, now))
        guarded("sweep planned events", lambda: self._poke(end_events(self.store, now=now), now))
        guarded("sweep heartbeats", lambda: watch_over(self.store, self.owed, now=now))
        guarded("sweep work", partial(self._poke_late, now))
        guarded("sweep clocks", partial(self._compare_clocks, now))
        guarded("sweep further", lambda: self._poke(self.also(now), now))
        guarded("sweep old rows", partial(self._tidy, now))

    def _release(self, now: float) -> None:
        self._poke(release_queued(self.store, now=now, most=self.most_open), now)

    def _resolve(self, now: float) -> None:
        for task in resolve_quiet(self.store, now=now, after_s=self.resolve_after_s):
            self._poke([task], now)

    def _tidy(self, now: float) -> None:
        if abs(now - self._tidied_at) >= TIDY_S:
            self.store.transact(lambda tx: tx.forget(before=now - KEPT_S, limit=_TIDIED_AT_ONCE))
            self._tidied_at = now

    def _compare_clocks(self, now: float) -> None:
        """Say once a minute that this host and the database disagree about the time; far apart, the gate denies."""
        if abs(now - self._compared_at) < TIDY_S:
            return
        self._compared_at = now
        known = self.store.read(lambda tx: tx.database_now(now=now))
        if known is not None and abs(known - self.clock.now()) > WARN_SKEW_S:
            _log.warning("clock_skew", other="database", seconds=round(abs(known - self.clock.now())))

    def _poke_overdue(self, now: float) -> None:
        """Between two sweeps: at a glance, whether anything waits too long."""
        if self._next_work is None:
            self._next_work = self.store.next_work()
        _, soonest = self._next_work()
        if soonest is not None and soonest <= now - OVERDUE_S:
            self._poke_late(now)

    def _poke_late(self, now: float) -> None:
        overdue = now - OVERDUE_S
        oldest, tasks = self.store.read(lambda tx: (tx.oldest_pending_raw(), tx.due_tasks(now=overdue)))
        late = list(tasks)
        # One from the future was stamped before a clock was set back.
        if oldest is not None and not overdue < oldest <= now:
            late.insert(0, _CORRELATE)
        self._again = {row: told for row, told in self._again.items() if row in late}
        self._poke([row for row in late if self._ripe(row, now)], now)

    def _ripe(self, row: int, now: float) -> bool:
        """Whether a row may be poked (again); a clock that was set back makes nothing wait longer."""
        at, _ = self._again.get(row, (0.0, 0.0))
        return not now < at <= now + LONGEST_AGAIN_S

    def _poke(self, rows: Iterable[int], now: float) -> None:
        try:
            for row in rows:
                self.queue.poke("bot.jobs.work" if row else "bot.jobs.correlate", row)
                _, waited = self._again.get(row, (0.0, EVERY_S / 2))
                wait = min(2 * waited, LONGEST_AGAIN_S)
                self._again[row] = (now + wait, wait)
        except Retryable as error:
            _log.warning("poke_lost", reason=str(error))
