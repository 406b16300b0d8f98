"""Promise 19: a wrong clock never widens an approval.

Around every expiry the host's clock jumps, ten minutes either way among others, while signs of life in the database
tell how late it was before. What has expired by true time stays expired; what is used in time by a true clock goes
through, so that a gate that is simply shut would not pass.
"""

import itertools
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.store.parts.gating import GatingPart
from bot.adapters.store.sql import SqlStore, open_store
from bot.domain.event import EventType
from bot.domain.gate import UNDO_MAX_AGE_S, Rule, Verb
from bot.domain.plan import ActionClass, PlanState
from bot.domain.records import StepRow, StepState
from bot.pipeline.approve import Outcome
from bot.pipeline.execute.journal import tell
from bot.pipeline.execute.terms import Outcome as Ran
from bot.pipeline.gather import _AGREED_MS
from bot.settings import Settings
from bot.slack.http_mode import PAST_S, verified
from tests.gate_stage import START as OPENED
from tests.gate_stage import Stage, stage
from tests.promises.conftest import Tally
from tests.slack.test_http_mode import SECRET, signed
from tests.unit.pipeline.execution_scene import START, Scene, TurnedClock, declare, plan_of, scale
from tests.unit.pipeline.order_scene import START_MS, order_scene

FULL, FULL_SIGNED = 100, 400
JUMP_S = 600.0
_BEAT_S = 2.0
Moment = tuple[float, float, float, bool]


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know no other time than that of the host's clock."""
    monkeypatch.setattr(GatingPart, "database_now", lambda _self, **_given: None)


def moments(count: int, expiry: float, seeded: random.Random) -> list[Moment]:
    """(true time, the host's clock, the last true sign of life, whether it is too late) around an expiry.

    A third is in time by a true clock; the others are late by up to ten minutes, by a clock that jumped.
    """
    made: list[Moment] = []
    for number in range(count):
        if number % 3 == 0:
            at = expiry - seeded.uniform(0.001, 60)
            made.append((at, at, at - seeded.uniform(0, _BEAT_S), False))
            continue
        at = expiry + seeded.choice((0.001, seeded.uniform(_BEAT_S, JUMP_S)))
        jump = seeded.choice((-JUMP_S, JUMP_S, seeded.uniform(-JUMP_S, JUMP_S)))
        seen = at - (0.0 if at < expiry + _BEAT_S else seeded.uniform(0, _BEAT_S))
        made.append((at, at + jump, seen, True))
    return made


def lived(store: SqlStore, seen: float) -> None:
    """The processes gave signs of life up to then; earlier trials are forgotten."""
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM beats")
    store.transact(lambda tx: tx.beat("web", at=seen))


def judge(tally: Tally, what: str, moment: Moment, *, passed: bool) -> None:
    at, clock, seen, late = moment
    if late:
        tally.check(
            not passed, f"{what} passed late, clock {clock - at:+.0f} s, last seen {seen - at:+.1f} s"
        )
    else:
        tally.check(passed, f"{what} was refused in time by a true clock")


@pytest.mark.timeout(600)
def test_a_proposal(store: SqlStore, promise: Callable[[int], Tally]) -> None:
    tally, seeded = promise(19), random.Random(191)
    for moment in moments(tally.size(FULL, least=24), OPENED + 900, seeded):
        on = stage(store)
        on.clock.at = moment[1]
        lived(store, moment[2])
        judge(tally, "a proposal", moment, passed=on.decide(on.click()).outcome is Outcome.GRANTED)


@pytest.mark.timeout(600)
def test_the_first_of_two_approvals(store: SqlStore, promise: Callable[[int], Tally]) -> None:
    tally, seeded = promise(19), random.Random(192)
    expiry = OPENED + _AGREED_MS / 1000
    for moment in moments(tally.size(FULL, least=24), expiry, seeded):
        on = stage(store, klass=ActionClass.DESTRUCTIVE)
        lived(store, OPENED)
        assert on.decide(on.click(typed_name="basket")).rule == Rule.SECOND_APPROVER
        on.clock.at = moment[1]
        lived(store, moment[2])
        second = on.decide(on.click("U0SECOND", typed_name="basket"))
        judge(tally, "a first approval", moment, passed=second.outcome is Outcome.GRANTED)


@pytest.mark.timeout(600)
def test_an_undo(store: SqlStore, promise: Callable[[int], Tally]) -> None:
    tally, seeded = promise(19), random.Random(193)
    for moment in moments(tally.size(FULL, least=24), OPENED + UNDO_MAX_AGE_S, seeded):
        on = stage(store)
        lived(store, OPENED)
        on.decide(on.click())
        _ran(on)
        on.clock.at = moment[1]
        lived(store, moment[2])
        undone = on.decide(on.click("U0SECOND", Verb.UNDO))
        judge(tally, "an undo", moment, passed=undone.outcome is Outcome.UNDO_GRANTED)


@pytest.mark.timeout(600)
def test_a_signed_request(store: SqlStore, promise: Callable[[int], Tally]) -> None:
    """A body that was signed once and held back; the door asks the host's clock, the gate asks further."""
    tally, seeded = promise(19), random.Random(194)
    body = b"payload=held-back"
    headers = [
        (name.lower().encode(), value.encode()) for name, value in signed(body, at=int(OPENED)).items()
    ]
    for moment in moments(tally.size(FULL_SIGNED, least=60), OPENED + PAST_S, seeded):
        on = stage(store)
        on.clock.at = moment[1]
        lived(store, moment[2])
        through = verified(headers, body, secret=SECRET, now=moment[1]) is not None
        asked = on.decide(on.click(slack_at=OPENED)) if through and moment[3] else None
        passed = through if asked is None else asked.outcome is Outcome.GRANTED
        # Within the two minutes by which clocks may differ, a request may be that much older.
        if not (moment[3] and passed and moment[0] - moment[1] <= 120):
            judge(tally, "a signed request", moment, passed=passed)


@pytest.mark.timeout(600)
def test_a_grant_and_its_plan(store: SqlStore, tmp_path: Path, promise: Callable[[int], Tally]) -> None:
    tally, seeded = promise(19), random.Random(195)
    for number, moment in enumerate(moments(tally.size(FULL, least=24), START + 600, seeded)):
        incident = f"inc-{number + 2}"
        declare(store, incident=incident, number=number + 2)
        scene = Scene(store, tmp_path / f"g{number}", TurnedClock(START))
        plan = plan_of([scale(f"cart-{number}")], checks=(), incident=incident)
        if number % 2:
            plan = replace(plan, expires_ms=round((START + 600) * 1000))
        plan_hash = scene.stage(plan)
        scene.clock.at = moment[1]
        lived(store, moment[2])
        _forget_runs(store)
        passed = scene.run(plan_hash).outcome is Ran.DONE
        judge(tally, "a grant", moment, passed=passed or bool(scene.calls()))


@pytest.mark.timeout(600)
def test_a_standing_order(
    store_of: Callable[[], SqlStore], tmp_path: Path, promise: Callable[[int], Tally]
) -> None:
    tally, seeded = promise(19), random.Random(196)
    for number, moment in enumerate(moments(tally.size(FULL // 2, least=18), START + 240, seeded)):
        store = store_of()
        scene = order_scene(store, tmp_path / f"o{number}")
        scene.ready(order={"expires_ms": START_MS + 240_000})
        scene.clock.at = moment[1]
        lived(store, moment[2])
        scene.fire()
        scene.run(scene.plan.hash)
        judge(tally, "a standing order", moment, passed=bool(scene.calls()))
        store.close()


@pytest.fixture
def store_of(settings: Callable[..., Settings], tmp_path: Path) -> Callable[[], SqlStore]:
    """A new database for each trial."""
    numbers = itertools.count()

    def opened() -> SqlStore:
        store = open_store(settings(database_url=f"sqlite:///{tmp_path}/{next(numbers)}.sqlite3"))
        assert isinstance(store, SqlStore)
        return store

    return opened


def _forget_runs(store: SqlStore) -> None:
    """Each trial is alone in its hour, so that no cap of runs an hour answers in place of the clock."""
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM executions")


def _ran(on: Stage) -> None:
    """What the executor leaves behind: a claimed plan, one done step, an end, all at the stage's own time."""
    plan_hash, now = on.plans[0].hash, on.clock.at

    def work(tx: Any) -> None:
        epoch = tx.claim_plan(plan_hash, holder="executor", now=now, lease_s=15.0)
        row = StepRow(plan_hash, "rollback", "do", StepState.INTENDED, "token", {}, "", round(now * 1000))
        assert tx.intend_step(row, epoch=epoch)
        assert tx.settle_step(replace(row, state=StepState.DONE), epoch=epoch)
        assert tx.finish_plan(plan_hash, to=PlanState.DONE, epoch=epoch)
        tell(tx, tx.plan(plan_hash), EventType.EXECUTION_FINISHED, now, state="done", text="")

    on.store.transact(work)
