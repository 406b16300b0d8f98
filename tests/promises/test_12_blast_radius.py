"""Promise 12: blast-radius caps hold: at every boundary through the stage, and on random plans against an oracle."""

import itertools
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.adapters.executors.scripted import key_of
from bot.adapters.store.sql import SqlStore
from bot.domain.errors import Refused
from bot.pipeline.execute import recheck as recheck_module
from bot.pipeline.execute import step as step_module
from bot.pipeline.execute.terms import Outcome
from tests.promises.conftest import Tally
from tests.unit.pipeline.execution_scene import (
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
