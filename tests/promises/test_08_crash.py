"""Promise 8: no step is repeated, and none is skipped unnoticed, when the executor is killed at any instant.

Children of this process run the executor's own loop over five-step plans on a provider that has no idempotency of
its own and loses replies, and are killed with SIGKILL until every plan has ended; then the provider's own record is
read. WATCHKEEPER_TEST_KILLS sets the count.
"""

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from bot.adapters.executors.scripted import Fault, ScriptedExecutor, Trouble, key_of, load_troubles
from bot.adapters.store.sql import SqlStore, keys_of, open_engine, open_store
from bot.domain.errors import WatchkeeperError
from bot.domain.plan import Plan, PlanState
from bot.domain.records import StepRow, StepState
from bot.pipeline.execute import step as step_module
from bot.pipeline.execute.terms import Means
from bot.ports import Transaction
from bot.settings import Settings
from bot.wiring.executor import Poller
from tests.promises.conftest import Tally
from tests.unit.pipeline.execution_scene import (
    CHECK,
    KEY,
    WIDE,
    Scene,
    Shelf,
    TurnedClock,
    declare,
    live_of,
    plan_of,
    playbook_for,
    scale,
    undo,
)

_FULL = 1000
_KILLS = int(os.environ.get("WATCHKEEPER_TEST_KILLS", "0"))
_LEASE_S = 15.0
_LONGEST_S = 0.2  # Less than half of what a batch takes that nobody interrupts.
PARTS, AT_ONCE = 4, 3
_GOING = {PlanState.GRANTED, PlanState.RUNNING}


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """What most tools do: a step without an outcome is run again, nothing is read back."""

    def naive(self: step_module._Attempt, _row: StepRow) -> step_module.StepOutcome:
        with contextlib.suppress(WatchkeeperError):
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
    lost_replies: int = 0
    ends: Counter[str] = field(default_factory=Counter)


def _journal(plan_hash: str, tx: Transaction) -> Sequence[StepRow]:
    return tx.steps(plan_hash)


def _ahead_s(ledger: Ledger) -> float:
    """One lease for each executor so far that died at work."""
    return ledger.kills * (_LEASE_S + 1)


def _now(ledger: Ledger) -> float:
    return time.time() + _ahead_s(ledger)


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
    batches = 0
    while ledger.kills < wanted:
        batches += 1
        batch = Batch(store, tmp_path / f"provider-{batches}", dice, batches, now=_now(ledger))
        kill_until_over(batch, chosen, dice, tally, ledger)
    store.close()
    print(f"part {part}, seed {seed}: {ledger}")


class Batch:
    """A few approved plans of five steps each, for one executor to work on side by side."""

    def __init__(
        self, store: SqlStore, folder: Path, dice: random.Random, number: int, *, now: float
    ) -> None:
        self.folder = folder
        self.now = now
        self.plans: list[Plan] = []
        self.ill: set[str] = set()
        self.scene = Scene(store, folder, TurnedClock(now))
        world: dict[str, dict[str, str]] = {}
        # As many replies as that are lost in each life of the executor.
        troubles = (Trouble(Fault.LOST_REPLY, times=dice.choice((0, 1, 3))),)
        for at in range(AT_ONCE):
            plan = self._plan(f"{number}-{at}", number * AT_ONCE + at, heals=dice.random() < 0.7)
            world |= {key_of(step.target): live_of(step.target) for step in plan.steps}
            self.scene.stage(plan, troubles, world=world)
            self.plans.append(plan)

    def _plan(self, mark: str, number: int, *, heals: bool) -> Plan:
        """Where the fix does not help, one reading says so, and every step has to be undone over more kills."""
        check = replace(CHECK, service=f"shop-{mark}", within_s=CHECK.within_s if heals else 0)
        if not heals:
            self.ill.add(check.service)
        names = [f"{letter}-{mark}" for letter in "abcde"]
        steps = [undo(name) if at % 2 else scale(name) for at, name in enumerate(names)]
        incident = f"inc-{number}"
        declare(self.scene.store, at=self.now, incident=incident, number=number)
        return plan_of(steps, now=self.now, checks=[check], incident=incident, playbook=f"fix-{mark}")

    def states(self) -> set[PlanState]:
        """What the database says about the plans."""
        return {self.scene.state(plan.hash) for plan in self.plans}

    def steps(self) -> int:
        """How many steps have begun or ended; tells whether an executor got anywhere."""
        rows = [row for plan in self.plans for row in self.scene.store.read(partial(_journal, plan.hash))]
        return len(rows) + sum(row.state is not StepState.INTENDED for row in rows)


def kill_until_over(
    batch: Batch, settings: Settings, dice: random.Random, tally: Tally, ledger: Ledger
) -> None:
    """Start an executor, kill it at a random instant, start the next one, until every plan has ended."""
    longest_s, states = _LONGEST_S, batch.states()
    while states & _GOING:
        before = batch.steps()
        pid = os.fork()
        if pid == 0:
            _child(settings, batch, ahead_s=_ahead_s(ledger))
        time.sleep(dice.uniform(0.0, longest_s))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if not os.WIFSIGNALED(status):
            tally.broken(f"the executor itself ended with {os.WEXITSTATUS(status)}")
            return
        states = batch.states()
        if PlanState.RUNNING in states:
            ledger.kills += 1
            tally.tried()
        # On a busy machine an executor that lives so short a time gets nowhere.
        longest_s = min(longest_s * 1.5, 5.0) if batch.steps() == before else _LONGEST_S
    for plan in batch.plans:
        _judge(batch.scene, plan, tally, ledger, heals=plan.checks[0].service not in batch.ill)


def _child(settings: Settings, batch: Batch, *, ahead_s: float) -> None:
    """Never returns: the executor's own loop, until it is killed."""
    try:
        provider = ScriptedExecutor(
            batch.folder, load_troubles(batch.folder / "faults.json"), latency_s=0.002
        )
        means = Means(
            store=SqlStore(open_engine(settings.database_url), settings.tenant, keys_of(settings)),
            executors=dict.fromkeys(("kubectl", "aws"), provider),
            playbooks=Shelf([playbook_for(plan) for plan in batch.plans]),
            measure=lambda _signal, service, _now: 0.4 if service in batch.ill else 0.001,
            clock=LaterClock(ahead_s),
            sleep=lambda seconds: time.sleep(min(seconds, 0.01)),
            grant_key=KEY,
            mode="supervised",
            holder=f"child-{os.getpid()}",
            lease_s=_LEASE_S,
            verify_interval_s=0.01,
            max_claims=10_000,
            caps=WIDE,
        )
        Poller(means, threading.Event()).run()
    finally:
        os._exit(1)


def _judge(scene: Scene, plan: Plan, tally: Tally, ledger: Ledger, *, heals: bool) -> None:
    """The provider's record against the plan: nothing twice, nothing missing, nothing unsaid."""
    counts = Counter(call for call in scene.calls(plan.hash))
    for call in [call for call, times in counts.items() if times > 1]:
        tally.broken(f"{call} ran {counts[call]} times")
    state = scene.state(plan.hash)
    ledger.ends[state.value] += 1
    if state not in (PlanState.PARKED, PlanState.DONE if heals else PlanState.FAILED):
        tally.broken(f"a plan that {'heals' if heals else 'does not heal'} ended as {state}")
    wanted = [f"{step.id}:do" for step in plan.steps]
    if state is PlanState.FAILED:
        wanted += [f"{step.id}:undo" for step in plan.steps]
    skipped = [call for call in wanted if counts[call] == 0]
    if state is not PlanState.PARKED and skipped:
        tally.broken(f"{skipped} never ran, and the plan says {state}")
    for row in scene.store.read(lambda tx: tx.steps(plan.hash)):
        ledger.lost_replies += row.detail.startswith("the answer was lost")
        if row.state is StepState.INTENDED:
            tally.broken(f"{row.step}:{row.phase} has no outcome, and the plan is {state}")
