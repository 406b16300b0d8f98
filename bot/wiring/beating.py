"""Signs of life of a process that forks: a beat and a fork never happen at the same time.

SQLite keeps its locks in tables of the process, and its mutexes with them. A child that is forked in the middle of a
transaction inherits a lock that nobody will ever release, or hangs where no signal reaches it.
"""

import os
import threading

from bot.boundary import guarded
from bot.ports import Clock, Store

EVERY_S = 5.0


class Beats:
    """Writes down every few seconds that `process` lives; between two beats it holds no connection."""

    def __init__(self, store: Store, clock: Clock, process: str) -> None:
        self._store = store
        self._clock = clock
        self._process = process
        self._forking = threading.Lock()

    def start(self, stop: threading.Event) -> threading.Thread:
        """Beat in a thread of its own until `stop` is set; from now on a fork waits for the end of a beat."""
        lock = self._forking
        os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
        self._store.close()
        thread = threading.Thread(target=self._run, args=(stop,), name="beat", daemon=True)
        thread.start()
        return thread

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            with self._forking:
                guarded("beat", self._beat)
                self._store.close()
            stop.wait(EVERY_S)

    def _beat(self) -> None:
        self._store.transact(lambda tx: tx.beat(self._process, at=self._clock.now()))
