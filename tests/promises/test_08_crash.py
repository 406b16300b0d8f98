"""Promise 8: no step is repeated, and none is skipped unnoticed, when the executor is killed at any instant.

Children of this process execute five-step plans on a provider that has no idempotency of its own, and are killed
with SIGKILL until the plan has ended; then the provider's own record is read. WATCHKEEPER_TEST_KILLS sets the count.
"""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.adapters.executors.scripted import Fault, ScriptedExecutor, Trouble, load_troubles
from bot.adapters.store.sql import SqlStore, keys_of, open_engine, open_store
from bot.domain.plan import Plan, PlanState
from bot.domain.records import StepRow, StepState
from bot.pipeline.execute import step as step_module
from bot.pipeline.execute.stage import execute
from bot.pipeline.execute.terms import Means
from bot.settings import Settings
from tests.promises.conftest import Tally
from tests.unit.pipeline.execution_scene import (
    CHECK,
    KEY,
    Scene,
    Shelf,
    TurnedClock,
    declare,
    plan_of,
    playbook_for,
    scale,
    undo,
)

_FULL = 1000
_KILLS = int(os.environ.get("WATCHKEEPER_TEST_KILLS", "0"))
_LEASE_S = 15.0
_GOING = (PlanState.GRANTED, PlanState.RUNNING)


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """What most tools do: a step without an outcome is run again, nothing is read back."""

    def naive(self: step_module._Attempt, _row: StepRow) -> step_module.StepOutcome:
        self._call()
        return self._end(StepState.DONE, "run again")

    monkeypatch.setattr(step_module._Attempt, "recover", naive)


class LaterClock:
    """Real time, moved on by one lease per restart, so that no test waits for a lease to run out."""

    def __init__(self, ahead_s: float) -> None:
        self._ahead_s = ahead_s

    def now(self) -> float:
        return time.time() + self._ahead_s


@pytest.mark.timeout(900)
def test_kills_repeat_and_lose_nothing(
    tmp_path: Path, settings: Callable[..., Settings], promise: Callable[[int], Tally]
) -> None:
    tally = promise(8)
    wanted = _KILLS or tally.size(_FULL, least=40)
    chosen = settings()
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    dice = random.Random(seed)
    store = open_store(chosen)
    assert isinstance(store, SqlStore)
    declare(store, at=time.time())
    kills, number = 0, 0
    while kills < wanted:
        number += 1
        kills += _one_plan(store, chosen, tmp_path / f"provider-{number}", dice, tally)
    store.close()


def _one_plan(store: SqlStore, settings: Settings, folder: Path, dice: random.Random, tally: Tally) -> int:
    """Kill executors of one plan until it has ended; returns how many died at work."""
    heals = dice.random() < 0.7
    # Where the fix does not help, one reading says so, and every step has to be undone over more kills.
    check = CHECK if heals else replace(CHECK, within_s=0)
    steps = [scale("a"), undo("b"), scale("c"), undo("d"), scale("e")]
    plan = plan_of(steps, now=time.time(), checks=[check])
    troubles = (Trouble(Fault.LOST_REPLY, times=dice.choice((0, 1, 3))),)
    scene = Scene(store, folder, TurnedClock(time.time()))
    scene.stage(plan, troubles)
    kills = 0
    while scene.state(plan.hash) in _GOING:
        pid = os.fork()
        if pid == 0:
            _child(settings, folder, plan, ahead_s=kills * (_LEASE_S + 1), measured=0.001 if heals else 0.4)
        time.sleep(dice.uniform(0.0, 0.35))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        killed = os.WIFSIGNALED(status)
        if killed and scene.state(plan.hash) in _GOING:
            kills += 1
            tally.tried()
        if not killed and os.WEXITSTATUS(status) != 0:
            tally.broken(f"the executor itself failed with {os.WEXITSTATUS(status)}")
            store.transact(lambda tx: tx.move_plan(plan.hash, to=PlanState.PARKED, frm=_GOING))
            return max(kills, 1)
    _judge(scene, plan, tally, heals=heals)
    return kills


def _child(settings: Settings, folder: Path, plan: Plan, *, ahead_s: float, measured: float) -> None:
    """Never returns: the life of one executor."""
    code = 1
    try:
        provider = ScriptedExecutor(folder, load_troubles(folder / "faults.json"), latency_s=0.002)
        means = Means(
            store=SqlStore(open_engine(settings.database_url), settings.tenant, keys_of(settings)),
            executors=dict.fromkeys(("kubectl", "aws"), provider),
            playbooks=Shelf([playbook_for(plan)]),
            measure=lambda _signal, _service, _now: measured,
            clock=LaterClock(ahead_s),
            sleep=lambda seconds: time.sleep(min(seconds, 0.01)),
            grant_key=KEY,
            mode="supervised",
            holder=f"child-{os.getpid()}",
            lease_s=_LEASE_S,
            verify_interval_s=0.01,
            max_claims=10_000,
        )
        execute(plan.hash, means)
        code = 0
    finally:
        os._exit(code)


def _judge(scene: Scene, plan: Plan, tally: Tally, *, heals: bool) -> None:
    """The provider's record against the plan: nothing twice, nothing missing, nothing unsaid."""
    counts = Counter(scene.calls())
    for call in [call for call, times in counts.items() if times > 1]:
        tally.broken(f"{call} ran {counts[call]} times")
    state = scene.state(plan.hash)
    if state not in (PlanState.PARKED, PlanState.DONE if heals else PlanState.FAILED):
        tally.broken(f"a plan that {'heals' if heals else 'does not heal'} ended as {state}")
    wanted = [f"{step.id}:do" for step in plan.steps]
    if state is PlanState.FAILED:
        wanted += [f"{step.id}:undo" for step in plan.steps]
    skipped = [call for call in wanted if counts[call] == 0]
    if state is not PlanState.PARKED and skipped:
        tally.broken(f"{skipped} never ran, and the plan says {state}")
    for row in scene.store.read(lambda tx: tx.steps(plan.hash)):
        if row.state is StepState.INTENDED:
            tally.broken(f"{row.step}:{row.phase} has no outcome, and the plan is {state}")
