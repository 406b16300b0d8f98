"""A provider that is away for a while before a step has done anything: asked again, and all that must hold with it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.executors.scripted import Fault, Trouble, key_of, save_world
from bot.adapters.store.sql import SqlStore
from bot.domain.errors import Retryable, Undecided
from bot.domain.plan import ActionClass, PlannedStep, Target
from bot.domain.playbook import PlaybookStep, Precondition
from bot.pipeline.execute.patience import BUDGET_S
from bot.pipeline.execute.terms import Outcome
from tests.unit.pipeline.execution_scene import START, Scene, declare, live_of, plan_of, playbook_for, scale

SHORT_OF_IT_S = 24.0
ACTIVE = Precondition("it is active", "status", "==", "ACTIVE")


class Away:
    """The scripted provider, which does not answer `verb` until a moment by the scene's clock, and then for good."""

    name = "away"

    def __init__(self, scene: Scene, until: float, verb: str = "read") -> None:
        self._scene = scene
        self._until = until
        self._verb = verb

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scene.provider, name)

    def read(self, target: Target) -> Mapping[str, str]:
        self._perhaps("read")
        return self._scene.provider.read(target)

    def dry_run(self, step: PlannedStep) -> None:
        self._perhaps("dry_run")
        self._scene.provider.dry_run(step)

    def call(self, step: PlannedStep, *, token: str) -> str:
        self._perhaps("call")
        return self._scene.provider.call(step, token=token)

    def _perhaps(self, verb: str) -> None:
        if verb == self._verb and self._scene.clock.now() < self._until:
            reason = "the provider refused the connection"
            raise Retryable(reason, delay_s=0.5)


@pytest.fixture
def scene(store: SqlStore, tmp_path: Path) -> Scene:
    declare(store)
    return Scene(store, tmp_path / "provider")


def staged(scene: Scene, *, asked_first: bool = False) -> str:
    """An approved plan of two steps; `asked_first` by a playbook with a precondition of its own."""
    plan = plan_of([scale("cart"), scale("shop")], checks=())
    plan_hash = scene.stage(plan)
    if asked_first:
        steps = tuple(
            PlaybookStep(step.id, "scale", step.action, {"count": "inputs.count"}) for step in plan.steps
        )
        scene.books = [replace(playbook_for(plan), preconditions=(ACTIVE,), steps=steps)]
    return plan_hash


def away(scene: Scene, seconds: float, verb: str = "read") -> dict[str, Any]:
    return {"executors": {"aws": Away(scene, scene.clock.at + seconds, verb)}}


def attempts(scene: Scene) -> list[Mapping[str, Any]]:
    log = scene.store.read(lambda tx: tx.events("inc-1"))
    return [event.body for event in log if event.type.value == "attempt_failed"]


@pytest.mark.parametrize("asked_first", [False, True])
@pytest.mark.parametrize("verb", ["read", "dry_run", "call"])
def test_it_is_asked_again_and_every_try_is_in_the_log(scene: Scene, verb: str, asked_first: bool) -> None:
    result = scene.run(staged(scene, asked_first=asked_first), **away(scene, SHORT_OF_IT_S, verb))
    assert result.outcome is Outcome.DONE, result.reason
    assert scene.calls() == ["scale-cart:do", "scale-shop:do"]
    tries = attempts(scene)
    assert [one["attempt"] for one in tries] == list(range(1, len(tries) + 1))
    assert 4 <= len(tries) <= 10, "waits grow, and are no longer than a lease"
    phase = "check" if verb == "read" and asked_first else "do"
    assert {(one["step"], one["phase"]) for one in tries} == {("scale-cart", phase)}
    assert all("refused the connection" in one["reason"] for one in tries)


@pytest.mark.parametrize("asked_first", [False, True])
def test_one_that_stays_away_ends_it_and_nothing_happened(scene: Scene, asked_first: bool) -> None:
    result = scene.run(staged(scene, asked_first=asked_first), **away(scene, 10 * BUDGET_S))
    assert (result.outcome, scene.calls()) == (Outcome.REFUSED, [])
    assert "refused the connection" in result.reason
    assert scene.clock.at <= START + BUDGET_S


def stop(scene: Scene) -> None:
    scene.store.transact(lambda tx: tx.set_switch("tenant", True, by="U1", at=scene.clock.at))


def expire(scene: Scene) -> None:
    scene.clock.sleep(601)


@pytest.mark.parametrize("verb", ["read", "dry_run", "call"])
@pytest.mark.parametrize("asked_first", [False, True])
@pytest.mark.parametrize(("meanwhile", "words"), [(stop, "everything"), (expire, "approval expired")])
def test_what_forbids_it_meanwhile_counts(
    scene: Scene, meanwhile: Callable[[Scene], None], words: str, asked_first: bool, verb: str
) -> None:
    """A stop holds until the call itself, an expiry until the plan's first intent: one begun in time goes on."""

    def sleep(seconds: float) -> None:
        scene.clock.sleep(seconds)
        if scene.clock.at > START + 2:
            meanwhile(scene)

    plan_hash = staged(scene, asked_first=asked_first)
    result = scene.run(plan_hash, sleep=sleep, **away(scene, SHORT_OF_IT_S, verb))
    if meanwhile is expire and verb != "read":
        assert result.outcome is not Outcome.REFUSED, "an intent was recorded in time"
        return
    assert result.outcome in (Outcome.STOPPED, Outcome.REFUSED), result
    assert (words in result.reason, scene.calls()) == (True, [])
    assert scene.clock.at < START + SHORT_OF_IT_S or meanwhile is expire


class Late:
    """The scripted provider; its first call gets no answer, and has its effect `after` so many seconds."""

    name = "late"

    def __init__(self, scene: Scene, after: float) -> None:
        self._scene = scene
        self._after = after
        self._landing: tuple[float, PlannedStep, str] | None = None
        self._called = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scene.provider, name)

    def read(self, target: Target) -> Mapping[str, str]:
        self._land()
        return self._scene.provider.read(target)

    def settled(self, step: PlannedStep, *, token: str) -> bool:
        self._land()
        return self._scene.provider.settled(step, token=token)

    def call(self, step: PlannedStep, *, token: str) -> str:
        if self._called:
            return self._scene.provider.call(step, token=token)
        self._called, self._landing = True, (self._scene.clock.now() + self._after, step, token)
        reason = "no answer"
        raise Undecided(reason)

    def _land(self) -> None:
        if self._landing is not None and self._scene.clock.now() >= self._landing[0]:
            _, step, token = self._landing
            self._landing = None
            self._scene.provider.call(step, token=token)


def test_an_effect_that_comes_late_is_waited_for_and_not_called_for_again(scene: Scene) -> None:
    result = scene.run(staged(scene), executors={"aws": Late(scene, 10.0)})
    assert result.outcome is Outcome.DONE
    assert scene.calls() == ["scale-cart:do", "scale-shop:do"]
    assert attempts(scene) == []


def test_what_is_untouched_after_a_lease_is_called_once_more(scene: Scene) -> None:
    result = scene.run(staged(scene), executors={"aws": Late(scene, 9e9)})
    assert result.outcome is Outcome.DONE
    assert scene.calls() == ["scale-cart:do", "scale-shop:do"]
    assert [(one["step"], one["reason"]) for one in attempts(scene)] == [("scale-cart", "no answer")]
    assert START + 15 <= scene.clock.at <= START + 20, "a lease, and not the two minutes of a step"


def test_the_second_call_is_as_patient_as_the_first(scene: Scene) -> None:
    troubles = (Trouble(Fault.HANG), Trouble(Fault.UNREACHABLE, times=3))
    result = scene.run(scene.stage(plan_of([scale("cart")]), troubles))
    assert (result.outcome, scene.calls()) == (Outcome.DONE, ["scale-cart:do"])
    assert len(attempts(scene)) == 4


@pytest.mark.parametrize(("lost", "outcome"), [(2, Outcome.DONE), (3, Outcome.PARKED)])
def test_one_without_any_answer_is_called_three_times_and_parked(
    scene: Scene, lost: int, outcome: Outcome
) -> None:
    plan_hash = scene.stage(plan_of([scale("cart")]), (Trouble(Fault.HANG, times=lost),))
    result = scene.run(plan_hash)
    assert (result.outcome, scene.calls()) == (outcome, ["scale-cart:do"] if lost < 3 else [])
    assert len(attempts(scene)) == 2
    assert outcome is Outcome.DONE or "the outcome is unknown" in result.reason


def test_what_two_people_must_approve_is_called_once(scene: Scene) -> None:
    scene.store.transact(lambda tx: tx.save_approvers(("U1", "U2"), at=START))
    plan = plan_of([scale("cart")], checks=(), klass=ActionClass.DESTRUCTIVE)
    plan_hash = scene.stage(plan, (Trouble(Fault.HANG),), seconded_by="U2")
    result = scene.run(plan_hash)
    assert (result.outcome, scene.calls(), attempts(scene)) == (Outcome.PARKED, [], [])
    assert "the outcome is unknown" in result.reason


def test_a_stop_keeps_the_second_call_back(scene: Scene) -> None:
    def sleep(seconds: float) -> None:
        scene.clock.sleep(seconds)
        stop(scene)

    result = scene.run(staged(scene), executors={"aws": Late(scene, 9e9)}, sleep=sleep)
    assert (result.outcome, scene.calls()) == (Outcome.STOPPED, [])


def test_what_somebody_else_changed_meanwhile_is_parked(scene: Scene) -> None:
    plan_hash = scene.stage(plan := plan_of([scale("cart")]), (Trouble(Fault.HANG),))
    target = plan.steps[0].target

    def sleep(seconds: float) -> None:
        scene.clock.sleep(seconds)
        save_world(scene.folder, {key_of(target): {**live_of(target), "desired_count": "7"}}, ())

    result = scene.run(plan_hash, sleep=sleep)
    assert (result.outcome, scene.calls()) == (Outcome.PARKED, [])
    assert "the outcome is unknown" in result.reason


@pytest.mark.parametrize("verb", ["dry_run", "call"])
@pytest.mark.parametrize("lost", [0, 1])
def test_what_somebody_else_changed_while_a_call_waited_is_not_called_for(
    scene: Scene, verb: str, lost: int
) -> None:
    """Each try reads its target anew, be it the first call or one after an answer that was lost."""
    plan_hash = scene.stage(plan := plan_of([scale("cart")]), (Trouble(Fault.HANG, times=lost),) * lost)
    target = plan.steps[0].target
    since = START + 16 * lost

    def sleep(seconds: float) -> None:
        scene.clock.sleep(seconds)
        if scene.clock.at > since + 8:
            save_world(scene.folder, {key_of(target): {**live_of(target), "desired_count": "7"}}, ())

    class AwayThen(Away):
        def _perhaps(self, verb: str) -> None:
            if lost == 0 or scene.clock.at >= START + 15:
                super()._perhaps(verb)

    provider = AwayThen(scene, since + SHORT_OF_IT_S, verb)
    result = scene.run(plan_hash, sleep=sleep, executors={"aws": provider})
    sent = lost or verb == "call"  # Of a call that was sent nobody can say that it did no part of this.
    assert (result.outcome, scene.calls()) == (Outcome.PARKED if sent else Outcome.FAILED, [])
    assert "changed: desired_count is 7" in result.reason


def test_the_lease_is_held_through_a_provider_that_takes_most_of_it_for_each_answer(scene: Scene) -> None:
    plan_hash = scene.stage(plan_of([scale("cart")], checks=()))
    taken: list[int | None] = []

    class Slow(Away):
        def _perhaps(self, verb: str) -> None:
            scene.clock.sleep(14.0)
            now = scene.clock.at
            taken.append(
                scene.store.transact(lambda tx: tx.claim_plan(plan_hash, holder="b", now=now, lease_s=15.0))
            )

    result = scene.run(plan_hash, executors={"aws": Slow(scene, 0.0)})
    assert (result.outcome, scene.calls()) == (Outcome.DONE, ["scale-cart:do"])
    assert taken
    assert set(taken) == {None}
