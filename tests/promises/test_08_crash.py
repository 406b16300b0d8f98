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
    assert number > 1


def _one_plan(store: SqlStore, settings: Settings, folder: Path, dice: random.Random, tally: Tally) -> int:
    """Kill executors of one plan until it has ended; returns how many died at work."""
    plan = plan_of([scale("a"), undo("b"), scale("c"), undo("d"), scale("e")], now=time.time())
    troubles = (Trouble(Fault.LOST_REPLY, times=dice.choice((0, 1, 3))),)
    scene = Scene(store, folder, TurnedClock(time.time()))
    scene.stage(plan, troubles)
    kills = 0
    while scene.state(plan.hash) in _GOING:
        pid = os.fork()
        if pid == 0:
            _child(settings, folder, plan, ahead_s=kills * (_LEASE_S + 1), measured=scene.value() or 0.0)
        time.sleep(dice.uniform(0.0, 0.2))
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
    _judge(scene, plan, tally)
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


def _judge(scene: Scene, plan: Plan, tally: Tally) -> None:
    """The provider's record against the plan: nothing twice, nothing missing, nothing unsaid."""
    counts = Counter(scene.calls())
    for call in [call for call, times in counts.items() if times > 1]:
        tally.broken(f"{call} ran {counts[call]} times")
    state = scene.state(plan.hash)
    journal = {(row.step, row.phase): row.state for row in scene.store.read(lambda tx: tx.steps(plan.hash))}
    skipped = [step.id for step in plan.steps if counts[f"{step.id}:do"] == 0]
    if state is PlanState.DONE and skipped:
        tally.broken(f"{skipped} never ran, and the plan says done")
    for (name, phase), row_state in journal.items():
        if row_state is StepState.INTENDED:
            tally.broken(f"{name}:{phase} has no outcome, and the plan is {state}")
    if state not in (PlanState.DONE, PlanState.PARKED):
        tally.broken(f"a plan whose every step can be done ended as {state}")
