"""Promise 8: no step is repeated, and none is skipped unnoticed, when the executor is killed at any instant.

Children of this process execute five-step plans on a provider that has no idempotency of its own, and are killed
with SIGKILL until the plan has ended; then the provider's own record is read. WATCHKEEPER_TEST_KILLS sets the count.
"""

import gc
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
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
_LONGEST_S = 0.2  # About what a plan takes that nobody interrupts.
PARTS, AT_ONCE = 4, 2
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


@dataclass
class Ledger:
    """What one part of the run did; printed, so that every figure that is published can be read from a run."""

    kills: int = 0
    plans: int = 0
    lost_replies: int = 0


@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(PARTS))
def test_kills_repeat_and_lose_nothing(
    part: int, tmp_path: Path, settings: Callable[..., Settings], promise: Callable[[int], Tally]
) -> None:
    tally, ledger = promise(8), Ledger()
    wanted = (_KILLS or tally.size(_FULL, least=40)) // PARTS
    chosen = settings()
    seed = random.randrange(10**6)
    dice = random.Random(seed)
    store = open_store(chosen)
    assert isinstance(store, SqlStore)
    gc.freeze()
    lives = [Life(store, chosen, tmp_path, dice, tally, ledger) for _ in range(AT_ONCE)]
    while lives:
        for life in list(lives):
            if life.over():
                if ledger.kills >= wanted:
                    lives.remove(life)
                    continue
                life.next_plan()
            life.turn()
        time.sleep(0.001)
    gc.unfreeze()
    store.close()
    print(f"part {part}, seed {seed}: {ledger}")


class Life:
    """One plan after another, each worked on by executors that are killed until it has ended."""

    def __init__(
        self,
        store: SqlStore,
        settings: Settings,
        folder: Path,
        dice: random.Random,
        tally: Tally,
        ledger: Ledger,
    ) -> None:
        self._store, self._settings, self._folder = store, settings, folder
        self._dice, self._tally, self._ledger = dice, tally, ledger
        self._pid = 0
        self._plan: Plan | None = None

    def over(self) -> bool:
        """Whether there is nothing to go on with."""
        return self._plan is None

    def next_plan(self) -> None:
        """Approve a five-step plan, with or without replies that get lost."""
        # Where the fix does not help, one reading says so, and every step has to be undone over more kills.
        self._heals = self._dice.random() < 0.7
        check = CHECK if self._heals else replace(CHECK, within_s=0)
        self._ledger.plans += 1
        number = self._ledger.plans
        names = [f"{letter}{number}" for letter in "abcde"]
        steps = [undo(name) if at % 2 else scale(name) for at, name in enumerate(names)]
        declare(self._store, at=time.time(), incident=f"inc-{number}", number=number)
        self._plan = plan_of(steps, now=time.time(), checks=[check], incident=f"inc-{number}")
        lost = self._dice.choice((0, 1, 3))
        self._ledger.lost_replies += lost
        self._place = self._folder / f"provider-{self._ledger.plans}"
        self._scene = Scene(self._store, self._place, TurnedClock(time.time()))
        self._scene.stage(self._plan, (Trouble(Fault.LOST_REPLY, times=lost),))
        self._restarts = 0

    def turn(self) -> None:
        """Start an executor where none is running; kill it when its time has come."""
        assert self._plan is not None
        if not self._pid:
            measured = 0.001 if self._heals else 0.4
            ahead_s = self._restarts * (_LEASE_S + 1)
            self._pid = os.fork()
            if self._pid == 0:
                _child(self._settings, self._place, self._plan, ahead_s=ahead_s, measured=measured)
            self._until = time.monotonic() + self._dice.uniform(0.0, _LONGEST_S)
        elif time.monotonic() >= self._until:
            os.kill(self._pid, signal.SIGKILL)
            _, status = os.waitpid(self._pid, 0)
            self._pid = 0
            self._restarts += 1
            self._count(self._plan, status)

    def _count(self, plan: Plan, status: int) -> None:
        going = self._scene.state(plan.hash) in _GOING
        if os.WIFSIGNALED(status) and going:
            self._ledger.kills += 1
            self._tally.tried()
        elif not os.WIFSIGNALED(status) and os.WEXITSTATUS(status) != 0:
            self._tally.broken(f"the executor itself failed with {os.WEXITSTATUS(status)}")
            self._store.transact(lambda tx: tx.move_plan(plan.hash, to=PlanState.PARKED, frm=_GOING))
            self._plan = None
        elif not going:
            _judge(self._scene, plan, self._tally, heals=self._heals)
            self._plan = None


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
