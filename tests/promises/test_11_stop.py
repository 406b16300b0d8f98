"""Promise 11: stop stops. A switch flipped at any instant lets the step in flight end, and no other one begins."""

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.adapters.executors.scripted import ScriptedExecutor
from bot.adapters.store.sql import SqlStore
from bot.domain.plan import PlanState
from bot.pipeline.execute.journal import Run
from bot.ports import Transaction
from tests.promises.conftest import Tally
from tests.unit.pipeline.execution_scene import INCIDENT, START, Scene, declare, plan_of, scale, undo

_FULL = 1000
_SCOPES = ("tenant", f"incident:{INCIDENT}", "service:c", "action:kubectl/rollout-undo")


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask no switch before a step."""
    monkeypatch.setattr(Run, "scopes", lambda _run, _step: [])


@pytest.mark.timeout(900)
def test_no_step_begins_after_the_switch(
    store: SqlStore, tmp_path: Path, promise: Callable[[int], Tally]
) -> None:
    tally = promise(11)
    declare(store)
    for number in range(tally.size(_FULL, least=24)):
        _trial(Scene(store, tmp_path / f"p{number}"), random.choice(_SCOPES), tally)


def _trial(scene: Scene, scope: str, tally: Tally) -> None:
    steps = [scale("a"), undo("b"), scale("c"), undo("d"), scale("e")]
    plan = plan_of(steps, checks=())
    plan_hash = scene.stage(plan)
    scene.executor = ScriptedExecutor(scene.folder, latency_s=0.001)
    begun: set[str] = set()
    flipped = threading.Event()

    def flip() -> None:
        time.sleep(random.uniform(0.0, 0.15))

        def work(tx: Transaction) -> None:
            tx.set_switch(scope, True, by="U1", at=START)
            begun.update(row.step for row in tx.steps(plan_hash))

        scene.store.transact(work)
        flipped.set()

    thread = threading.Thread(target=flip)
    thread.start()
    scene.run(plan_hash)
    thread.join()
    assert flipped.is_set()
    scene.store.transact(lambda tx: tx.set_switch(scope, False, by="U1", at=START))
    covered = {step.id for step in steps if scope in _scopes_of(step.target.service, step.action)}
    rows = scene.store.read(lambda tx: tx.steps(plan_hash))
    after = {row.step for row in rows} - begun
    tally.check(not after & covered, f"{sorted(after & covered)} began after {scope} was on")
    ended = scene.state(plan_hash) in (PlanState.DONE, PlanState.STOPPED, PlanState.REFUSED)
    tally.check(ended, f"the plan is {scene.state(plan_hash)}")


def _scopes_of(service: str, action: str) -> set[str]:
    return {"tenant", f"incident:{INCIDENT}", f"service:{service}", f"action:{action}"}
