"""A process that has everything imported and forks children on demand, each the leader of a process group of its own.

So that a killed process is back within milliseconds, and a fork never copies a thread of the test's own servers.
"""

import contextlib
import os
import select
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

_START = b"s"
_LOOK_S = 0.01
_NUMBER = 4  # Bytes of a pid or a status on the wire.


class Nursery:
    """`work` is what every child runs; what it prints goes to `log`. One child lives at a time."""

    def __init__(self, work: Callable[[], None], log: Path) -> None:
        self._ours, theirs = socket.socketpair()
        self._pid = os.fork()
        if self._pid == 0:
            self._ours.close()
            _serve(theirs, work, log)
        theirs.close()
        self._child = 0

    def start(self) -> None:
        """Fork a child; it runs when this returns."""
        self._ours.sendall(_START)
        self._child = self._number()

    def kill(self) -> int:
        """SIGKILL to the child and everything that it started; gives its wait status."""
        child, self._child = self._child, 0
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        return self._number()

    def close(self) -> None:
        """End the nursery, and a child that is left."""
        if self._child:
            self.kill()
        self._ours.close()
        os.waitpid(self._pid, 0)

    def _number(self) -> int:
        found = self._ours.recv(_NUMBER)
        assert len(found) == _NUMBER, "the nursery is gone"
        return int.from_bytes(found, "big")


def _serve(commands: socket.socket, work: Callable[[], None], log: Path) -> NoReturn:
    """Never returns: a child for each command, until the other side hangs up."""
    try:
        while commands.recv(1) == _START:
            child = os.fork()
            if child == 0:
                _live(work, log)
            # Both sides say it, so that the group exists before anybody may kill it.
            os.setpgid(child, child)
            commands.sendall(child.to_bytes(_NUMBER, "big"))
            commands.sendall(_end_of(child, commands).to_bytes(_NUMBER, "big"))
    finally:
        os._exit(0)


def _end_of(child: int, commands: socket.socket) -> int:
    """The child's wait status, when it has one; it is killed where the other side hangs up first."""
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        # Nothing is sent while a child lives, so that what there is to read is the end.
        if select.select([commands], [], [], _LOOK_S)[0]:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os._exit(1)


def _live(work: Callable[[], None], log: Path) -> NoReturn:
    try:
        os.setpgid(0, 0)
        said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for stream in (1, 2):
            os.dup2(said, stream)
        work()
    finally:
        os._exit(1)
