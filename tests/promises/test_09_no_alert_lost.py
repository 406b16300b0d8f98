"""Promise 9: no acknowledged alert is lost, and each is on a card, whatever is killed while alerts come in.

Web, correlator, worker and Valkey die by SIGKILL; the database loses every connection at once (PostgreSQL, at full
scale) or is locked by somebody else (SQLite). The Slack double's clock runs faster than time, its limits unchanged.
"""

import asyncio
import contextlib
import itertools
import json
import os
import random
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from bot.local.demo.layout import Layout, Process, new_layout, processes
from bot.local.demo.supervisor import Supervisor
from tests.bench.storm_intake import text_of
from tests.postgres import postgres
from tests.promises.conftest import Tally
from tests.promises.served import Talk, Wire, alert_body

FULL_ALERTS, LEAST_ALERTS = 100_000, 600
FULL_KILLS, LEAST_KILLS = 200, 4
ALERTS_EACH = 20
SENDERS = 8
SETTLE_S = 90.0
# Shares of all kills: a process needs two seconds to come back, a connection none.
SHARES = {"database": 0.5, "web": 0.15, "correlator": 0.15, "valkey": 0.15, "worker": 0.05}
PAUSE_S = {"database": 0.6}
PROCESS_PAUSE_S = 2.3
LOCKED_S = 0.6
CLOCK_RATE = "20"
_NO_WORLD = ("PROMETHEUS", "LOKI", "RUNTIME", "KUBE", "_AWS_", "_ECS_", "_JVM_", "POSTGRES")
_WHOLE = ("-m", "bot")
_SABOTAGED = """
import asyncio, sys
from bot.http.group_commit import GroupCommit
from bot.cli.main import main
honest = GroupCommit.put
def put(self, arrived, once, tell):
    asyncio.get_running_loop().call_later(3.0, honest, self, arrived, "", lambda outcome: None)
    tell(True)
GroupCommit.put = put
main()
"""
_web_command: list[tuple[str, ...]] = [_WHOLE]


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """A web process that says 200 first and commits three seconds later."""
    monkeypatch.setattr(sys.modules[__name__], "_web_command", [("-c", _SABOTAGED)])


def children(layout: Layout, *, whole: bool) -> list[Process]:
    """The product's intake without the world, and so without telemetry; at full scale the worker is there to die."""
    left_out = ("world", "executor") if whole else ("world", "executor", "worker")
    made: list[Process] = []
    for child in processes(layout):
        if child.name in left_out:
            continue
        kept = {
            key: value
            for key, value in child.environment.items()
            if not any(word in key for word in _NO_WORLD)
        }
        argv = child.argv
        if child.name == "web":
            argv = (sys.executable, *_web_command[0], "serve")
        if child.name == "slack-double":
            argv = (*argv, "--clock-rate", CLOCK_RATE)
        if child.name in ("web", "correlator", "worker"):
            argv = (
                *argv,
                "--wait",
                "30",
            )  # As under a service manager: what it stands on may be down just now.
        made.append(Process(child.name, argv, kept))
    return made


class Storm:
    """Senders that repeat what was not acknowledged, and the killers; all stop when enough was done."""

    def __init__(
        self, layout: Layout, supervisor: Supervisor, engine: Engine, alerts: int, kills: int
    ) -> None:
        self.layout = layout
        self.supervisor = supervisor
        self.engine = engine
        self.bodies = alerts // ALERTS_EACH
        present = {name for name in SHARES if name == "database" or name in supervisor.pids()}
        self.quota = {name: max(1, round(kills * SHARES[name])) for name in present}
        self.acknowledged: list[str] = []
        self.killed: list[str] = []
        self.sent = 0
        self._marks = itertools.count()
        self._seeded = random.Random(9)

    async def run(self) -> None:
        await asyncio.gather(*map(self._kill, self.quota), *(self._send() for _ in range(SENDERS)))

    def _over(self) -> bool:
        return len(self.killed) >= sum(self.quota.values()) and len(self.acknowledged) >= self.bodies

    async def _send(self) -> None:
        talk = Talk(self.layout.ports.web)
        lasts = max(self.quota[name] * PAUSE_S.get(name, PROCESS_PAUSE_S) for name in self.quota)
        pause = SENDERS * lasts / self.bodies
        while not self._over():
            mark = f"m{next(self._marks)}"
            wire = Wire(b"POST", b"/alerts/alertmanager", self._headers(), alert_body(mark, ALERTS_EACH))
            status = await self._status(talk, wire)
            while status != 200:
                await asyncio.sleep(0.1)
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

    async def _kill(self, name: str) -> None:
        pause = PAUSE_S.get(name, PROCESS_PAUSE_S)
        for _ in range(self.quota[name]):
            await asyncio.sleep(pause * (0.95 + 0.2 * self._seeded.random()))
            if name == "database":
                await asyncio.to_thread(self._disturb)
            else:
                with contextlib.suppress(KeyError, ProcessLookupError):
                    os.kill(self.supervisor.pids()[name], signal.SIGKILL)
            self.killed.append(name)

    def _disturb(self) -> None:
        """Every connection but ours ends, whatever it was doing; SQLite has none, there a stranger holds the lock."""
        with contextlib.suppress(DBAPIError), self.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                connection.execute(text(f"{ended} AND pid <> pg_backend_pid()")).all()
            else:
                connection.exec_driver_sql("BEGIN EXCLUSIVE")
                time.sleep(LOCKED_S)
            connection.rollback()


def pending(engine: Engine) -> int:
    return int(rows(engine, "SELECT count(*) FROM raw_pending")[0][0])


def rows(engine: Engine, query: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(query)).all())


def stored(engine: Engine) -> set[str]:
    """The instance label of every stored alert that has a home."""
    return {
        json.loads(labels)["instance"]
        for labels, incident in rows(engine, "SELECT labels, incident FROM alerts")
        if incident
    }


def untold(engine: Engine, layout: Layout) -> list[str]:
    """Incidents whose card does not show how many alerts the database holds for it."""
    state = httpx.get(f"{layout.page_url}_double/state", trust_env=False, timeout=20).json()
    posts = [text_of(m) for channel in state["channels"] for m in channel["messages"] if m["bot"]]
    cards = [re.sub(r"(?<=\d)[\u202f\u00a0,](?=\d{3})", "", post) for post in posts]
    counted = (
        "SELECT i.number, count(*) FROM alerts a JOIN incidents i ON i.id = a.incident GROUP BY i.number"
    )
    return [
        f"INC-{number} with {count} alerts"
        for number, count in rows(engine, counted)
        if not any(re.search(rf"\bINC-{number}\b", card) and f"*{count} alert" in card for card in cards)
    ]


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


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """PostgreSQL where the promise is tried at full scale, else the file that a small installation has."""
    if float(request.config.getoption("--promise-scale")) < 1:
        yield ""
        return
    with postgres() as server:
        server.psql("CREATE DATABASE watchkeeper")
        yield str(server.get_uri("watchkeeper"))


@pytest.mark.timeout(600)
def test_no_acknowledged_alert_is_lost(
    promise: Callable[[int], Tally], tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally = promise(9)
    if database_url:
        monkeypatch.setenv("WATCHKEEPER_DEMO_DATABASE_URL", database_url)
    layout = new_layout(tmp_path / "run", 0)
    url = make_url(database_url or f"sqlite:///{layout.database}")
    engine = create_engine(url.set(drivername="postgresql+psycopg") if database_url else url)
    alerts, kills = tally.size(FULL_ALERTS, least=LEAST_ALERTS), tally.size(FULL_KILLS, least=LEAST_KILLS)
    with Supervisor(layout, children(layout, whole=bool(database_url)), quiet=True) as supervisor:
        wait_for(lambda: answers(layout), "the web process", 60)
        storm = Storm(layout, supervisor, engine, alerts, kills)
        asyncio.run(storm.run())
        assert not supervisor.failure, supervisor.failure
        wait_for(lambda: pending(engine) == 0, "the last payload", SETTLE_S)
        known = stored(engine)
        wait_for(lambda: not untold(engine, layout), "the cards to say it", SETTLE_S)
    engine.dispose()
    for mark in storm.acknowledged:
        lost = [at for at in range(ALERTS_EACH) if f"{mark}-{at}" not in known]
        tally.tried(ALERTS_EACH)
        if lost:
            tally.broken(f"{len(lost)} alerts of {mark} were acknowledged and are not stored")
    print(f"{len(storm.killed)} kills, {storm.sent} requests for {len(storm.acknowledged)} payloads")
