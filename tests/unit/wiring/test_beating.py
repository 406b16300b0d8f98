"""A child that is forked while its parent shows a sign of life can write like any other process."""

import os
import threading
import time

from bot.adapters.store.sql import SqlStore, open_engine
from bot.wiring.beating import Beats


class SlowClock:
    """Asked inside the transaction of a beat, which so holds the write lock for a moment."""

    def __init__(self) -> None:
        self.asked = threading.Event()

    def now(self) -> float:
        self.asked.set()
        time.sleep(0.5)
        return 1_800_000_000.0


def test_a_fork_waits_for_the_beat(store: SqlStore) -> None:
    clock, stop = SlowClock(), threading.Event()
    thread = Beats(store, clock, "worker").start(stop)
    assert clock.asked.wait(20.0)
    child = os.fork()
    if child == 0:
        _write_and_exit(str(store.engine.url))
    stop.set()
    _, status = os.waitpid(child, 0)
    thread.join(20.0)
    assert os.waitstatus_to_exitcode(status) == 0


def _write_and_exit(url: str) -> None:
    """As a job's child does: connections of its own, one transaction; 0 where the write lock could be had."""
    code = 1
    try:
        with open_engine(url).connect().execution_options(writing=True) as own, own.begin():
            code = 0
    finally:
        os._exit(code)
