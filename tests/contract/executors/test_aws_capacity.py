"""What capacity and traffic actions on AWS guard themselves: bounds, health, and what else a listener rule does."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.domain.actions.autoscaling import SET_DESIRED_CAPACITY
from bot.domain.actions.load_balancing import SET_WEIGHTS
from bot.domain.catalogue import Params
from bot.domain.errors import Refused
from bot.domain.live_rule import rule_name
from bot.domain.plan import PlannedStep, Target
from bot.domain.price import COST, UNKNOWN
from tests.contract.executors import aws_scenes
from tests.contract.executors.bench import Bench, moto

TOKEN = "p:change:do"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with moto() as running:
        yield running


@pytest.fixture(scope="module")
def group(url: str, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return aws_scenes.group(url, tmp_path_factory.mktemp("aws"))


def capacity(bench: Bench, wanted: int) -> PlannedStep:
    params: Params = {"capacity": wanted}
    return dataclasses.replace(
        bench.step(), params=params, command=SET_DESIRED_CAPACITY.command(bench.target, params)
    )


@pytest.mark.parametrize(("wanted", "fits"), [(1, True), (4, True), (5, False), (100, False)])
def test_capacity_stays_inside_the_groups_bounds(url: str, group: Bench, wanted: int, fits: bool) -> None:
    """The group is 1 to 4; the test server takes any number without a word."""
    step = capacity(group, wanted)
    if fits:
        group.executor.call(step, token=TOKEN)
        assert group.executor.settled(step, token=TOKEN)
        return
    before = group.executor.read(group.target)
    for ask in (group.executor.dry_run, lambda one: group.executor.call(one, token=TOKEN)):
        with pytest.raises(Refused, match="outside the group's own 1 to 4"):
            ask(step)
    assert group.executor.read(group.target) == before


def test_a_group_that_may_not_launch_is_not_grown(url: str, tmp_path: Path) -> None:
    bench = aws_scenes.group(url, tmp_path)
    scaling = aws_scenes.client(url, "autoscaling")
    scaling.suspend_processes(AutoScalingGroupName=bench.target.name, ScalingProcesses=["Launch"])
    with pytest.raises(Refused, match="launching instances is suspended"):
        bench.executor.call(capacity(bench, 3), token=TOKEN)
    bench.executor.call(capacity(bench, 1), token=TOKEN)


def test_what_is_added_has_its_price(group: Bench) -> None:
    live = {**group.executor.read(group.target), "capacity": "2"}
    radius = SET_DESIRED_CAPACITY.blast_radius
    assert radius(live, {"capacity": 4}) == {"groups": 1, "instances": 2, COST: 39}
    assert radius(live, {"capacity": 1}) == {"groups": 1, "instances": 1, COST: 0}
    assert radius({**live, "unit_price": "0"}, {"capacity": 4})[COST] == UNKNOWN


def weights(bench: Bench, first: int, second: int, **changed: str) -> PlannedStep:
    live = bench.executor.read(bench.target)
    params: Params = {
        "first_group": live["first_group"],
        "first_weight": first,
        "second_group": live["second_group"],
        "second_weight": second,
        **changed,
    }
    return dataclasses.replace(bench.step(), params=params, command=SET_WEIGHTS.command(bench.target, params))


def rule_bench(url: str, folder: Path, healthy: tuple[int, int], shares: tuple[int, int] = (90, 10)) -> Bench:
    target = aws_scenes.listener_rule(url, shares, healthy)
    return Bench(aws_scenes.executor(url, folder), target, SET_WEIGHTS, aws_scenes.half)


@pytest.mark.parametrize(
    ("healthy", "first", "second", "reason"),
    [
        ((2, 2), 60, 41, "do not sum to 100"),
        ((2, 2), 100, 0, ""),
        ((2, 0), 0, 100, "is the only group with healthy targets"),
        ((2, 0), 89, 11, "has no healthy target to take more traffic"),
        ((2, 0), 100, 0, ""),
        ((0, 2), 0, 100, ""),
        ((0, 2), 91, 9, "has no healthy target to take more traffic"),
        ((0, 2), 100, 0, "has no healthy target to take more traffic"),
        ((0, 0), 50, 50, "has no healthy target to take more traffic"),
    ],
)
def test_traffic_only_goes_where_somebody_answers(
    url: str, tmp_path: Path, healthy: tuple[int, int], first: int, second: int, reason: str
) -> None:
    bench = rule_bench(url, tmp_path, healthy)
    step = weights(bench, first, second)
    if not reason:
        bench.executor.call(step, token=TOKEN)
        assert bench.executor.settled(step, token=TOKEN)
        return
    before = bench.executor.read(bench.target)
    with pytest.raises(Refused, match=reason):
        bench.executor.call(step, token=TOKEN)
    assert bench.executor.read(bench.target) == before


def test_groups_and_presents_must_be_the_rules_own(url: str, tmp_path: Path) -> None:
    bench = rule_bench(url, tmp_path, (2, 2))
    with pytest.raises(Refused, match="elsewhere is not its second target group"):
        bench.executor.call(weights(bench, 50, 50, second_group="elsewhere"), token=TOKEN)
    uneven = rule_bench(url, tmp_path, (2, 2), shares=(1, 1))
    with pytest.raises(Refused, match="present weights do not sum to 100"):
        uneven.executor.call(weights(uneven, 50, 50), token=TOKEN)


def test_stickiness_and_conditions_stay(url: str, tmp_path: Path) -> None:
    bench = rule_bench(url, tmp_path, (2, 2))
    balancing = aws_scenes.client(url, "elbv2")

    def rest() -> object:
        [rule] = balancing.describe_rules(RuleArns=[bench.target.uid])["Rules"]
        forward = rule["Actions"][0]["ForwardConfig"]
        groups = {one["TargetGroupArn"] for one in forward["TargetGroups"]}
        return rule["Conditions"], rule["Priority"], forward["TargetGroupStickinessConfig"], groups

    before = rest()
    bench.executor.call(weights(bench, 50, 50), token=TOKEN)
    assert rest() == before


def test_a_default_rule_is_refused(url: str, tmp_path: Path) -> None:
    bench = rule_bench(url, tmp_path, (2, 2))
    balancing = aws_scenes.client(url, "elbv2")
    listener = bench.target.uid.replace(":listener-rule/", ":listener/").rpartition("/")[0]
    rules = balancing.describe_rules(ListenerArn=listener)["Rules"]
    default = next(one["RuleArn"] for one in rules if one["IsDefault"])
    target = Target("elbv2.rule", rule_name(default), bench.target.scope, default, "cart")
    with pytest.raises(Refused) as refused:
        bench.executor.read(target)
    assert refused.value.rule == "default_rule"
