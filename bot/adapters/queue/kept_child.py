"""A child process that a worker keeps for what its jobs run: a job that hangs or dies takes no worker with it.

A child for every job would copy 20 MB of its parent, page by page, at the first touch of each object: a third of what
an investigation takes. This one has that behind it before a job comes. It is no pool: one job at a time, as before.
"""

import os
import random
import resource
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from contextvars import copy_context
from importlib import import_module
from typing import Never

from bot.adapters.queue.rq import JOB_TIMEOUT_S, QUEUES
from bot.domain.errors import Permanent, WatchkeeperError

# What a job leaks ends with the child, so no child lives for ever, nor once a job has made it large.
MOST_JOBS = 100
MOST_GROWN_KB = 200 * 1024
# The parent ends a child sooner than this; a child that hangs while its parent is killed is ended by nobody else.
LONGEST_S = JOB_TIMEOUT_S + 20
_READY, _STAYS, _LEAVES, _REFUSES = b"r", b"s", b"l", b"f"


class KeptChild:
    """One child at a time, forked by `start`, replaced when it leaves or dies; `prepare` is run by each before its first job."""

    def __init__(
        self, prepare: Callable[[], None], *, most_jobs: int = MOST_JOBS, longest_s: int = LONGEST_S
    ) -> None:
        self._prepare = prepare
        self._most_jobs = most_jobs
        self._longest_s = longest_s
        self._pid = 0
        self._road: socket.socket | None = None

    def start(self) -> socket.socket:
        """Fork a child, wait until it is prepared and give the way to it; raises Permanent when it dies of that."""
        here, there = socket.socketpair()
        with ExitStack() as undo:
            undo.callback(self.end)
            # From here on an interruption loses no child: one whose number is not known yet ends with its road.
            self._pid, self._road = 0, here
            self._pid = os.fork()
            if self._pid == 0:
                here.close()
                self._serve(there)
            there.close()
            if self._answer(here) == _REFUSES:
                raise Permanent(here.makefile("rb").read().decode())
            undo.pop_all()
        return here

    def run(self, function: str, row_id: int) -> None:
        """Have a child run one job; raises Permanent when it died of it. Whatever interrupts the wait ends the child."""
        with ExitStack() as undo:
            undo.callback(self.end)
            answer = self._ask(function, row_id)
            if answer == _STAYS:
                undo.pop_all()
        if answer == _LEAVES:
            self.start()  # Now, so that the next job finds it prepared.

    def end(self) -> int:
        """End the child, and whatever it has started; gives its exit code, below 0 for a signal."""
        if self._road is None:
            return 0
        self._road.close()
        self._road = None
        if self._pid == 0:
            return 0
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])

    def _ask(self, function: str, row_id: int) -> bytes:
        road = self._road or self.start()
        with suppress(BrokenPipeError):
            road.sendall(f"{function} {row_id}\n".encode())
        return self._answer(road)

    def _answer(self, road: socket.socket) -> bytes:
        answer = b""
        with suppress(ConnectionResetError):
            answer = road.recv(1)
        if not answer:
            message = f"the worker's child died with exit code {self.end()}"
            raise Permanent(message)
        return answer

    def _serve(self, road: socket.socket) -> Never:
        """The child: prepare, then run job after job until the parent is gone or it is better to leave."""
        code = 1
        try:
            os.setpgrp()
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(self._longest_s)
            random.seed()
            if self._prepared(road):
                signal.alarm(0)
                at_first = _peak_kb()
                with road.makefile("rb") as asked:
                    for number, line in enumerate(asked, 1):
                        signal.alarm(self._longest_s)
                        _run(line.decode())
                        signal.alarm(0)
                        clean = threading.active_count() == 1 and _peak_kb() - at_first < MOST_GROWN_KB
                        road.sendall(_STAYS if clean and number < self._most_jobs else _LEAVES)
            code = 0
        finally:
            os._exit(code)

    def _prepared(self, road: socket.socket) -> bool:
        """Prepare, and tell the parent how that went."""
        try:
            self._prepare()
        except WatchkeeperError as error:
            road.sendall(_REFUSES + str(error).encode("utf-8", "replace"))
            return False
        road.sendall(_READY)
        return True


def _run(line: str) -> None:
    """One of our functions on one row id, in a context of its own: what it binds for its log lines ends with it."""
    function, row_id = line.split()
    if function not in QUEUES:
        message = f"no job of ours: {function}"
        raise Permanent(message)
    module, _, name = function.rpartition(".")
    copy_context().run(getattr(import_module(module), name), int(row_id))


def _peak_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
