"""Approved plans through the executor's own loop while one call in twenty to the provider and the database fails.

No step has its effect twice, nothing is skipped unnoticed, and every plan comes to an end that says what is changed:
done, compensated, or parked for a human.
"""

import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from bot.adapters.store.sql import SqlStore, keys_of, open_engine
from bot.boundary import guarded
from bot.domain.plan import Plan, PlanState
from bot.settings import Settings
from tests.faults.faulty import Dice, FaultyExecutor, FaultyStore
from tests.unit.pipeline.execution_scene import Scene, declare, live_of, plan_of, scale, undo

PLANS, MOST_CLAIMS = 24, 60
LEASE_S = 15.0
GOING = {PlanState.GRANTED, PlanState.RUNNING}


@pytest.fixture
def faulty(store: SqlStore, settings: Callable[..., Settings]) -> FaultyStore:
    """The same database as `store`, through an adapter that fails."""
    made = FaultyStore(open_engine(settings().database_url), store.tenant, keys_of(settings()))
    made.dice = Dice(random.Random(7))
    return made


def test_no_step_is_repeated_and_every_plan_ends(
    store: SqlStore, faulty: FaultyStore, tmp_path: Path
) -> None:
    seeded, dice = random.Random(8), faulty.dice
    declare(store)
    scene, ends = Scene(store, tmp_path / "provider"), Counter[PlanState]()
    for number in range(PLANS):
        heals = seeded.random() < 0.7
        scene.value = lambda heals=heals: 0.001 if heals else 0.5  # type: ignore[misc]
        plan = plan_of(
            [scale(f"a{number}"), undo(f"b{number}"), scale(f"c{number}", 6), undo(f"d{number}")],
            now=scene.clock.at,
        )
        scene.folder = tmp_path / f"provider-{number}"
        scene.stage(plan)
        _work(scene, plan.hash, faulty, dice)
        ends[_judged(scene, plan)] += 1
    assert dice.failed > PLANS, "too few faults to say anything"
    assert ends[PlanState.DONE] > PLANS / 4, ends
    assert ends[PlanState.FAILED] > 0, ends


def _work(scene: Scene, plan_hash: str, faulty: FaultyStore, dice: Dice) -> None:
    """As the poller does: claim it whenever its lease is over, until it has ended."""
    provider = FaultyExecutor(scene.provider, dice, scene.clock.sleep)
    means = {
        "store": faulty,
        "executors": dict.fromkeys(("kubectl", "aws", "forensics"), provider),
        "max_claims": MOST_CLAIMS,
        "poll_s": 15.0,
    }
    for _ in range(2 * MOST_CLAIMS):
        guarded("execute", partial(scene.run, plan_hash, **means))
        if scene.state(plan_hash) not in GOING:
            return
        scene.clock.sleep(LEASE_S + 1)
    raise AssertionError("the plan never ended")


def _judged(scene: Scene, plan: Plan) -> PlanState:
    """What the provider's own record says must fit what the plan's end says."""
    calls, state = Counter(scene.calls(plan.hash)), scene.state(plan.hash)
    assert all(count == 1 for count in calls.values()), calls
    done = {step.id for step in plan.steps if calls[f"{step.id}:do"]}
    undone = {step.id for step in plan.steps if calls[f"{step.id}:undo"]}
    wanted = {step.id for step in plan.steps}
    if state is PlanState.DONE:
        assert (done, undone) == (wanted, set())
    elif state is PlanState.FAILED:
        assert done == undone
        assert all(_as_before(scene, step.target) for step in plan.steps)
    elif state is PlanState.REFUSED:
        assert not calls
    else:
        assert state is PlanState.PARKED, state
    return state


def _as_before(scene: Scene, target: object) -> bool:
    live, before = scene.live(target), live_of(target)  # type: ignore[arg-type]
    moved = {"generation", "observed_generation", "revision"}
    return all(live[name] == text for name, text in before.items() if name not in moved)
