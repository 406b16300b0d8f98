"""Promise 7: no stale plan executes; whatever changed between approval and execution refuses it, and says what."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.adapters.executors.scripted import key_of
from bot.adapters.store.sql import SqlStore
from bot.domain.freeze import FreezeWindow
from bot.domain.incident_fold import option_of
from bot.domain.plan import Plan, PlannedStep
from bot.domain.playbook import PlaybookStep, Precondition
from bot.domain.telemetry import PlannedEvent
from bot.pipeline.execute import recheck as recheck_module
from bot.pipeline.execute import stage as stage_module
from bot.pipeline.execute import step as step_module
from bot.pipeline.execute.journal import Run
from bot.pipeline.execute.terms import Outcome
from tests.promises.conftest import Tally
from tests.unit.pipeline.execution_scene import (
    START,
    Scene,
    TurnedClock,
    declare,
    live_of,
    plan_of,
    playbook_for,
    scale,
    undo,
)

_FULL = 500


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Believe that the world stands still."""
    monkeypatch.setattr(step_module._Attempt, "_unchanged", lambda *_given: None)
    monkeypatch.setattr(recheck_module, "_in_time", lambda *_given: None)
    monkeypatch.setattr(stage_module, "ask_again", lambda *_given: None)
    monkeypatch.setattr(recheck_module, "_world", lambda *_given: None)
    monkeypatch.setattr(Run, "held", lambda *_given: None)


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


# Each holds for a scene's service as it is; each value makes it fail and changes nothing that the step itself expects.
_FLIPS = (
    (Precondition("every task runs", "running_count", "==", "target.desired_count"), {"running_count": "9"}),
    (Precondition("it has tasks to spare", "running_count", ">", "inputs.count"), {"running_count": "4"}),
    (Precondition("it has eight tasks", "running_count", ">=", "8"), {"running_count": "7"}),
    (Precondition("it is not too large", "running_count", "<=", "10"), {"running_count": "11"}),
    (Precondition("it deploys nothing", "rollout", "!=", "IN_PROGRESS"), {"rollout": "IN_PROGRESS"}),
    (Precondition("it changed lately", "scaled_at", "within", "600"), {"scaled_at": "1799999000"}),
    (Precondition("it is ECS's own", "controller", "==", "ECS"), {"controller": "EXTERNAL"}),
)
_HELD = {"rollout": "COMPLETED", "scaled_at": "1799999900", "controller": "ECS"}


def test_each_precondition_flipped_between_click_and_run(
    store: SqlStore, tmp_path: Path, promise: Callable[[int], Tally]
) -> None:
    """It runs while the condition holds; flipped, it is refused and the card says which one."""
    tally = promise(7)
    declare(store)
    for number in range(tally.size(_FULL // 5, least=2 * len(_FLIPS))):
        condition, flipped = _FLIPS[number // 2 % len(_FLIPS)]
        flip = number % 2 == 1
        scene = Scene(store, tmp_path / f"c{number}")
        plan = plan_of([scale("cart")], checks=())
        target = plan.steps[0].target
        live = {**live_of(target), **_HELD, **(flipped if flip else {})}
        plan_hash = scene.stage(plan, world={key_of(target): live})
        step = PlaybookStep("scale-cart", "scale", "ecs/set-desired-count", {"count": "inputs.count"})
        scene.books = [replace(playbook_for(plan), preconditions=(condition,), steps=(step,))]
        result = scene.run(plan_hash)
        if flip:
            told = condition.name in _told(scene, plan)
            holds = result.outcome is Outcome.REFUSED and not scene.calls() and told
        else:
            holds = result.outcome is Outcome.DONE
        tally.check(holds, f"{condition.name}, flipped {flip}: {result}")


def test_a_freeze_or_an_event_that_came_up_meanwhile(
    store: SqlStore, tmp_path: Path, promise: Callable[[int], Tally]
) -> None:
    tally = promise(7)
    declare(store)
    for number in range(tally.size(_FULL // 5, least=10)):
        scene = Scene(store, tmp_path / f"f{number}", TurnedClock(START + 1000.0 * number))
        plan = plan_of([scale("cart")], checks=(), now=scene.clock.at)
        plan_hash = scene.stage(plan)
        scene.clock.sleep(random.uniform(1, 500))
        now = scene.clock.at
        if number % 2:
            window = FreezeWindow(plan_hash, "service:cart", now - 1, now + 60, "quarter end", "U1")
            store.transact(lambda tx, window=window: tx.add_freeze(window))
            words = "quarter end"
        else:
            event = PlannedEvent(plan_hash, "Autumn launch", now - 900, now + 60, ("cart",), "U1", now - 0.5)
            store.transact(lambda tx, event=event: tx.add_planned_event(event))
            words = "Autumn launch"
        result = scene.run(plan_hash)
        refused = result.outcome is Outcome.REFUSED and not scene.calls() and words in _told(scene, plan)
        tally.check(refused, f"it ran inside of {words}: {result}")


def _told(scene: Scene, plan: Plan) -> str:
    """What the card says about the plan."""
    option = option_of(scene.incident(), plan.hash)
    return option.note if option else ""


def _other(step: PlannedStep, field: str) -> str:
    number = str(random.randrange(11, 10**6))
    return number if step.expect[field].isdigit() else random.choice([number, step.expect[field] + "0"])
