"""Promise 7: no stale plan executes; whatever changed between approval and execution refuses it, and says what."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.adapters.executors.scripted import key_of
from bot.adapters.store.sql import SqlStore
from bot.domain.plan import PlannedStep
from bot.pipeline.execute import recheck as recheck_module
from bot.pipeline.execute import step as step_module
from bot.pipeline.execute.terms import Outcome
from tests.promises.conftest import Tally
from tests.unit.pipeline.execution_scene import (
    START,
    Scene,
    TurnedClock,
    declare,
    live_of,
    plan_of,
    scale,
    undo,
)

_FULL = 1000


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Believe that the world stands still."""
    monkeypatch.setattr(step_module._Attempt, "_unchanged", lambda *_given: None)
    monkeypatch.setattr(recheck_module, "_in_time", lambda *_given: None)


def test_a_changed_target_refuses_the_plan(
    store: SqlStore, tmp_path: Path, promise: Callable[[int], Tally]
) -> None:
    tally = promise(7)
    declare(store)
    for number in range(tally.size(_FULL, least=30)):
        step = (scale("cart"), undo("shop"))[number % 2]
        field = list(step.expect)[(number // 2) % len(step.expect)]
        scene = Scene(store, tmp_path / f"p{number}")
        moved = {key_of(step.target): {**live_of(step.target), field: _other(step, field)}}
        result = scene.run(scene.stage(plan_of([step]), world=moved))
        refused = result.outcome is Outcome.REFUSED and field in result.reason
        tally.check(refused and not scene.calls(), f"{step.action} ran although {field} had changed")


def test_an_expired_plan_or_approval_is_refused(
    store: SqlStore, tmp_path: Path, promise: Callable[[int], Tally]
) -> None:
    tally = promise(7)
    declare(store)
    for number in range(tally.size(_FULL // 5, least=10)):
        late_s = 600 + random.uniform(0, 4000)
        scene = Scene(store, tmp_path / f"p{number}", TurnedClock(START))
        plan = plan_of([scale("cart")])
        if number % 2:
            plan = replace(plan, expires_ms=int((START + late_s - 0.001) * 1000))
        plan_hash = scene.stage(plan)
        scene.clock.sleep(late_s)
        outcome = scene.run(plan_hash).outcome
        tally.check(outcome is Outcome.REFUSED and not scene.calls(), f"it ran {late_s:.0f} s after approval")


def _other(step: PlannedStep, field: str) -> str:
    number = str(random.randrange(11, 10**6))
    return number if step.expect[field].isdigit() else random.choice([number, step.expect[field] + "0"])
