"""In whose name a provider is called: who approved the plan, and for a standing order who signed it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bot.adapters.executors.scripted import ScriptedExecutor
from bot.adapters.store.sql import SqlStore
from bot.domain.plan import ActionClass, PlannedStep, Target
from bot.pipeline.execute.terms import Outcome
from tests.unit.pipeline.execution_scene import Scene, declare, plan_of, scale
from tests.unit.pipeline.order_scene import OrderScene


class Naming:
    """An executor whose provider records in whose name it was called."""

    def __init__(self, inner: ScriptedExecutor, told: list[tuple[str, str]], approver: str = "") -> None:
        self.name = inner.name
        self._inner = inner
        self._told = told
        self._approver = approver

    def for_approver(self, approver: str) -> "Naming":
        return Naming(self._inner, self._told, approver)

    def read(self, target: Target) -> Mapping[str, str]:
        return self._inner.read(target)

    def dry_run(self, step: PlannedStep) -> None:
        self._inner.dry_run(step)

    def call(self, step: PlannedStep, *, token: str) -> str:
        self._told.append((token.partition(":")[2], self._approver))
        return self._inner.call(step, token=token)

    def settled(self, step: PlannedStep, *, token: str) -> bool:
        return self._inner.settled(step, token=token)


@pytest.fixture
def scene(store: SqlStore, tmp_path: Path) -> Scene:
    declare(store)
    return Scene(store, tmp_path / "provider")


def test_each_call_bears_the_name_of_who_approved_also_while_undoing(scene: Scene) -> None:
    told: list[tuple[str, str]] = []
    scene.value = lambda: 0.9
    plan_hash = scene.stage(plan_of([scale("cart")]))
    assert scene.run(plan_hash, executors={"aws": Naming(scene.provider, told)}).outcome is Outcome.FAILED
    assert told == [("scale-cart:do", "U1"), ("scale-cart:undo", "U1")]


def test_two_people_are_named_both(scene: Scene) -> None:
    told: list[tuple[str, str]] = []
    plan = replace(plan_of([scale("cart")]), klass=ActionClass.DESTRUCTIVE)
    plan_hash = scene.stage(plan, seconded_by="U2")
    scene.store.transact(lambda tx: tx.save_approvers(["U1", "U2"], at=scene.clock.at))
    assert scene.run(plan_hash, executors={"aws": Naming(scene.provider, told)}).outcome is Outcome.DONE
    assert told == [("scale-cart:do", "U1,U2")]


def test_a_standing_order_is_named_with_those_who_signed_it(store: SqlStore, tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    scene = OrderScene(store, tmp_path / "provider")
    scene.ready()
    scene.fire()
    result = scene.run(scene.plan.hash, executors={"kubectl": Naming(scene.provider, told)})
    assert result.outcome is Outcome.DONE
    assert told == [("undo-shop:do", "SO-1,U0A,U0B")]
