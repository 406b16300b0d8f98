"""Promise 9: no acknowledged alert is lost. Web, correlator and Valkey are killed with SIGKILL while alerts come in."""

import asyncio
import contextlib
import itertools
import os
import random
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.local.demo.layout import Layout, Process, new_layout, processes
from bot.local.demo.supervisor import Supervisor
from tests.promises.conftest import Tally
from tests.promises.served import Talk, Wire, alert_body

FULL_ALERTS, LEAST_ALERTS = 20_000, 500
FULL_KILLS, LEAST_KILLS = 40, 2
ALERTS_EACH = 5
SENDERS = 6
SETTLE_S = 90.0
KILLED = ("web", "valkey", "correlator")
PAUSE_S = 2.2  # Between two kills: about the time in which the slowest of them is back.
_WHOLE = ("-m", "bot")
_SABOTAGED = """
import asyncio, sys
from bot.http import group_commit
from bot.http.group_commit import GroupCommit, _Waiting
from bot.cli.main import main
group_commit._GATHER_S = 3.0
async def add(self, source, kind, body, *, received_at):
    self._queue.put_nowait(_Waiting(source, kind, body, received_at, asyncio.Future()))
GroupCommit.add = add
main()
"""
_web_command: list[tuple[str, ...]] = [_WHOLE]


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """A web process that says 200 first and commits three seconds later."""
    monkeypatch.setattr(sys.modules[__name__], "_web_command", [("-c", _SABOTAGED)])


def children(layout: Layout) -> list[Process]:
    """The product's intake without the world, and so without telemetry."""
    made: list[Process] = []
    for child in processes(layout):
        if child.name in ("world", "worker", "executor"):
            continue
        kept = {
            key: value for key, value in child.environment.items() if not key.endswith(("US_URL", "KI_URL"))
        }
        argv = (sys.executable, *_web_command[0], "serve") if child.name == "web" else child.argv
        made.append(Process(child.name, argv, kept))
    return made


class Storm:
    """Senders that repeat what was not acknowledged, and the killer; both stop when enough was done."""

    def __init__(self, layout: Layout, supervisor: Supervisor, alerts: int, kills: int) -> None:
        self.layout = layout
        self.supervisor = supervisor
        self.bodies = alerts // ALERTS_EACH
        self.kills = kills
        self.acknowledged: list[str] = []
        self.killed: list[str] = []
        self.sent = 0
        self._marks = itertools.count()
        self._seeded = random.Random(9)

    async def run(self) -> None:
        await asyncio.gather(self._kill(), *(self._send() for _ in range(SENDERS)))

    def _over(self) -> bool:
        return len(self.killed) >= self.kills and len(self.acknowledged) >= self.bodies

    async def _send(self) -> None:
        talk = Talk(self.layout.ports.web)
        pause = SENDERS * self.kills * PAUSE_S / self.bodies
        while not self._over():
            mark = f"m{next(self._marks)}"
            wire = Wire(b"POST", b"/alerts/alertmanager", self._headers(), alert_body(mark, ALERTS_EACH))
            status = await self._status(talk, wire)
            while status != 200:
                await asyncio.sleep(0.05)
                status = await self._status(talk, wire)
            self.acknowledged.append(mark)
            await asyncio.sleep(pause * self._seeded.random())
        talk.close()

    async def _status(self, talk: Talk, wire: Wire) -> int:
        self.sent += 1
        try:
            return await talk.status(wire)
        except (OSError, TimeoutError):
            talk.close()
            return 0

    def _headers(self) -> tuple[tuple[bytes, bytes], ...]:
        return ((b"Authorization", b"Bearer " + self.layout.secrets.source.encode()),)

    async def _kill(self) -> None:
        while len(self.killed) < self.kills:
            for name in self._seeded.sample(KILLED, 3) if self.killed else KILLED:
                await asyncio.sleep(PAUSE_S * (0.5 + self._seeded.random()))
                with contextlib.suppress(KeyError, ProcessLookupError):
                    os.kill(self.supervisor.pids()[name], signal.SIGKILL)
                    self.killed.append(name)
                if len(self.killed) >= self.kills:
                    break


@contextlib.contextmanager
def database(layout: Layout) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(
        sqlite3.connect(f"file:{layout.database}?mode=ro", uri=True, timeout=5)
    ) as connection:
        yield connection


def pending(layout: Layout) -> int:
    with database(layout) as connection:
        return int(
            connection.execute("SELECT count(*) FROM raw_bodies WHERE state = 'pending'").fetchone()[0]
        )


def stored(layout: Layout) -> set[str]:
    """The instance label of every stored alert."""
    with database(layout) as connection:
        found = connection.execute(
            "SELECT json_extract(labels, '$.instance'), incident FROM alerts"
        ).fetchall()
    assert all(incident for _, incident in found)
    return {instance for instance, _ in found}


def wait_for(look: Callable[[], bool], what: str, limit_s: float) -> None:
    end = time.monotonic() + limit_s
    while not look():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.1)


def answers(layout: Layout) -> bool:
    wire = Wire(b"GET", b"/healthz", (), b"")
    with contextlib.suppress(OSError):
        return asyncio.run(Talk(layout.ports.web).status(wire)) == 200
    return False


@pytest.mark.timeout(600)
def test_no_acknowledged_alert_is_lost(promise: Callable[[int], Tally], tmp_path: Path) -> None:
    tally = promise(9)
    layout = new_layout(tmp_path / "run", 0)
    with Supervisor(layout, children(layout), quiet=True) as supervisor:
        wait_for(lambda: answers(layout), "the web process", 60)
        storm = Storm(
            layout,
            supervisor,
            tally.size(FULL_ALERTS, least=LEAST_ALERTS),
            tally.size(FULL_KILLS, least=LEAST_KILLS),
        )
        asyncio.run(storm.run())
        assert not supervisor.failure, supervisor.failure
        wait_for(lambda: pending(layout) == 0, "the last payload", SETTLE_S)
    known = stored(layout)
    for mark in storm.acknowledged:
        lost = [at for at in range(ALERTS_EACH) if f"{mark}-{at}" not in known]
        tally.tried(ALERTS_EACH)
        if lost:
            tally.broken(f"{len(lost)} alerts of {mark} were acknowledged and are not stored")
    print(f"{len(storm.killed)} kills, {storm.sent} requests for {len(storm.acknowledged)} payloads")
