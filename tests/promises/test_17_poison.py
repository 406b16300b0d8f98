"""Promise 17: one bad payload, row, plan or queue job stops nothing; it is set aside after three tries."""

import itertools
import json
import os
import random
import signal
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from rq.job import Job
from sqlalchemy import text

from bot.adapters.queue import rq_workers
from bot.adapters.queue.kept_child import KeptChild
from bot.adapters.queue.rq_workers import ApartWorker, worker_on
from bot.adapters.store.parts import plans
from bot.adapters.store.sql import SqlStore
from bot.boundary import guarded
from bot.domain.alert import Alert
from bot.domain.event import TENANT_CHAIN
from bot.domain.plan import PlanState, plan_from_json
from bot.domain.records import TaskKind
from bot.pipeline import correlate as correlate_stage
from bot.pipeline.approve import expire_plans
from bot.pipeline.correlate import Correlation, correlate
from bot.pipeline.execute import stage as stage_of_execution
from bot.ports import AlertParser
from bot.settings import Settings
from bot.slack import inbox
from bot.slack.inbox import decide_inbox
from tests.contract.queue.test_rq import server as _server
from tests.contract.queue.test_rq import url as _url
from tests.gate_stage import stage
from tests.promises.conftest import Tally
from tests.promises.served import PARSERS, alert_body
from tests.slack.desk import Desk
from tests.unit.pipeline import execution_scene

FULL_PAYLOADS, FULL_ROWS, FULL_PLANS, FULL_JOBS = 300, 1000, 100, 150
TRIES = 3
PARTS = 3
NOW = 1_800_000_000.0

server, url = _server, _url


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is ever set aside, a damaged plan is an error, and every job is believed and run as RQ would run it."""
    monkeypatch.setattr(correlate_stage, "QUARANTINE_AFTER", 10**9)
    monkeypatch.setattr(inbox, "_POISON", ())
    monkeypatch.setattr(rq_workers, "_ours", lambda _job: True)
    monkeypatch.setattr(ApartWorker, "job_class", Job)
    monkeypatch.setattr(stage_of_execution, "_set_aside", lambda *_: None)
    monkeypatch.setattr(plans, "_flag", lambda _tenant, plan_hash: plan_from_json({"hash": plan_hash}))


class Fragile:
    """A parser with bugs: whatever stands in the body is raised."""

    name = "fragile"

    def parse(self, body: bytes, *, source: str, received_at: float) -> list[Alert]:
        del source, received_at
        kinds = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError)
        raise kinds[body[0] % len(kinds)]


def rows(store: SqlStore, query: str) -> list[Any]:
    with store.engine.connect() as connection:
        return list(connection.execute(text(query)))


def add_raw(store: SqlStore, kind: str, body: bytes) -> int:
    return store.transact(lambda tx: tx.add_raw("prod", kind, body, received_at=NOW))


def record(store: SqlStore, key: str, kind: str, payload: dict[str, Any]) -> None:
    store.transact(lambda tx: tx.record_inbox(key, kind, payload, at=NOW))


def poison_payload(store: SqlStore, seeded: random.Random) -> int:
    kind, body = seeded.choice(
        [
            ("alertmanager", seeded.randbytes(40)),
            ("alertmanager", b""),
            ("alertmanager", b'{"version": "4", "alerts": [{"status": "firing"}]}'),
            ("nobody-knows", alert_body("x")),
            ("fragile", seeded.randbytes(4)),
            ("damaged", alert_body("x")),
        ]
    )
    added = add_raw(store, "alertmanager" if kind == "damaged" else kind, body)
    if kind == "damaged":
        with store.engine.begin() as connection:
            sealed = seeded.randbytes(seeded.choice((0, 5, 12, 60)))
            connection.execute(
                text("UPDATE raw_bodies SET sealed = :sealed WHERE id = :id"), {"sealed": sealed, "id": added}
            )
    return added


@pytest.mark.parametrize("part", range(PARTS))
def test_a_bad_payload_stops_no_alert(part: int, promise: Callable[[int], Tally], store: SqlStore) -> None:
    tally, seeded = promise(17), random.Random(17 + 100 * part)
    parsers: dict[str, AlertParser] = {**PARSERS, "fragile": Fragile()}
    ids = itertools.count(1)
    parts = Correlation(
        store,
        parsers,
        None,
        execution_scene.TurnedClock(),
        "me",
        lambda: f"inc-{next(ids)}",
        observe_only=False,
    )
    for number in range(max(1, tally.size(FULL_PAYLOADS) // PARTS)):
        bad = poison_payload(store, seeded)
        for at in range(TRIES):
            mark = f"m{number}-{at}"
            add_raw(store, "alertmanager", alert_body(mark))
            guarded("correlate", lambda: correlate(parts))
            stored = rows(store, f"SELECT 1 FROM alerts WHERE labels LIKE '%{mark}-0%'")
            tally.check(len(stored) == 1, f"the alert after payload {bad} was not stored")
        state = rows(store, f"SELECT state FROM raw_bodies WHERE id = {bad}")[0][0]
        tally.check(state == "quarantined", f"payload {bad} is {state} after {TRIES} tries")
    told = store.read(lambda tx: len(tx.events(TENANT_CHAIN)))
    tally.check(told == number + 1, f"{told} of {number + 1} quarantines are in the log")


def poison_row(seeded: random.Random) -> tuple[str, str]:
    """A kind and the stored text of its payload."""
    junk: list[Any] = [None, 5, [], {}, "x", {"a": [1]}, "\x00", "𝕏" * 50, -1.5e300, [[]], True]
    kind = seeded.choice(["click", "command", "view", "nobody-knows", ""])
    fields = ("action", "value", "user", "team", "channel", "message_ts", "text", "metadata", "values")
    payload = {name: seeded.choice(junk) for name in fields if seeded.random() < 0.7}
    if seeded.random() < 0.5:
        payload |= {"user": "U0ONCALL1", "team": "T0HOME"}
    damaged = ["", "{", "null", "[]", "5", '"x"', "[" * 100_000, '{"user": NaN', "\x01"]
    return kind, seeded.choice(damaged) if seeded.random() < 0.4 else json.dumps(payload)


async def test_a_bad_row_stops_no_decision(promise: Callable[[int], Tally], store: SqlStore) -> None:
    tally, seeded, desk = promise(17), random.Random(18), Desk(store)
    desk.declare()
    for number in range(0, tally.size(FULL_ROWS, least=20), 20):
        for at in range(20):
            kind, payload = poison_row(seeded)
            record(store, f"bad-{number + at}", kind, {})
            with store.engine.begin() as connection:
                connection.execute(
                    text("UPDATE inbox SET payload = :payload WHERE dedupe = :key"),
                    {"payload": payload, "key": f"bad-{number + at}"},
                )
        good = {"text": "status", "user": "U0ONCALL1", "team": "T0HOME", "channel": "C0ALERTS"}
        key = f"good-{number}"
        record(store, key, "command", good)
        guarded("inbox", lambda: decide_inbox(desk.parts))
        settled = rows(store, f"SELECT state, note FROM inbox WHERE dedupe = '{key}'")[0]
        tally.check(tuple(settled) == ("done", "status"), f"the command after {number} bad rows is {settled}")
        for _ in range(TRIES - 1):
            guarded("inbox", lambda: decide_inbox(desk.parts))
        left = rows(store, "SELECT id, kind, payload FROM inbox WHERE state = 'pending'")
        tally.tried(19)
        tally.check(not left, f"{len(left)} rows are still tried: {str(left[:1])[:200]}")
    desk.recorder.close()


NO_PLANS = (b"", b"{", b"null", b"[]", b"5", b'"plan"', b"{}", b'{"steps": 5}', b"[" * 100_000, b"\xff\xfe")


def test_a_damaged_plan_stops_no_other(promise: Callable[[int], Tally], store: SqlStore) -> None:
    tally, seeded = promise(17), random.Random(19)
    for _ in range(tally.size(FULL_PLANS, least=10)):
        offered = stage(store, letters="AB")
        content = seeded.choice(
            (*NO_PLANS, json.dumps({**offered.plans[0].to_json(), "klass": "harmless"}).encode())
        )
        damage(store, offered.plans[0].hash, content)
        late = offered.clock.at + 7200
        guarded("sweep", partial(expire_plans, store, late))
        states = dict(tuple(row) for row in rows(store, "SELECT hash, state FROM plans"))
        tally.check(states[offered.plans[1].hash] == "expired", "a plan beside a damaged one did not expire")


def test_a_damaged_plan_is_not_claimed_for_ever(
    promise: Callable[[int], Tally], store: SqlStore, tmp_path: Path
) -> None:
    tally = promise(17)
    execution_scene.declare(store)
    scene = execution_scene.Scene(store, tmp_path)
    broken = scene.stage(execution_scene.plan_of([execution_scene.scale("a")], checks=()))
    damage(store, broken, b"{}")
    guarded("execute", lambda: scene.run(broken))
    again = store.read(lambda tx: list(tx.claimable_plans(now=scene.clock.now() + 3600)))
    tally.check(broken not in again, "a damaged plan is claimed for ever")
    sound = scene.stage(execution_scene.plan_of([execution_scene.scale("b")], checks=()))
    guarded("execute", lambda: scene.run(sound))
    tally.check(scene.state(sound) is PlanState.DONE, "the plan after a damaged one did not run")


def damage(store: SqlStore, plan_hash: str, content: bytes) -> None:
    with store.engine.begin() as connection:
        connection.execute(
            text("UPDATE plans SET content = :content WHERE hash = :hash"),
            {"content": content, "hash": plan_hash},
        )


@pytest.fixture
def signals() -> Iterator[None]:
    """RQ takes the process's signals for itself; give them back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, action in before.items():
        signal.signal(number, action)


def poison_job(server: Redis, number: int, canary: Path, seeded: random.Random) -> None:
    """A job as somebody could write it who has the password of Redis, or as a crash could leave it."""
    call: list[Any] = ["os.system", None, [f"touch {canary}"], {}]
    ours: list[Any] = ["bot.jobs.work", None, [0], {}]
    whole = {"created_at": "2026-05-04T03:10:00.000000Z", "origin": "investigate", "status": "queued"}
    jobs: list[dict[Any, Any]] = [
        {**whole, "data": json.dumps(call)},
        {**whole, "data": zlib.compress(json.dumps(call).encode())},
        {**whole, "data": json.dumps(["subprocess.getoutput", None, [f"touch {canary}"], {}])},
        {**whole, "data": json.dumps(["bot.jobs.work.__globals__", None, [1], {}])},
        {**whole, "data": json.dumps(["bot.jobs.work", "os", [1], {}])},
        {**whole, "data": json.dumps(["bot.jobs.work", None, ["1; x"], {}])},
        {**whole, "data": json.dumps(["bot.jobs.work", None, [True], {}])},
        {**whole, "data": json.dumps(["bot.jobs.work", None, [1, 2], {}])},
        {**whole, "data": json.dumps([["bot.jobs.work"], None, [1], {}])},
        {**whole, "data": json.dumps(ours), "failure_callback_name": "os.system"},
        {**whole, "data": json.dumps(ours), "success_callback_name": "os.system"},
        {
            **whole,
            "data": json.dumps(ours),
            "webhooks": json.dumps([{"url": "http://127.0.0.1:9/", "on": "failure"}]),
        },
        {**whole, "data": b"\x80\x04\x95"},
        {**whole, "data": seeded.randbytes(30)},
        {**whole, "data": "[]"},
        {**whole, "data": json.dumps(ours), "created_at": "yesterday"},
        {**whole, "data": json.dumps(ours), "status": "nonsense"},
        {**whole, "data": json.dumps(ours), "result_ttl": "soon"},
        {**whole, "data": json.dumps(ours), "meta": "{"},
        {**whole, "data": json.dumps(ours), "origin": b"\xff"},
        {"status": "queued"},
        {},
    ]
    key, made = f"poison-{number}", jobs[number % len(jobs)]
    if made:
        server.hset(Job.key_for(key), mapping=made)
    elif seeded.random() < 0.5:
        server.set(Job.key_for(key), "no hash at all")
    server.rpush("rq:queue:investigate", key)


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("signals")
def test_a_bad_job_stops_no_work(
    promise: Callable[[int], Tally],
    settings: Callable[..., Settings],
    store: SqlStore,
    url: str,
    tmp_path: Path,
) -> None:
    tally, seeded = promise(17), random.Random(20)
    settings(playbooks_dir="playbooks")
    canary = tmp_path / "canary"
    before = os.getpid()
    with Redis.from_url(url) as server:
        for number in range(tally.size(FULL_JOBS, least=22)):
            poison_job(server, number, canary, seeded)
        strange = store.transact(lambda tx: tx.add_task(TaskKind.REVIEW, "inc-none", "x", due_at=0.0))
        good = store.transact(lambda tx: tx.add_task(TaskKind.REVIEW, "inc-none", "x", due_at=0.0))
        with store.engine.begin() as connection:
            connection.execute(text(f"UPDATE tasks SET kind = 'no-such-kind' WHERE id = {strange}"))
        child = KeptChild(lambda: None)
        worker = worker_on(server, "investigate", partial(ApartWorker, child=child))
        for task in (strange, good):
            worker.queues[0].enqueue("bot.jobs.work", task, result_ttl=0)
        worker.work(burst=True, logging_level="CRITICAL")
        child.end()
        assert os.getpid() == before
        left = server.llen("rq:queue:investigate") + server.llen("rq:queue:investigate:intermediate")
        failed = server.zcard("rq:failed:investigate")
    tally.tried(number)
    states = dict(tuple(row) for row in rows(store, "SELECT id, state FROM tasks"))
    tally.check(not canary.exists(), "a foreign function ran")
    tally.check(states[good] == "done", f"the task after the bad jobs is {states[good]}")
    tally.check(states[strange] == "quarantined", f"a task of an unknown kind is {states[strange]}")
    tally.check(left == 0, f"{left} jobs are left")
    tally.check(failed == 0, f"{failed} foreign jobs were tried")
