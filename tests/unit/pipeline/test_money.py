"""Money while a plan runs: no more is spent than was shown, and a way back is never held up by its price."""

from pathlib import Path

import pytest

from bot.adapters.executors.scripted import key_of
from bot.adapters.store.sql import SqlStore
from bot.domain.actions.ecs import SET_DESIRED_COUNT
from bot.domain.catalogue import planned_step
from bot.domain.plan import Plan, PlanState
from bot.domain.price import COST, UNKNOWN, added_cost, unit_price
from bot.pipeline.execute.terms import Outcome
from tests.unit.pipeline.execution_scene import Scene, declare, live_of, plan_of, service

PRICED = {**live_of(service("cart")), "unit_price": "4900"}


def scaling(count: int, cents: int) -> Plan:
    """A plan on a service of ten tasks, with what its card said that it costs."""
    step = planned_step(SET_DESIRED_COUNT, "scale", service("cart"), PRICED, {"count": count})
    return plan_of([step], blast_radius={"services": 1, "tasks": abs(count - 10), COST: cents})


@pytest.fixture
def scene(store: SqlStore, tmp_path: Path) -> Scene:
    declare(store)
    return Scene(store, tmp_path / "provider")


@pytest.mark.parametrize(("price", "runs"), [("4900", True), ("4899", True), ("0", True), ("4901", False)])
def test_what_would_now_cost_more_than_was_shown_does_not_run(scene: Scene, price: str, runs: bool) -> None:
    plan_hash = scene.stage(scaling(20, 49), world={key_of(service("cart")): {**PRICED, "unit_price": price}})
    result = scene.run(plan_hash)
    assert (result.outcome is Outcome.DONE) is runs, result
    assert scene.live(service("cart"))["desired_count"] == ("20" if runs else "10")


def test_the_way_back_from_fewer_tasks_is_not_held_up_by_its_price(scene: Scene) -> None:
    scene.value = lambda: 0.5
    plan_hash = scene.stage(scaling(4, 0), world={key_of(service("cart")): PRICED})
    scene.run(plan_hash)
    assert scene.calls() == ["scale:do", "scale:undo"]
    assert scene.live(service("cart"))["desired_count"] == "10"
    assert scene.state(plan_hash) is PlanState.FAILED


def test_prices_of_one_object_go_before_those_of_its_kind() -> None:
    prices = {"ecs.service": 4.9, "ecs.service/cart": 9.8765}
    assert unit_price(prices, "ecs.service", "cart") == "9876"
    assert unit_price(prices, "ecs.service", "till") == "4900"
    assert unit_price(prices, "autoscaling.group", "cart") == "0"
    assert added_cost({"unit_price": "4900"}, 3) == {COST: 15}
    assert added_cost({"unit_price": "4900"}, -3) == {COST: 0}
    assert added_cost({"unit_price": "0"}, 1) == added_cost({}, 1) == {COST: UNKNOWN}
