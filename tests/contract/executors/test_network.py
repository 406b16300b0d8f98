"""Isolation and snapshots on the AWS test server: the exact way back, the closed ways in, refusals before any call."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.adapters.executors._surfaces import SurfaceExecutor
from bot.domain.actions.ec2 import ISOLATE, SNAPSHOT
from bot.domain.actions.table import LIVE_FIELDS
from bot.domain.catalogue import Action, planned_step
from bot.domain.errors import Permanent, Refused
from bot.domain.plan import PlannedStep, Target
from tests.contract.executors.bench import REGION, moto
from tests.contract.executors.network_scenes import Network, network

TOKEN = f"{'a' * 64}:step:do"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with moto() as running:
        yield running


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture
def scene(url: str, keys: Path) -> Network:
    return network(url, keys)


def found(scene: Network, service: str, kind: str = "ec2.instance") -> tuple[Target, dict[str, str]]:
    [(target, live)] = scene.inventory().find(kind, service)
    return target, dict(live)


def isolation(scene: Network, service: str) -> PlannedStep:
    target, live = found(scene, service)
    return planned_step(ISOLATE, "isolate", target, live, {"groups": scene.quarantine})


def back(step: PlannedStep) -> PlannedStep:
    assert step.undo_params is not None
    assert step.undo_command is not None
    return dataclasses.replace(step, params=step.undo_params, command=step.undo_command)


def groups(scene: Network, instance: str) -> list[str]:
    [group] = scene.ec2.describe_instances(InstanceIds=[instance])["Reservations"]
    return sorted(one["GroupId"] for one in group["Instances"][0]["SecurityGroups"])


def test_isolation_and_the_exact_way_back(scene: Network) -> None:
    instance = scene.instance("shop-one")
    step = isolation(scene, "shop-one")
    wall = scene.executor()
    assert set(found(scene, "shop-one")[1]) == {"uid", *LIVE_FIELDS["ec2.instance"]} - {"previous_groups"}
    assert wall.read(step.target) == found(scene, "shop-one")[1]
    wall.dry_run(step)
    assert groups(scene, instance) == sorted(scene.groups)
    assert not wall.settled(step, token=TOKEN)
    wall.call(step, token=TOKEN)
    assert wall.settled(step, token=TOKEN)
    assert groups(scene, instance) == [scene.quarantine]
    assert wall.read(step.target)["previous_groups"] == ",".join(sorted(scene.groups))
    undo = back(step)
    wall.dry_run(undo)
    wall.call(undo, token=TOKEN)
    assert groups(scene, instance) == sorted(scene.groups)


def refused(executor: SurfaceExecutor, step: PlannedStep, rule: str) -> None:
    for attempt in (executor.dry_run, lambda one: executor.call(one, token=TOKEN)):
        with pytest.raises(Refused) as why:
            attempt(step)
        assert why.value.rule == rule


def test_no_other_group_is_ever_attached(scene: Network) -> None:
    """Neither to a free instance nor to an isolated one, whatever a plan says."""
    instance = scene.instance("shop-two")
    other = scene.group("other")
    step = isolation(scene, "shop-two")
    crooked = dataclasses.replace(
        step,
        params={"groups": other},
        command=ISOLATE.command(step.target, {"groups": other}),
    )
    refused(scene.executor(), crooked, "action_refuses")
    # The group of this process's own settings counts, not the one that the plan was made with.
    refused(scene.executor(quarantine={scene.vpc: other}), step, "action_refuses")
    refused(scene.executor(quarantine={}), step, "action_refuses")
    scene.executor().call(step, token=TOKEN)
    refused(scene.executor(), crooked, "action_refuses")
    assert groups(scene, instance) == [scene.quarantine]


@pytest.mark.parametrize("cidr", [{"CidrIp": "0.0.0.0/0"}, {"CidrIpv6": "::/0"}])
@pytest.mark.parametrize("way", ["ingress", "egress"])
def test_an_open_quarantine_group_is_refused(scene: Network, cidr: dict[str, str], way: str) -> None:
    name = f"shop-{way}-{len(cidr)}-{next(iter(cidr))}"
    instance = scene.instance(name)
    step = isolation(scene, name)
    ranges = "IpRanges" if "CidrIp" in cidr else "Ipv6Ranges"
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, ranges: [cidr]}
    getattr(scene.ec2, f"authorize_security_group_{way}")(GroupId=scene.quarantine, IpPermissions=[rule])
    refused(scene.executor(), step, "quarantine_group")
    assert groups(scene, instance) == sorted(scene.groups)


def test_a_quarantine_group_of_another_vpc_is_refused(scene: Network, url: str) -> None:
    elsewhere = network(url, scene.folder)
    scene.instance("shop-four")
    target, _live = found(scene, "shop-four")
    quarantine = {scene.vpc: elsewhere.quarantine}
    [(_, live)] = scene.inventory(quarantine=quarantine).find("ec2.instance", "shop-four")
    step = planned_step(ISOLATE, "isolate", target, live, {"groups": elsewhere.quarantine})
    refused(scene.executor(quarantine=quarantine), step, "quarantine_group")


def test_the_own_and_the_operators_path_is_never_cut(scene: Network) -> None:
    by_tag = scene.instance("desk", watchkeeper_role="protected")
    step = isolation(scene, "desk")
    refused(scene.executor(), step, "action_refuses")
    by_list = scene.instance("bastion")
    step = isolation(scene, "bastion")
    refused(scene.executor(protected=[by_list]), step, "action_refuses")
    for instance in (by_tag, by_list):
        assert groups(scene, instance) == sorted(scene.groups)


def test_a_terminated_or_foreign_instance_and_a_volume_that_is_gone(scene: Network) -> None:
    scene.instance("shop-five")
    step = isolation(scene, "shop-five")
    scene.ec2.terminate_instances(InstanceIds=[step.target.name])
    refused(scene.executor(), step, "action_refuses")
    elsewhere = dataclasses.replace(step.target, scope="us-east-1")
    with pytest.raises(Refused, match="region"):
        scene.executor().read(elsewhere)
    for kind, name in (("ec2.instance", "i-0123456789abcdef0"), ("ebs.volume", "vol-0123456789abcdef0")):
        with pytest.raises(Permanent):
            scene.executor().read(Target(kind, name, REGION, name, "s"))


def test_the_inventory_finds_by_exact_tag_alone(scene: Network) -> None:
    scene.instance("shop-six")
    reader = scene.inventory()
    for service in ("shop-si", "shop-*", "*", "", "a b"):
        assert reader.find("ec2.instance", service) == []
    assert reader.find("ecs.service", "shop-six") == []
    scene.instance("critical-one", watchkeeper_role="spare")
    [(target, _live)] = reader.declared("ec2.instance", "spare")
    assert target.service == "critical-one"


def snapshot(scene: Network, service: str) -> tuple[Action, PlannedStep]:
    target, live = found(scene, service, "ebs.volume")
    number = int(live["next_snapshot"])
    return SNAPSHOT, planned_step(SNAPSHOT, "snapshot", target, live, {"number": number})


def test_a_snapshot_is_taken_once(scene: Network) -> None:
    scene.instance("shop-seven")
    _action, step = snapshot(scene, "shop-seven")
    wall = scene.executor()
    assert set(wall.read(step.target)) == {"uid", *LIVE_FIELDS["ebs.volume"]}
    wall.dry_run(step)
    assert not wall.settled(step, token=TOKEN)
    assert "snap-" in wall.call(step, token=TOKEN)
    assert wall.settled(step, token=TOKEN)
    refused(wall, step, "action_refuses")
    taken = scene.ec2.describe_snapshots(Filters=[{"Name": "volume-id", "Values": [step.target.name]}])
    [only] = taken["Snapshots"]
    assert {"Key": "watchkeeper-snapshot", "Value": "1"} in only["Tags"]
    _action, second = snapshot(scene, "shop-seven")
    assert second.params == {"number": 2}
    wall.call(second, token=TOKEN)
    assert wall.settled(second, token=TOKEN)
