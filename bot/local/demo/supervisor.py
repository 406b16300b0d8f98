"""Starts the demo's processes, restarts those that die within a second, and ends all of them.

`run.json` in the data directory names every child's pid and every port: tests kill by it, and so does the warden, which ends
what a killed supervisor left behind.
"""

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Self

import structlog

from bot.domain.errors import Permanent
from bot.local.demo.layout import INFRASTRUCTURE, Layout, Process
from bot.local.demo.leftovers import signal_group

_POLL_S = 0.1
_READY_S = 90.0
_GRACE_S = 6.0
_QUICK_DEATH_S = 2.0
_MOST_QUICK_DEATHS = 5
_REFUSED = 2

_log = structlog.get_logger()


class Supervisor:
    """Owns the children of one demo. Use as a context manager: leaving it ends every child."""

    def __init__(self, layout: Layout, children: Sequence[Process], *, quiet: bool) -> None:
        self._layout = layout
        self._specs = {child.name: child for child in children}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._started: dict[str, float] = {}
        self._quick_deaths: dict[str, int] = {}
        self._stopping = threading.Event()
        self._quiet = quiet
        self._logs: dict[str, IO[bytes]] = {}
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self.failure = ""

    def __enter__(self) -> Self:
        (self._layout.data_dir / "logs").mkdir(exist_ok=True)
        self._warden = subprocess.Popen(
            [sys.executable, "-m", "bot.local.demo.leftovers", str(self._layout.data_dir)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        with contextlib.ExitStack() as unless_all_start:
            unless_all_start.callback(self._end_all)
            self._start_infrastructure()
            for name in self._specs:
                if name not in INFRASTRUCTURE:
                    self._start(name)
            unless_all_start.pop_all()
        self._watcher.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join()
        self._end_all()

    def pids(self) -> dict[str, int]:
        """The pid of every child."""
        return {name: child.pid for name, child in self._running.items()}

    def _start_infrastructure(self) -> None:
        ports = self._layout.ports
        wanted = (("valkey", ports.valkey), ("slack-double", ports.page), ("world", ports.control))
        present = [(name, port) for name, port in wanted if name in self._specs]
        for name, _ in present:
            self._start(name)
        for name, port in present:
            self._wait_for(name, port)

    def _start(self, name: str) -> None:
        spec = self._specs[name]
        if name not in self._logs:
            path = self._layout.data_dir / "logs" / f"{name}.log"
            self._logs[name] = path.open("ab")
        errors = self._logs[name] if self._quiet else None
        self._running[name] = subprocess.Popen(
            spec.argv,
            env=dict(spec.environment),
            stdin=subprocess.DEVNULL,
            stdout=self._logs[name],
            stderr=errors,
            start_new_session=True,
        )
        self._started[name] = time.monotonic()
        self._note_pids()

    def _note_pids(self) -> None:
        ports = asdict(self._layout.ports)
        note = {"supervisor": os.getpid(), "children": self.pids(), "ports": ports}
        fresh = self._layout.data_dir / "run.json.new"
        fresh.write_text(json.dumps(note))
        fresh.replace(self._layout.data_dir / "run.json")

    def _wait_for(self, name: str, port: int) -> None:
        end = time.monotonic() + _READY_S
        while time.monotonic() < end:
            code = self._running[name].poll()
            if code is not None:
                message = f"{name} ended with code {code} while starting; see {self._layout.data_dir}/logs/{name}.log"
                raise Permanent(message)
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.5):
                return
            time.sleep(_POLL_S / 2)
        message = f"{name} did not open port {port} within {_READY_S:.0f} s"
        raise Permanent(message)

    def _watch(self) -> None:
        while not self._stopping.wait(_POLL_S):
            for name, child in list(self._running.items()):
                code = child.poll()
                if code is not None and not self._stopping.is_set():
                    self._revive(name, code)

    def _revive(self, name: str, code: int) -> None:
        quick = time.monotonic() - self._started[name] < _QUICK_DEATH_S
        self._quick_deaths[name] = self._quick_deaths.get(name, 0) + 1 if quick else 0
        if code == _REFUSED or self._quick_deaths[name] >= _MOST_QUICK_DEATHS:
            self.failure = (
                f"{name} cannot run (exit code {code}); see {self._layout.data_dir}/logs/{name}.log"
            )
            del self._running[name]
            return
        _log.warning("child_restarted", child=name, code=code)
        self._start(name)

    def _end_all(self) -> None:
        """End the product before what it stands on, so that it can say goodbye to its queue and to Slack."""
        product = [child for name, child in self._running.items() if name not in INFRASTRUCTURE]
        base = [child for name, child in self._running.items() if name in INFRASTRUCTURE]
        with _undisturbed():
            for group in (product, base):
                _end(group)
        for log in self._logs.values():
            log.close()
        (self._layout.data_dir / "run.json").unlink(missing_ok=True)
        self._warden.communicate()


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """A second Ctrl-C while children are being ended must not leave any of them behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, was in before.items():
            signal.signal(number, was)


def _end(children: Sequence["subprocess.Popen[bytes]"]) -> None:
    for child in children:
        signal_group(child.pid, signal.SIGTERM)
    end = time.monotonic() + _GRACE_S
    for child in children:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=max(0.05, end - time.monotonic()))
    for child in children:
        signal_group(child.pid, signal.SIGKILL)
        child.wait()


@contextlib.contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """Hold a data directory; raises Permanent where another demo runs on it. The lock file lies beside it."""
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    with (data_dir.parent / f".{data_dir.name}.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            message = f"another demo runs on {data_dir}; end it or choose another --data-dir"
            raise Permanent(message) from error
        yield
