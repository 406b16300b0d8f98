"""The execute stage on a real store and the scripted provider: what happens, what is written, what is left alone."""

import json
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bot.adapters.executors.scripted import Fault, Trouble, key_of
from bot.adapters.store.sql import SqlStore
from bot.domain.canonical import canonical
from bot.domain.incident import IncidentState
from bot.domain.plan import Check, PlanState
from bot.domain.records import MessageKind
from bot.domain.undo import undo_plan
from bot.pipeline.execute.terms import Outcome
from tests.unit.pipeline.execution_scene import (
    INCIDENT,
    START,
    Scene,
    approve,
    collect,
    declare,
    deployment,
    live_of,
    plan_of,
    scale,
    service,
    undo,
)


@pytest.fixture
def scene(store: SqlStore, tmp_path: Path) -> Scene:
    declare(store)
    return Scene(store, tmp_path / "provider")


def test_every_step_is_done_verified_and_told(scene: Scene) -> None:
    plan = plan_of([undo("shop"), scale("cart")])
    plan_hash = scene.stage(plan)
    result = scene.run(plan_hash)
    assert result.outcome is Outcome.DONE
    assert scene.state(plan_hash) is PlanState.DONE
    assert scene.calls() == ["undo-shop:do", "scale-cart:do"]
    assert scene.events() == [
        "execution_claimed", "step_intended", "step_done", "step_intended", "step_done", "verified",
        "execution_finished",
    ]  # fmt: skip
    incident = scene.incident()
    assert incident.state is IncidentState.MONITORING
    option = next(option for option in incident.options if option.plan_hash == plan_hash)
    assert (option.state, option.verified) == (PlanState.DONE, True)
    assert [(step.id, step.state) for step in option.steps] == [("undo-shop", "done"), ("scale-cart", "done")]
    assert scene.store.read(lambda tx: tx.message(INCIDENT, MessageKind.CARD)) is not None
    assert scene.store.read(lambda tx: tx.message(INCIDENT, MessageKind.PROPOSAL)) is not None


def test_one_approval_runs_once(scene: Scene) -> None:
    plan_hash = scene.stage(plan_of([scale("cart")]))
    assert scene.run(plan_hash).outcome is Outcome.DONE
    assert scene.run(plan_hash).outcome is Outcome.NOT_OURS
    assert scene.calls() == ["scale-cart:do"]


def test_failed_checks_roll_everything_back_in_reverse(scene: Scene) -> None:
    scene.value = lambda: 0.3
    plan_hash = scene.stage(plan_of([undo("shop"), scale("cart")]))
    assert scene.run(plan_hash).outcome is Outcome.FAILED
    assert scene.calls() == ["undo-shop:do", "scale-cart:do", "scale-cart:undo", "undo-shop:undo"]
    assert scene.live(service("cart"))["desired_count"] == "10"
    assert scene.live(deployment("shop"))["template_hash"] == "newer"
    option = scene.incident().options[0]
    assert (option.verified, option.state) == (False, PlanState.FAILED)
    assert scene.incident().state is IncidentState.IDENTIFIED


@pytest.mark.parametrize("value", [None, 0.02, 0.5])
def test_no_reading_or_one_at_the_bound_does_not_verify(scene: Scene, value: float | None) -> None:
    scene.value = lambda: value
    plan_hash = scene.stage(plan_of([scale("cart")], on_failure="stop"))
    assert scene.run(plan_hash).outcome is Outcome.FAILED
    assert scene.incident().options[0].verified is False
    assert scene.calls() == ["scale-cart:do"]


def test_a_single_good_reading_is_not_enough(scene: Scene) -> None:
    readings = iter([0.001] + [0.4, 0.001] * 20)
    scene.value = lambda: next(readings)
    assert scene.run(scene.stage(plan_of([scale("cart")]))).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("fault", "outcome", "state"),
    [
        (Fault.FAIL, Outcome.FAILED, "failed"),
        (Fault.FORBIDDEN, Outcome.FAILED, "failed"),
        (Fault.CONFLICT, Outcome.FAILED, "failed"),
        (Fault.UNREACHABLE, Outcome.DONE, "done"),
        (Fault.LOST_REPLY, Outcome.DONE, "done"),
        (Fault.HANG, Outcome.DONE, "done"),
        (Fault.STALE, Outcome.FAILED, "failed"),
    ],
)
def test_each_fault_of_a_provider(scene: Scene, fault: Fault, outcome: Outcome, state: str) -> None:
    plan_hash = scene.stage(plan_of([scale("cart")]), (Trouble(fault),))
    assert scene.run(plan_hash).outcome is outcome
    assert scene.incident().options[0].steps[0].state == state


def test_a_failed_second_step_undoes_the_first(scene: Scene) -> None:
    plan = plan_of([scale("cart"), undo("shop")])
    plan_hash = scene.stage(plan, (Trouble(Fault.FAIL, action="kubectl/rollout-undo"),))
    result = scene.run(plan_hash)
    assert result.outcome is Outcome.FAILED
    assert "Everything that was done is undone" in result.reason
    assert scene.calls() == ["scale-cart:do", "scale-cart:undo"]


def test_a_rollout_that_never_gets_ready_is_undone(scene: Scene) -> None:
    plan_hash = scene.stage(plan_of([undo("shop")]), (Trouble(Fault.PARTIAL),))
    assert scene.run(plan_hash).outcome is Outcome.FAILED
    assert scene.calls() == ["undo-shop:do", "undo-shop:undo"]
    assert scene.live(deployment("shop"))["template_hash"] == "newer"


@pytest.mark.parametrize("field", ["uid", "desired_count", "status", "task_definition"])
def test_a_stale_plan_is_refused(scene: Scene, field: str) -> None:
    changed = {key_of(service("cart")): {**live_of(service("cart")), field: "7"}}
    plan_hash = scene.stage(plan_of([scale("cart")]), world=changed)
    result = scene.run(plan_hash)
    assert result.outcome is Outcome.REFUSED
    assert field in result.reason
    assert scene.calls() == []
    assert scene.events() == ["execution_claimed", "execution_refused"]


def test_more_than_was_shown_is_refused(scene: Scene) -> None:
    grown = {key_of(deployment("shop")): {**live_of(deployment("shop")), "replicas": "40"}}
    result = scene.run(scene.stage(plan_of([undo("shop")]), world=grown))
    assert result.outcome is Outcome.REFUSED
    assert "40 pods" in result.reason


@pytest.mark.parametrize(
    "scope", ["tenant", f"incident:{INCIDENT}", "service:cart", "action:ecs/set-desired-count"]
)
def test_a_switch_that_is_on_refuses_the_start(scene: Scene, scope: str) -> None:
    plan_hash = scene.stage(plan_of([scale("cart")]))
    scene.store.transact(lambda tx: tx.set_switch(scope, True, by="U1", at=START))
    assert scene.run(plan_hash).outcome is Outcome.REFUSED
    assert scene.calls() == []


def test_stop_lets_the_step_in_flight_end_and_starts_no_other(scene: Scene) -> None:
    plan_hash = scene.stage(plan_of([scale("cart"), scale("shop"), scale("mail")]))
    executor = scene.provider

    class Stopping:
        name = "stopping"

        def __getattr__(self, name: str) -> Any:
            return getattr(executor, name)

        def call(self, step: Any, *, token: str) -> str:
            scene.store.transact(lambda tx: tx.set_switch(f"incident:{INCIDENT}", True, by="U1", at=START))
            return executor.call(step, token=token)

    result = scene.run(plan_hash, executors={"aws": Stopping()})
    assert result.outcome is Outcome.STOPPED
    assert scene.calls() == ["scale-cart:do"]
    assert scene.state(plan_hash) is PlanState.STOPPED


def test_a_forged_missing_or_late_grant_is_refused(scene: Scene) -> None:
    forged = scene.stage(plan_of([scale("cart")]))
    assert "signature" in scene.run(forged, grant_key=b"x" * 32).reason
    late = scene.stage(plan_of([scale("cart")], now=scene.clock.at))
    scene.clock.sleep(601)
    assert "approval expired" in scene.run(late).reason
    missing = scene.stage(plan_of([scale("cart")], now=scene.clock.at))
    with scene.store.engine.begin() as connection:
        connection.execute(text("DELETE FROM grants WHERE plan_hash = :h"), {"h": missing})
    assert "no recorded approval" in scene.run(missing).reason
    assert scene.calls() == []


def test_an_expired_plan_and_observe_mode_are_refused(scene: Scene) -> None:
    first = scene.stage(plan_of([scale("cart")]))
    assert scene.run(first, mode="observe").outcome is Outcome.REFUSED
    old = scene.stage(plan_of([scale("cart")], now=START - 400, expires_ms=int(START * 1000) + 10))
    scene.clock.sleep(1)
    assert "expired" in scene.run(old).reason
    endless = scene.stage(plan_of([scale("cart")], now=scene.clock.at, expires_ms=int(START * 1000) + 9**9))
    assert "15 minutes" in scene.run(endless).reason


def test_stored_content_that_was_edited_is_refused(scene: Scene) -> None:
    plan = plan_of([scale("cart")])
    plan_hash = scene.stage(plan)
    content = json.loads(canonical(plan.to_json()))
    content["steps"][0]["params"]["count"] = 5
    with scene.store.engine.begin() as connection:
        connection.execute(
            text("UPDATE plans SET content = :c WHERE hash = :h"), {"c": canonical(content), "h": plan_hash}
        )
    assert scene.run(plan_hash).outcome is Outcome.REFUSED
    assert scene.calls() == []


def test_a_plan_that_is_not_the_catalogues_is_refused(scene: Scene) -> None:
    step = scale("cart")
    crooked = [
        replace(step, command=(*step.command, "--force")),
        replace(step, params={"count": 51}),
        replace(step, action="shell/run"),
        replace(step, undo_command=("true",)),
        replace(step, target=replace(step.target, name="--cart")),
    ]
    for one in crooked:
        plan_hash = scene.stage(replace(plan_of([step]), steps=(one,)))
        assert scene.run(plan_hash).outcome is Outcome.REFUSED
    assert scene.calls() == []


def test_a_playbook_that_changed_is_refused(scene: Scene) -> None:
    plan = plan_of([scale("cart")])
    plan_hash = scene.stage(plan)
    scene.books = [replace(scene.books[0], digest="e" * 64)]
    assert scene.run(plan_hash).outcome is Outcome.REFUSED
    capped = scene.stage(plan_of([scale("cart")]))
    scene.books = [replace(scene.books[0], blast_radius={"services": 1, "tasks": 5})]
    assert "6 tasks" in scene.run(capped).reason
    unlisted = scene.stage(plan_of([scale("cart")]))
    scene.books = [replace(scene.books[0], blast_radius={"services": 1})]
    assert scene.run(unlisted).outcome is Outcome.REFUSED


def test_two_changing_plans_of_one_incident_do_not_overlap(scene: Scene) -> None:
    first = scene.stage(plan_of([scale("cart")]))
    scene.store.transact(lambda tx: tx.claim_plan(first, holder="other", now=START, lease_s=900))
    assert "another plan" in scene.run(scene.stage(plan_of([scale("shop")]))).reason
    looking = scene.stage(plan_of([collect("shop")], checks=()))
    assert scene.run(looking).outcome is Outcome.DONE
    assert scene.incident().state is IncidentState.IDENTIFIED


def test_two_incidents_do_not_change_the_same_target_at_once(scene: Scene) -> None:
    elsewhere = replace(plan_of([scale("cart")]), incident="inc-2")
    scene.store.transact(lambda tx: tx.add_plan(elsewhere))
    scene.store.transact(
        lambda tx: tx.move_plan(elsewhere.hash, to=PlanState.GRANTED, frm=(PlanState.PROPOSED,))
    )
    scene.store.transact(lambda tx: tx.claim_plan(elsewhere.hash, holder="other", now=START, lease_s=900))
    assert "same target" in scene.run(scene.stage(plan_of([scale("cart")]))).reason
    assert scene.run(scene.stage(plan_of([scale("shop")]))).outcome is Outcome.DONE


def test_a_running_plan_that_cannot_be_read_may_be_in_the_way(scene: Scene) -> None:
    first = scene.stage(plan_of([scale("cart")]))
    scene.store.transact(lambda tx: tx.claim_plan(first, holder="other", now=START, lease_s=900))
    with scene.store.engine.begin() as connection:
        connection.execute(text("UPDATE plans SET content = X'00'"))
    assert "another plan" in scene.run(scene.stage(plan_of([scale("shop")]))).reason


def test_undo_is_a_plan_of_its_own(scene: Scene) -> None:
    plan = plan_of([undo("shop"), scale("cart")])
    done = scene.stage(plan)
    assert scene.run(done).outcome is Outcome.DONE
    journal = scene.store.read(lambda tx: tx.steps(done))
    reverse = undo_plan(plan, journal, now_ms=int(scene.clock.at * 1000), nonce=secrets.token_hex(8))
    undone = approve(scene.store, reverse, at=scene.clock.at)
    assert scene.run(undone).outcome is Outcome.DONE
    assert scene.calls()[2:] == ["scale-cart:do", "undo-shop:do"]
    assert scene.live(service("cart"))["desired_count"] == "10"
    assert scene.live(deployment("shop"))["template_hash"] == "newer"
    assert scene.incident().state is IncidentState.IDENTIFIED


def test_an_undo_leaves_alone_what_somebody_else_changed(scene: Scene) -> None:
    plan = plan_of([scale("cart")])
    done = scene.stage(plan)
    scene.run(done)
    journal = scene.store.read(lambda tx: tx.steps(done))
    reverse = undo_plan(plan, journal, now_ms=int(scene.clock.at * 1000), nonce="n")
    undone = approve(scene.store, reverse, at=scene.clock.at)
    (scene.folder / "calls.jsonl").unlink()
    assert scene.run(undone).outcome is Outcome.REFUSED
    assert scene.calls() == []


def test_an_undo_that_is_not_the_inverse_is_refused(scene: Scene) -> None:
    plan = plan_of([scale("cart")])
    done = scene.stage(plan)
    scene.run(done)
    journal = scene.store.read(lambda tx: tx.steps(done))
    reverse = undo_plan(plan, journal, now_ms=int(scene.clock.at * 1000), nonce="n")
    other = scale("cart", 20)
    crooked = replace(reverse, steps=(replace(reverse.steps[0], params=other.params, command=other.command),))
    assert scene.run(approve(scene.store, crooked, at=scene.clock.at)).outcome is Outcome.REFUSED
    assert scene.calls() == ["scale-cart:do"]


def test_slow_readings_do_not_cost_the_lease(scene: Scene) -> None:
    """Each takes six seconds and there are five of them, while a second executor looks for orphans."""
    checks = [Check("error_ratio", f"shop-{number}", 20, 90) for number in range(5)]
    plan = plan_of([scale("shop")], checks=checks)
    plan_hash = scene.stage(plan)
    taken: list[object] = []

    def slowly() -> float:
        scene.clock.at += 6.0
        now = scene.clock.at
        taken.append(
            scene.store.transact(lambda tx: tx.claim_plan(plan_hash, holder="two", now=now, lease_s=15.0))
        )
        return 0.001

    scene.value = slowly
    assert scene.run(plan_hash).outcome is Outcome.DONE
    assert set(taken) == {None}


def test_checks_that_nobody_could_read_are_not_said_to_be_bad(scene: Scene) -> None:
    for value, words in (
        (None, "could not be read (error ratio of shop)"),
        (0.4, "The checks did not pass."),
    ):
        again = Scene(scene.store, scene.folder / str(value), value=lambda value=value: value)
        result = again.run(again.stage(plan_of([scale("cart")])))
        assert result.outcome is Outcome.FAILED
        assert words in result.reason
        assert again.calls() == ["scale-cart:do", "scale-cart:undo"]
