"""Promise 4: one approval executes at most once, however many people click, and however often."""

import threading
from collections.abc import Callable

import pytest

from bot.adapters.store.parts.plans import PlansPart
from bot.adapters.store.sql import SqlStore
from bot.domain.errors import WatchkeeperError
from bot.domain.gate import Click
from bot.domain.plan import PlanState
from bot.pipeline import approve as stage_module
from bot.pipeline.approve import Outcome
from tests.gate_stage import Stage, stage
from tests.promises.conftest import Tally

CLICKERS = 8
REPLAYS = 20


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decide without the compare-and-set and without asking whether somebody decided before."""
    monkeypatch.setattr(stage_module, "refusal_of", lambda _click, _facts: None)
    monkeypatch.setattr(PlansPart, "move_plan", lambda _self, _hash, **_states: True)
    monkeypatch.setattr(PlansPart, "add_grant", lambda _self, _grant: None)


@pytest.mark.timeout(1200)
def test_clickers_race_for_one_plan(store: SqlStore, promise: Callable[[int], Tally]) -> None:
    tally = promise(4)
    for _ in range(tally.size(100, least=5)):
        on = stage(store)
        clicks = [on.click("U0FIRST" if number % 2 else "U0SECOND") for number in range(CLICKERS)]
        found = raced(on, clicks)
        tally.check(not found, found)


@pytest.mark.timeout(1200)
def test_one_click_replayed(store: SqlStore, promise: Callable[[int], Tally]) -> None:
    tally = promise(4)
    for _ in range(tally.size(500, least=20) // REPLAYS):
        on = stage(store)
        click = on.click()
        on.decide(click)
        for _ in range(REPLAYS):
            tally.check(on.decide(click).outcome is Outcome.TOO_LATE, "a replayed click was granted again")
        tally.check(len(on.events("approval_granted")) == 1, "the log holds more than one approval")


@pytest.mark.timeout(1200)
def test_executors_race_for_one_grant(store: SqlStore, promise: Callable[[int], Tally]) -> None:
    tally = promise(4)
    for _ in range(tally.size(100, least=5)):
        on = stage(store)
        on.decide(on.click())
        epochs = claimed(on)
        won = [epoch for epoch in epochs if epoch is not None]
        tally.check(won == [1], f"{len(won)} executors took one grant")


def claimed(on: Stage) -> list[int | None]:
    """What each of the executors got that went for the plan at the same moment."""
    epochs: list[int | None] = []
    gate = threading.Barrier(CLICKERS)
    plan_hash, now = on.plans[0].hash, on.clock.at

    def claim(holder: str) -> None:
        gate.wait()
        epochs.append(
            on.store.transact(lambda tx: tx.claim_plan(plan_hash, holder=holder, now=now, lease_s=15.0))
        )

    in_threads([threading.Thread(target=claim, args=(f"executor-{n}",)) for n in range(CLICKERS)])
    return epochs


def raced(on: Stage, clicks: list[Click]) -> str:
    """Press all at once; says what went wrong, or nothing."""
    outcomes: list[Outcome] = []
    errors: list[str] = []
    gate = threading.Barrier(len(clicks))

    def press(click: Click) -> None:
        gate.wait()
        try:
            outcomes.append(on.decide(click).outcome)
        except WatchkeeperError as error:
            errors.append(str(error))

    in_threads([threading.Thread(target=press, args=(click,)) for click in clicks])
    granted, logged = outcomes.count(Outcome.GRANTED), len(on.events("approval_granted"))
    row = on.store.read(lambda tx: tx.plan(on.plans[0].hash))
    state = row.state if row else None
    if errors or (granted, logged, state) != (1, 1, PlanState.GRANTED):
        return f"{granted} granted, {logged} logged, plan {state}, errors {errors[:1]}"
    return ""


def in_threads(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
