"""Trouble on the way to AWS, for each action: one attempt, the right verdict, and what the read-back says then."""

import dataclasses
import random
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from bot.adapters.store.sql import SqlStore
from bot.domain.errors import Refused, Retryable, Undecided
from bot.domain.plan import ActionClass, PlannedStep, PlanState
from bot.local.world.aws.calls import AwsCall
from tests.contract.executors.aws_scenes import SCENES, executor
from tests.contract.executors.bench import Bench, moto
from tests.contract.executors.faulty_front import Fault, FaultyFront, faulty_front
from tests.unit.pipeline.execution_scene import Scene, approve, declare, plan_of, playbook_for

TOKEN = "p:change:do"


@pytest.fixture(scope="module")
def front() -> Iterator[FaultyFront]:
    with moto() as url, faulty_front(url) as running:
        yield running


@dataclasses.dataclass(frozen=True)
class Case:
    """A scene through the front, and the way back to how it was."""

    bench: Bench
    back: PlannedStep


@pytest.fixture(scope="module", params=sorted(SCENES))
def case(
    request: pytest.FixtureRequest, front: FaultyFront, tmp_path_factory: pytest.TempPathFactory
) -> Case:
    folder = tmp_path_factory.mktemp("aws")
    front.fault = Fault.NONE
    made = SCENES[request.param](front.behind, folder)
    bench = dataclasses.replace(made, executor=executor(front.url, folder))
    step = bench.step()
    assert step.undo_params is not None
    assert step.undo_command is not None
    return Case(bench, dataclasses.replace(step, params=step.undo_params, command=step.undo_command))


@pytest.fixture
def bench(case: Case, front: FaultyFront) -> Bench:
    """The scene as it was at first."""
    front.fault = Fault.NONE
    case.bench.executor.call(case.back, token="p:change:undo")
    case.bench.turn()
    return case.bench


def begun(front: FaultyFront, bench: Bench, fault: Fault) -> PlannedStep:
    """A bound step, and the trouble on."""
    step = bench.step()
    assert not bench.settled(step, TOKEN)
    front.writes.clear()
    front.fault = fault
    return step


def test_throttled_is_tried_again_by_us_alone(front: FaultyFront, bench: Bench) -> None:
    step = begun(front, bench, Fault.THROTTLED)
    before = bench.executor.read(bench.target)
    with pytest.raises(Retryable):
        bench.executor.call(step, token=TOKEN)
    assert len(front.writes) == 1
    assert bench.executor.read(bench.target) == before
    front.fault = Fault.NONE
    bench.executor.call(step, token=TOKEN)
    assert bench.settled(step, TOKEN)


def test_expired_credentials_are_refused(front: FaultyFront, bench: Bench) -> None:
    step = begun(front, bench, Fault.EXPIRED)
    before = bench.executor.read(bench.target)
    with pytest.raises(Refused) as refused:
        bench.executor.call(step, token=TOKEN)
    assert refused.value.rule == "expired_credentials"
    assert len(front.writes) == 1
    assert bench.executor.read(bench.target) == before


@pytest.mark.parametrize("fault", [Fault.DONE_THEN_FAILED, Fault.DONE_THEN_GONE])
def test_what_landed_without_an_answer_is_read_back(front: FaultyFront, bench: Bench, fault: Fault) -> None:
    step = begun(front, bench, fault)
    with pytest.raises(Undecided):
        bench.executor.call(step, token=TOKEN)
    assert len(front.writes) == 1
    assert bench.settled(step, TOKEN)


def test_what_did_not_land_is_undecided_and_read_back_as_not_done(front: FaultyFront, bench: Bench) -> None:
    step = begun(front, bench, Fault.UNAVAILABLE)
    before = bench.executor.read(bench.target)
    with pytest.raises(Undecided):
        bench.executor.call(step, token=TOKEN)
    assert len(front.writes) == 1
    assert not bench.settled(step, TOKEN)
    assert bench.executor.read(bench.target) == before


PLANS_EACH = 2
_BEFORE = (Fault.THROTTLED, Fault.UNAVAILABLE)
_AFTER = (Fault.DONE_THEN_FAILED, Fault.DONE_THEN_GONE)


def test_approved_plans_come_to_an_end_and_nothing_is_done_twice(
    front: FaultyFront, bench: Bench, case: Case, store: SqlStore, tmp_path: Path
) -> None:
    """The executor's own loop while each twentieth reading and each third changing call fails, half of them done."""
    dice = random.Random(bench.action.id)

    def drawn(call: AwsCall) -> Fault:
        if call.reading:
            return dice.choice((*_BEFORE, Fault.DONE_THEN_GONE)) if dice.random() < 0.05 else Fault.NONE
        return dice.choice((*_BEFORE, *_AFTER)) if dice.random() < 0.3 else Fault.NONE

    declare(store)
    scene = Scene(store, tmp_path)
    for _ in range(PLANS_EACH):
        front.draw = None
        bench.executor.call(case.back, token="p:change:undo")
        bench.turn()
        step = bench.step()
        live = bench.executor.read(step.target)
        front.landed.clear()
        front.draw = drawn
        state = _carried_out(scene, bench, step, live)
        front.draw = None
        assert len(front.landed) <= 1, front.landed
        bench.turn()
        done = bench.executor.settled(step, token=TOKEN)
        assert state in (PlanState.DONE, PlanState.FAILED, PlanState.PARKED, PlanState.REFUSED)
        assert done == bool(front.landed)
        if state is not PlanState.PARKED:
            assert done == (state is PlanState.DONE)


def _carried_out(scene: Scene, bench: Bench, step: PlannedStep, live: Mapping[str, str]) -> PlanState:
    """One approved plan of one step, from its claim to its end."""
    radius = {name: count for name, count in bench.action.blast_radius(live, step.params).items() if count}
    plan = dataclasses.replace(
        plan_of([], now=scene.clock.at, checks=()), steps=(step,), klass=ActionClass.RISKY
    )
    plan = dataclasses.replace(plan, blast_radius=radius)
    approve(scene.store, plan, at=scene.clock.at)
    scene.books = [dataclasses.replace(playbook_for(plan), blast_radius=radius)]

    def sleep(seconds: float) -> None:
        scene.clock.sleep(seconds)
        bench.turn()

    means = {"executors": {"aws": bench.executor}, "sleep": sleep, "poll_s": 20.0}
    for _ in range(10):
        scene.run(plan.hash, **means)
        if scene.state(plan.hash) not in (PlanState.GRANTED, PlanState.RUNNING):
            break
        scene.clock.sleep(16)
    return scene.state(plan.hash)
