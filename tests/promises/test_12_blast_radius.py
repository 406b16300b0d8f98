"""Promise 12: blast-radius caps hold: at every boundary through the stage, and on random plans against an oracle."""

import itertools
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.adapters.executors.scripted import key_of
from bot.adapters.store.sql import SqlStore
from bot.domain.caps import Caps, Counted
from bot.domain.errors import Refused
from bot.domain.plan import Plan, PlannedStep, PlanState
from bot.domain.price import COST
from bot.pipeline.execute import admission
from bot.pipeline.execute import recheck as recheck_module
from bot.pipeline.execute import step as step_module
from bot.pipeline.execute.terms import Outcome
from bot.ports import Transaction
from tests.promises.conftest import Tally
from tests.unit.pipeline.execution_scene import (
    START,
    WIDE,
    Scene,
    declare,
    deployment,
    live_of,
    plan_of,
    playbook_for,
    scale,
    undo,
)

_FULL = 10_000
_UNITS = ("pods", "tasks", "services", "deployments", "namespaces")


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cap nothing."""
    monkeypatch.setattr(recheck_module, "_caps", lambda _plan, _playbook: None)
    monkeypatch.setattr(step_module._Attempt, "_within_radius", lambda _self, _live: None)
    monkeypatch.setattr(step_module, "too_large", lambda _taken, _name, _caps: "")
    monkeypatch.setattr(admission, "too_much", lambda _plan, _caps: "")
    monkeypatch.setattr(admission, "too_often", lambda _plan, _caps, _counted: "")


def test_the_boundary_of_each_cap(store: SqlStore, tmp_path: Path, promise: Callable[[int], Tally]) -> None:
    tally = promise(12)
    declare(store)
    units = ((scale("cart"), "tasks"), (scale("cart"), "services"), (undo("shop"), "pods"))
    for (step, unit), over in itertools.product(units, (-1, 0, 1)):
        scene = Scene(store, tmp_path / f"{unit}{over}")
        plan = plan_of([step], checks=())
        plan_hash = scene.stage(plan)
        cap = plan.blast_radius[unit] - over
        book = scene.books[0]
        scene.books = [replace(book, blast_radius={**book.blast_radius, unit: cap})]
        outcome = scene.run(plan_hash).outcome
        wanted = Outcome.REFUSED if over > 0 else Outcome.DONE
        tally.check(outcome is wanted, f"{plan.blast_radius[unit]} {unit} under a cap of {cap}: {outcome}")


def test_a_target_that_grew_since_it_was_shown(
    store: SqlStore, tmp_path: Path, promise: Callable[[int], Tally]
) -> None:
    tally = promise(12)
    declare(store)
    for grown in (-1, 0, 1, 20):
        scene = Scene(store, tmp_path / f"grown{grown}")
        count = str(3 + grown)
        sizes = dict.fromkeys(("replicas", "total", "updated", "ready"), count)
        target = deployment("shop")
        world = {key_of(target): {**live_of(target), **sizes}}
        outcome = scene.run(scene.stage(plan_of([undo("shop")], checks=()), world=world)).outcome
        wanted = Outcome.REFUSED if grown > 0 else Outcome.DONE
        tally.check(outcome is wanted, f"{count} pods where 3 were shown: {outcome}")


def test_random_plans_against_an_oracle(promise: Callable[[int], Tally]) -> None:
    tally = promise(12)
    base = plan_of([scale("cart")])
    for _ in range(tally.size(_FULL, least=500)):
        touched = {unit: random.randrange(0, 12) for unit in random.sample(_UNITS, random.randrange(0, 4))}
        caps = {unit: random.randrange(0, 12) for unit in random.sample(_UNITS, random.randrange(0, 6))}
        plan = replace(base, blast_radius=touched)
        playbook = replace(playbook_for(base), blast_radius=caps)
        allowed = not [unit for unit in touched if unit not in caps or touched[unit] > caps[unit]]
        try:
            recheck_module._caps(plan, playbook)
            passed = True
        except Refused:
            passed = False
        tally.check(passed == allowed, f"touching {touched} under {caps}: passed is {passed}")


def test_the_boundary_of_each_cap_over_all_plans(
    store: SqlStore, tmp_path: Path, promise: Callable[[int], Tally]
) -> None:
    """One below, at and one above each cap, through the executor's stage and its count in the database."""
    tally = promise(12)
    declare(store)
    for field, over in itertools.product(_EDGES, (-1, 0, 1)):
        scene = Scene(store, tmp_path / f"{field}{over}")
        plan, reached = _EDGES[field](scene)
        caps = replace(WIDE, **{field: reached - over})
        outcome = scene.run(scene.stage(plan), caps=caps).outcome
        wanted = Outcome.REFUSED if over > 0 else Outcome.DONE
        tally.check(outcome is wanted, f"{reached} under a cap of {reached - over} by {field}: {outcome}")


def _had(scene: Scene, name: str, count: int) -> None:
    for _ in range(count):
        scene.store.transact(lambda tx: tx.admit(random.randbytes(16).hex(), [name], at=START - 1))


def _mine() -> str:
    """A service of this trial alone, since all trials share one store and one hour."""
    return f"s{random.randrange(10**12)}"


def _by_service(scene: Scene) -> tuple[Plan, int]:
    name = _mine()
    _had(scene, f"service:{name}", 4)
    return plan_of([scale(name)], checks=()), 5


def _by_action(scene: Scene) -> tuple[Plan, int]:
    had = scene.store.read(lambda tx: tx.admissions("action:ecs/set-desired-count", since=START - 3600))
    return plan_of([scale(_mine())], checks=()), had + 1


def _at_once(scene: Scene) -> tuple[Plan, int]:
    def work(tx: Transaction) -> int:
        other = plan_of([undo(_mine())], incident="another")
        tx.add_plan(other)
        tx.move_plan(other.hash, to=PlanState.GRANTED, frm=(PlanState.PROPOSED,))
        tx.claim_plan(other.hash, holder="another", now=START, lease_s=9e9)
        tx.admit(other.hash, ["action:of-another"], at=START)
        return tx.running_admitted()

    running = scene.store.transact(work)
    return plan_of([scale(_mine())], checks=()), running + 1


def _targets(_scene: Scene) -> tuple[Plan, int]:
    return plan_of([scale(_mine()) for _ in range(3)], checks=()), 3


def _share(_scene: Scene) -> tuple[Plan, int]:
    return plan_of([scale(_mine(), 4)], checks=()), 60


def _money(_scene: Scene) -> tuple[Plan, int]:
    plan = plan_of([scale(_mine())], checks=())
    return replace(plan, blast_radius={**plan.blast_radius, COST: 700}), 700


_EDGES: dict[str, Callable[[Scene], tuple[Plan, int]]] = {
    "per_service_hour": _by_service,
    "per_action_hour": _by_action,
    "running": _at_once,
    "targets": _targets,
    "replica_percent": _share,
    "cents_per_hour": _money,
}


def test_random_plans_under_random_caps_against_an_oracle(promise: Callable[[int], Tally]) -> None:
    tally = promise(12)
    services = ("a", "b", "c", "d")
    for _ in range(tally.size(_FULL, least=500)):
        steps = [
            step for name in random.sample(services, random.randrange(1, 5)) for step in _some_steps(name)
        ]
        radius = {COST: random.randrange(0, 12)} if random.random() < 0.5 else {}
        plan = replace(plan_of(steps), blast_radius=radius)
        caps = Caps(
            *(random.randrange(1, 5) for _ in range(4)), random.randrange(0, 101), random.randrange(0, 12)
        )
        names = [f"service:{name}" for name in services] + [f"action:{step.action}" for step in steps]
        counted = Counted(random.randrange(0, 5), {name: random.randrange(0, 5) for name in names})
        said = admission.too_much(plan, caps) or admission.too_often(plan, caps, counted)
        allowed = _oracle(plan, caps, counted)
        tally.check((said == "") is allowed, f"{caps} with {counted}: allowed {allowed}, said {said!r}")


def _oracle(plan: Plan, caps: Caps, counted: Counted) -> bool:
    """The rules said again, each plainly and in no order."""
    per_service = all(
        counted.last_hour.get(f"service:{step.target.service}", 0) + 1 <= caps.per_service_hour
        for step in plan.steps
    )
    per_action = all(
        counted.last_hour.get(f"action:{step.action}", 0) + 1 <= caps.per_action_hour for step in plan.steps
    )
    shares = all(left * 100 >= of * (100 - caps.replica_percent) for left, of in _left(plan).values())
    return all(
        (
            per_service,
            per_action,
            counted.running + 1 <= caps.running,
            len({step.target.uid for step in plan.steps}) <= caps.targets,
            plan.blast_radius.get(COST, 0) <= caps.cents_per_hour,
            shares,
        )
    )


def _some_steps(name: str) -> list[PlannedStep]:
    """A rollback, or a scaling, or two of the same service, the second from where the first has left it."""
    first = scale(name, random.randrange(1, 13))
    now = {"desired_count": str(first.params["count"])}
    second = replace(first, params={"count": random.randrange(1, 13)}, expect={**first.expect, **now})
    return random.choice(([undo(name)], [first], [first, second]))


def _left(plan: Plan) -> dict[str, tuple[int, int]]:
    """By target what is left of how much: each scaling keeps so many of so many, a rollback all."""
    kept = {step.target.uid: (1, 1) for step in plan.steps}
    for step in plan.steps:
        had, left = int(step.expect.get("desired_count", 1)), int(step.params.get("count", 1))
        of = kept[step.target.uid]
        kept[step.target.uid] = (of[0] * min(had, left), of[1] * had)
    return kept
