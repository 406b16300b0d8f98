"""The sweeper: makes good whatever a crash or a lost poke left undone. Runs in web and correlator, every second."""

import threading
from dataclasses import dataclass

import structlog

from bot.boundary import guarded
from bot.domain.errors import Retryable
from bot.pipeline.approve import expire_plans
from bot.pipeline.resolve import resolve_quiet
from bot.ports import Clock, JobQueue, Store

EVERY_S = 1.0
OVERDUE_S = 1.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sweeper:
    """What a sweep needs. `process` is the name under which it shows signs of life."""

    store: Store
    queue: JobQueue
    clock: Clock
    process: str
    resolve_after_s: float

    def start(self, stop: threading.Event) -> threading.Thread:
        """Sweep in a thread of its own until `stop` is set."""
        thread = threading.Thread(target=self._run, args=(stop,), name="sweeper", daemon=True)
        thread.start()
        return thread

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            guarded("sweep", self.sweep)
            stop.wait(EVERY_S)

    def sweep(self) -> None:
        """One pass; every part may be repeated by another process at the same time without harm."""
        now = self.clock.now()
        self.store.transact(lambda tx: tx.beat(self.process, at=now))
        expire_plans(self.store, now=now)
        tasks = resolve_quiet(self.store, now=now, after_s=self.resolve_after_s)
        overdue = now - OVERDUE_S
        pending = self.store.read(lambda tx: tx.pending_raw(limit=1))
        late = self.store.read(lambda tx: list(tx.due_tasks(now=overdue)))
        try:
            if pending and pending[0].received_at <= overdue:
                self.queue.poke("bot.jobs.correlate", 0)
            for task in sorted({*tasks, *late}):
                self.queue.poke("bot.jobs.work", task)
        except Retryable as error:
            _log.warning("poke_lost", reason=str(error))
