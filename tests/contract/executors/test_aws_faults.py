"""Trouble on the way to AWS, for each action: one attempt, the right verdict, and what the read-back says then."""

import dataclasses
from collections.abc import Iterator

import pytest

from bot.domain.errors import Refused, Retryable, Undecided
from bot.domain.plan import PlannedStep
from tests.contract.executors.aws_scenes import SCENES, executor
from tests.contract.executors.bench import Bench, moto
from tests.contract.executors.faulty_front import Fault, FaultyFront, faulty_front

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
