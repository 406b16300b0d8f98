"""The Executor port's promises, on every executor that changes something: the fake, kubectl twice, boto3."""

import dataclasses
from collections.abc import Iterator

import pytest

from bot.domain.errors import Permanent, Refused
from bot.domain.plan import PlannedStep
from tests.contract.executors.aws_scenes import SCENES, SECOND_OPINION
from tests.contract.executors.bench import Bench, kubectl_bench, moto, scripted_bench
from tests.contract.executors.ministack import ministack
from tests.contract.kube.cluster import wait_until

_BENCHES = [
    "scripted-deployment",
    "scripted-ecs",
    *(f"aws-{scene}" for scene in SCENES),
    *(f"ministack-{scene}" for scene in SECOND_OPINION),
    "kubectl-simulated",
    pytest.param("kubectl-real", marks=pytest.mark.realk8s),
]


@pytest.fixture(scope="module")
def ministack_url() -> Iterator[str]:
    with ministack() as url:
        yield url


@pytest.fixture(scope="module", params=_BENCHES)
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    kind, _, flavour = request.param.partition("-")
    folder = tmp_path_factory.mktemp(request.param)
    if kind == "aws":
        with moto() as url:
            yield SCENES[flavour](url, folder)
    elif kind == "ministack":
        yield SECOND_OPINION[flavour](request.getfixturevalue("ministack_url"), folder)
    elif kind == "kubectl":
        yield kubectl_bench(request.getfixturevalue(f"{flavour}_cluster"))
    else:
        yield scripted_bench(folder, flavour)


def test_the_life_of_a_step(bench: Bench) -> None:
    """Read, dry run, call, read back; the same absolute state again; and its inverse."""
    executor, step = bench.executor, bench.step()
    before = dict(executor.read(step.target))
    assert all(isinstance(value, str) for value in before.values())
    assert step.expect.items() <= before.items()
    executor.dry_run(step)
    assert set_fields(bench, step).items() - executor.read(step.target).items()
    assert {field: executor.read(step.target)[field] for field in step.expect} == dict(step.expect)
    assert not executor.settled(step, token="p:change:do")
    assert executor.call(step, token="p:change:do")
    wait_until(lambda: bench.settled(step, "p:change:do"))
    after = executor.read(step.target)
    assert set_fields(bench, step).items() <= after.items()
    assert after["uid"] == before["uid"]
    back = inverse(step)
    executor.dry_run(back)
    executor.call(back, token="p:change:undo")
    wait_until(lambda: bench.settled(back, "p:change:undo"))
    restored = executor.read(step.target)
    for field in set_fields(bench, step):
        assert restored.get(field) == before.get(field)


def test_what_is_not_the_catalogues_is_refused_and_changes_nothing(bench: Bench) -> None:
    step = bench.step()
    before = bench.executor.read(step.target)
    first = next(iter(step.params))
    crooked = [
        dataclasses.replace(step, command=(*step.command, "--force")),
        dataclasses.replace(step, action="shell/run"),
        dataclasses.replace(step, params={**step.params, first: 0}),
        dataclasses.replace(step, params={**step.params, "more": 1}),
    ]
    for one in crooked:
        with pytest.raises((Refused, Permanent)):
            bench.executor.dry_run(one)
        with pytest.raises((Refused, Permanent)):
            bench.executor.call(one, token="p:change:do")
    assert bench.executor.read(step.target) == before


def test_a_target_that_does_not_exist_is_permanent(bench: Bench) -> None:
    with pytest.raises(Permanent):
        bench.executor.read(dataclasses.replace(bench.target, name="nothing", uid="no/such/thing"))


def set_fields(bench: Bench, step: PlannedStep) -> dict[str, str]:
    return dict(bench.action.sets(step.params))


def inverse(step: PlannedStep) -> PlannedStep:
    assert step.undo_params is not None
    assert step.undo_command is not None
    return dataclasses.replace(step, params=step.undo_params, command=step.undo_command)
