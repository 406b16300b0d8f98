"""What the executor asks again by itself before a plan starts: freezes, planned events, caps, people, preconditions."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.executors.scripted import key_of
from bot.adapters.store.sql import SqlStore
from bot.domain.caps import Caps
from bot.domain.freeze import FreezeWindow
from bot.domain.incident_fold import option_of
from bot.domain.plan import ActionClass, Plan, PlanState
from bot.domain.playbook import PlaybookStep, Precondition
from bot.domain.telemetry import PlannedEvent
from bot.domain.undo import undo_plan
from bot.pipeline.execute.terms import Outcome, Result
from bot.wiring.stop_file import stop_file
from tests.unit.pipeline.execution_scene import (
    START,
    Scene,
    TurnedClock,
    collect,
    declare,
    live_of,
    plan_of,
    playbook_for,
    scale,
    service,
    undo,
)


@pytest.fixture
def scene(store: SqlStore, tmp_path: Path) -> Scene:
    declare(store)
    return Scene(store, tmp_path / "provider", TurnedClock(START))


def refused(scene: Scene, plan: Plan, words: str, **more: Any) -> Result:
    """Run it; nothing may happen at the provider, and the card must say why."""
    plan_hash = scene.stage(plan)
    before = scene.calls()
    result = scene.run(plan_hash, **more)
    assert (result.outcome, scene.calls()) == (Outcome.REFUSED, before), result
    option = option_of(scene.incident(), plan.hash)
    assert option is not None
    assert option.state is PlanState.REFUSED
    assert words in option.note
    return result


def freeze(scene: Scene, scope: str, starts_s: float, ends_s: float, reason: str = "quarter end") -> None:
    window = FreezeWindow(f"{scope}{starts_s}", scope, START + starts_s, START + ends_s, reason, "U1")
    scene.store.transact(lambda tx: tx.add_freeze(window))


@pytest.mark.parametrize(
    "scope", ["tenant", "incident:inc-1", "service:cart", "action:ecs/set-desired-count"]
)
def test_a_freeze_window_holds_from_its_start_to_its_end(scene: Scene, scope: str) -> None:
    freeze(scene, scope, 0, 60)
    refused(scene, plan_of([scale("cart")]), "until 2027-01-15 08:01 UTC: quarter end")
    scene.clock.sleep(60)
    assert scene.run(scene.stage(plan_of([scale("cart")], now=scene.clock.at))).outcome is Outcome.DONE


def test_a_freeze_of_something_else_or_of_later_holds_nothing(scene: Scene) -> None:
    freeze(scene, "service:shop", -10, 60)
    freeze(scene, "tenant", 10, 60)
    assert scene.run(scene.stage(plan_of([scale("cart")], checks=()))).outcome is Outcome.DONE


def test_a_window_that_covers_one_step_refuses_the_whole_plan(scene: Scene) -> None:
    freeze(scene, "service:shop", 0, 600)
    refused(scene, plan_of([scale("cart"), scale("shop")]), "service shop until")


def test_reading_goes_on_in_a_freeze_window_but_not_after_a_stop(scene: Scene) -> None:
    freeze(scene, "tenant", -10, 600)
    assert scene.run(scene.stage(plan_of([collect("shop")], checks=()))).outcome is Outcome.DONE
    scene.store.transact(lambda tx: tx.set_switch("tenant", True, by="U1", at=START))
    plan = plan_of([collect("shop")], checks=())
    refused_result = scene.run(scene.stage(plan))
    assert refused_result.outcome is Outcome.REFUSED


@pytest.mark.parametrize(
    ("starts_s", "entered_s", "services", "holds"),
    [
        (10, -50, ("cart",), True),
        (-50, 10, (), True),
        (-50, -40, ("cart",), False),
        (10, 10, ("shop",), False),
    ],
)
def test_a_planned_event_that_the_plan_does_not_know_of(
    scene: Scene, starts_s: float, entered_s: float, services: tuple[str, ...], holds: bool
) -> None:
    event = PlannedEvent(
        "p1", "Autumn <launch>", START + starts_s, START + 900, services, "U1", START + entered_s
    )
    scene.store.transact(lambda tx: tx.add_planned_event(event))
    plan = plan_of([scale("cart")], checks=())
    plan_hash = scene.stage(plan)
    scene.clock.sleep(20)
    result = scene.run(plan_hash)
    assert result.outcome is (Outcome.REFUSED if holds else Outcome.DONE)
    assert ("“Autumn ‹launch›”" in result.reason) is holds


def test_the_stop_file_refuses_and_its_folder_must_stay(scene: Scene, tmp_path: Path) -> None:
    folder = tmp_path / "stop"
    folder.mkdir()
    held = stop_file(folder / "STOP")
    assert scene.run(scene.stage(plan_of([scale("a")], checks=())), stopped=held).outcome is Outcome.DONE
    (folder / "STOP").symlink_to("/nowhere")
    refused(scene, plan_of([scale("cart")]), "by the stop file", stopped=held)
    (folder / "STOP").unlink()
    folder.rmdir()
    refused(scene, plan_of([scale("cart")]), "folder is gone", stopped=held)


def test_one_person_s_grant_does_not_start_a_destructive_plan(scene: Scene) -> None:
    refused(scene, plan_of([scale("cart")], klass=ActionClass.DESTRUCTIVE), "needs two people")


@pytest.mark.parametrize(
    ("second", "group", "read_s", "words"),
    [
        ("U2", ("U1", "U2"), 0, ""),
        ("U2", ("U1", "U2"), -119, ""),
        ("U2", ("U1", "U2"), -121, "not read from Slack"),
        ("U2", None, 0, "not read from Slack"),
        ("U2", ("U1",), 0, "not in the approver group any more"),
        ("U2", ("U2",), 0, "not in the approver group any more"),
        ("U1", ("U1", "U2"), 0, "names one"),
    ],
)
def test_both_people_of_a_destructive_plan_are_still_in_the_group(
    scene: Scene, second: str, group: tuple[str, ...] | None, read_s: float, words: str
) -> None:
    if group is not None:
        scene.store.transact(lambda tx: tx.save_approvers(group, at=START + read_s))
    plan = plan_of([scale("cart")], checks=(), klass=ActionClass.DESTRUCTIVE)
    result = scene.run(scene.stage(plan, seconded_by=second))
    assert (result.outcome is Outcome.DONE) is (words == ""), result.reason
    assert words in result.reason


def test_an_old_run_is_not_undone(scene: Scene) -> None:
    original = plan_of([scale("cart")], checks=())
    plan_hash = scene.stage(original)
    assert scene.run(plan_hash).outcome is Outcome.DONE
    scene.clock.sleep(3601)
    journal = scene.store.read(lambda tx: tx.steps(plan_hash))
    for limit_s, outcome in ((3600.0, Outcome.REFUSED), (7200.0, Outcome.DONE)):
        reverse = undo_plan(original, journal, now_ms=round(scene.clock.at * 1000), nonce=f"n{limit_s}")
        world = {key_of(service("cart")): {**live_of(service("cart")), "desired_count": "4"}}
        result = scene.run(scene.stage(reverse, world=world), undo_max_age_s=limit_s)
        assert result.outcome is outcome, result.reason


CAPS = Caps(
    per_action_hour=3, per_service_hour=2, running=2, targets=2, replica_percent=60, cents_per_hour=100
)


def test_runs_an_hour_are_counted_by_service_and_by_action(scene: Scene) -> None:
    def again(name: str) -> Result:
        plan = plan_of([scale(name)], checks=(), now=scene.clock.at)
        anew = Scene(scene.store, scene.folder / plan.nonce, scene.clock)
        return anew.run(anew.stage(plan), caps=CAPS)

    for _ in range(2):
        result = again("cart")
        assert result.outcome is Outcome.DONE, result
    assert "cart had 2 runs in the last hour, at most 2" in again("cart").reason
    assert again("shop").outcome is Outcome.DONE
    assert "ecs/set-desired-count had 3 runs in the last hour" in again("other").reason
    scene.clock.sleep(3601)
    assert again("cart").outcome is Outcome.DONE


def test_a_refused_plan_is_not_counted_and_an_undo_is_never_held_back(scene: Scene) -> None:
    tight = replace(CAPS, per_service_hour=1)
    done = plan_of([scale("cart")], checks=())
    assert scene.run(scene.stage(done), caps=tight).outcome is Outcome.DONE
    for _ in range(3):
        assert scene.run(scene.stage(plan_of([scale("cart")])), caps=tight).outcome is Outcome.REFUSED
    assert scene.store.read(lambda tx: tx.admissions("service:cart", since=0.0)) == 1
    journal = scene.store.read(lambda tx: tx.steps(done.hash))
    reverse = undo_plan(done, journal, now_ms=round(scene.clock.at * 1000), nonce="n")
    world = {key_of(service("cart")): {**live_of(service("cart")), "desired_count": "4"}}
    assert scene.run(scene.stage(reverse, world=world), caps=tight).outcome is Outcome.DONE


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (plan_of([scale("a"), scale("b"), scale("c")], checks=()), "3 targets, at most 2"),
        (plan_of([scale("a", 3)], checks=()), "takes away 70 % of what a has"),
        (
            replace(
                plan_of([scale("a", 5)]), blast_radius={"services": 1, "tasks": 5, "cents_per_hour": 101}
            ),
            "101 cents",
        ),
    ],
)
def test_a_plan_that_is_too_big_by_itself(scene: Scene, plan: Plan, words: str) -> None:
    refused(scene, plan, words, caps=CAPS)


def test_so_many_plans_at_once_and_no_more(scene: Scene) -> None:
    for name in ("one", "two"):
        scene.store.transact(
            lambda tx, name=name: tx.add_plan(plan_of([undo(name)], incident="inc-9", nonce=name))
        )

    def running(tx: Any) -> None:
        for row in tx.plans_of("inc-9"):
            tx.move_plan(row.hash, to=PlanState.GRANTED, frm=(PlanState.PROPOSED,))
            tx.claim_plan(row.hash, holder="another", now=START, lease_s=9e9)
            tx.admit(row.hash, ["action:kubectl/rollout-undo"], at=START)

    scene.store.transact(running)
    refused(scene, plan_of([scale("cart")]), "2 plans run already, at most 2", caps=CAPS)


@pytest.mark.parametrize(
    ("condition", "live", "holds"),
    [
        (Precondition("it is active", "status", "==", "ACTIVE"), {}, True),
        (Precondition("it is active", "status", "==", "ACTIVE"), {"status": "DRAINING"}, False),
        (Precondition("it is larger", "running_count", ">", "inputs.count"), {}, True),
        (Precondition("it is larger", "running_count", ">", "inputs.count"), {"running_count": "4"}, False),
        (
            Precondition("all run", "running_count", "==", "target.desired_count"),
            {"running_count": "9"},
            False,
        ),
        (Precondition("it says", "nonsense", "==", "1"), {}, False),
        (Precondition("it was less", "previous_count", "<", "inputs.count"), {}, True),
        (Precondition("it was less", "previous_count", "<", "inputs.count"), {"previous_count": "5"}, False),
        (Precondition("of another", "status", "==", "ACTIVE", of="donor"), {}, False),
    ],
)
def test_each_precondition_is_asked_again_of_the_live_target(
    scene: Scene, condition: Precondition, live: dict[str, str], holds: bool
) -> None:
    plan = plan_of([scale("cart")], checks=())
    target = plan.steps[0].target
    plan_hash = scene.stage(plan, world={key_of(target): {**live_of(target), **live}})
    book = playbook_for(plan)
    step = PlaybookStep("scale-cart", "scale", "ecs/set-desired-count", {"count": "inputs.count"})
    scene.books = [replace(book, preconditions=(condition,), steps=(step,))]
    result = scene.run(plan_hash)
    assert (result.outcome is Outcome.DONE) is holds, result.reason
    if not holds:
        assert (condition.name in result.reason, scene.calls()) == (True, [])
