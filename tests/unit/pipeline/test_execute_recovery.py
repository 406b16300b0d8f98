"""An executor that dies at a chosen instant, and the next one that finds its journal."""

from pathlib import Path
from typing import Any

import pytest

from bot.adapters.executors.scripted import Fault, Trouble, key_of, save_world
from bot.adapters.store.sql import SqlStore
from bot.domain.errors import Permanent
from bot.domain.plan import PlannedStep, PlanState
from bot.pipeline.execute.terms import Outcome
from tests.unit.pipeline.execution_scene import (
    INCIDENT,
    START,
    Scene,
    declare,
    deployment,
    live_of,
    plan_of,
    scale,
    service,
    undo,
)


class Died(BaseException):
    """The process is gone."""


class Mortal:
    """The scripted provider in a process that dies before or after its `nth` call."""

    name = "mortal"

    def __init__(self, scene: Scene, nth: int, *, after: bool) -> None:
        self._scene = scene
        self._left = nth
        self._after = after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scene.provider, name)

    def call(self, step: PlannedStep, *, token: str) -> str:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise Died
        said = self._scene.provider.call(step, token=token)
        if self._left == 0:
            raise Died
        return said


@pytest.fixture
def scene(store: SqlStore, tmp_path: Path) -> Scene:
    declare(store)
    return Scene(store, tmp_path / "provider")


def die(scene: Scene, plan_hash: str, nth: int, *, after: bool) -> None:
    mortal = Mortal(scene, nth, after=after)
    with pytest.raises(Died):
        scene.run(plan_hash, executors=dict.fromkeys(("kubectl", "aws"), mortal))
    assert scene.state(plan_hash) is PlanState.RUNNING
    assert scene.run(plan_hash).outcome is Outcome.NOT_OURS
    scene.clock.sleep(16)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("nth", [1, 2])
def test_death_around_a_call(scene: Scene, nth: int, after: bool) -> None:
    plan_hash = scene.stage(plan_of([scale("cart"), undo("shop")]))
    die(scene, plan_hash, nth, after=after)
    assert scene.run(plan_hash).outcome is Outcome.DONE
    assert scene.calls() == ["scale-cart:do", "undo-shop:do"]
    details = {row.step: row.detail for row in scene.store.read(lambda tx: tx.steps(plan_hash))}
    interrupted = ("scale-cart", "undo-shop")[nth - 1]
    assert ("after a restart" in details[interrupted]) == after


@pytest.mark.parametrize("nth", [3, 4])
@pytest.mark.parametrize("after", [False, True])
def test_death_while_undoing(scene: Scene, nth: int, after: bool) -> None:
    scene.value = lambda: 0.4
    plan_hash = scene.stage(plan_of([scale("cart"), undo("shop")]))
    die(scene, plan_hash, nth, after=after)
    scene.value = lambda: 0.001
    assert scene.run(plan_hash).outcome is Outcome.FAILED
    assert scene.calls() == ["scale-cart:do", "undo-shop:do", "undo-shop:undo", "scale-cart:undo"]
    assert scene.live(service("cart"))["desired_count"] == "10"
    assert scene.live(deployment("shop"))["template_hash"] == "newer"


def test_what_somebody_else_changed_meanwhile_is_parked(scene: Scene) -> None:
    plan = plan_of([scale("cart")])
    plan_hash = scene.stage(plan)
    die(scene, plan_hash, 1, after=False)
    changed = {**live_of(service("cart")), "desired_count": "7"}
    save_world(scene.folder, {key_of(service("cart")): changed}, ())
    result = scene.run(plan_hash)
    assert result.outcome is Outcome.PARKED
    assert "neither untouched nor done" in result.reason
    assert scene.calls() == []
    assert scene.events()[-2:] == ["step_parked", "execution_finished"]


def test_what_cannot_be_read_back_is_parked(scene: Scene) -> None:
    plan_hash = scene.stage(plan_of([scale("cart")]))
    die(scene, plan_hash, 1, after=True)
    save_world(scene.folder, {}, ())
    (scene.folder / "calls.jsonl").unlink()
    with pytest.raises(Permanent):
        scene.live(service("cart"))
    assert scene.run(plan_hash).outcome is Outcome.PARKED


def test_stop_holds_for_a_step_that_was_never_sent(scene: Scene) -> None:
    plan_hash = scene.stage(plan_of([scale("cart")]))
    die(scene, plan_hash, 1, after=False)
    scene.store.transact(lambda tx: tx.set_switch(f"incident:{INCIDENT}", True, by="U1", at=START))
    assert scene.run(plan_hash).outcome is Outcome.STOPPED
    assert scene.calls() == []


def test_a_plan_begun_in_time_goes_on_after_its_expiry(scene: Scene) -> None:
    plan_hash = scene.stage(plan_of([scale("cart"), scale("shop")]))
    die(scene, plan_hash, 1, after=True)
    scene.clock.sleep(3600)
    assert scene.run(plan_hash).outcome is Outcome.DONE


def test_a_plan_that_keeps_killing_its_executor_is_parked(scene: Scene) -> None:
    plan_hash = scene.stage(plan_of([scale("cart")]))
    for _ in range(3):
        die(scene, plan_hash, 1, after=False)
    result = scene.run(plan_hash, max_claims=3)
    assert result.outcome is Outcome.PARKED
    assert "3 times" in result.reason


def test_one_whose_lease_ran_out_writes_nothing_more(scene: Scene) -> None:
    plan_hash = scene.stage(plan_of([scale("cart"), scale("shop")]))
    provider = scene.provider

    class Slow:
        """A call that takes longer than the lease, while another executor takes the plan over."""

        name = "slow"

        def __getattr__(self, name: str) -> Any:
            return getattr(provider, name)

        def call(self, step: PlannedStep, *, token: str) -> str:
            said = provider.call(step, token=token)
            scene.clock.sleep(16)
            assert scene.run(plan_hash, holder="other").outcome is Outcome.DONE
            return said

    result = scene.run(plan_hash, executors={"aws": Slow()})
    assert result.outcome is Outcome.NOT_OURS
    assert scene.calls() == ["scale-cart:do", "scale-shop:do"]
    assert scene.events().count("execution_finished") == 1


def test_a_stop_that_comes_while_the_provider_is_busy_keeps_the_call_back(scene: Scene) -> None:
    plan_hash = scene.stage(plan_of([scale("cart"), scale("shop")]), (Trouble(Fault.UNREACHABLE, times=2),))

    def stopped_meanwhile(seconds: float) -> None:
        scene.store.transact(lambda tx: tx.set_switch("tenant", True, by="U1", at=START))
        scene.clock.sleep(seconds)

    result = scene.run(plan_hash, sleep=stopped_meanwhile)
    assert result.outcome is Outcome.STOPPED
    assert "stopped before step scale-cart (everything)" in result.reason
    assert scene.calls() == []
    assert scene.store.read(lambda tx: tx.steps(plan_hash))[0].detail.startswith(
        "nothing changed: stopped before"
    )
