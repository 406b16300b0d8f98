"""Trouble on the way to AWS for network, database and document actions: one attempt each, and what reads back then."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.executors._aws_rds import DbInstances
from bot.adapters.executors._aws_ssm import ManagedInstances
from bot.adapters.executors._aws_waf import IpSets
from bot.adapters.executors._surfaces import SurfaceExecutor
from bot.adapters.rds_look import RdsLook
from bot.adapters.ssm_look import SsmLook
from bot.domain.actions.ec2 import ISOLATE, SNAPSHOT
from bot.domain.actions.rds import ADD_READ_REPLICA, SET_STORAGE
from bot.domain.actions.ssm_documents import RUN_GC
from bot.domain.actions.waf import BLOCK_ADDRESS
from bot.domain.catalogue import Action, Live, Params, planned_step
from bot.domain.errors import Refused, Retryable, Undecided
from bot.domain.plan import PlannedStep, Target
from bot.settings import WafIpSet
from tests.contract.executors.bench import REGION, moto
from tests.contract.executors.faulty_front import Fault, FaultyFront, faulty_front
from tests.contract.executors.network_scenes import Network, network, own_client, shared_client

TOKEN = f"{'a' * 64}:step:do"
QUIET = {"open_transactions": "2", "sql_lag_s": "0"}


@dataclass(frozen=True)
class Case:
    """A fresh target, what may be done to it, and the one call that the trouble is about."""

    executor: SurfaceExecutor
    step: PlannedStep
    call: str
    writes: tuple[str, ...]


def bound(
    executor: SurfaceExecutor, action: Action, target: Target, params: Callable[[Live], Params]
) -> PlannedStep:
    live = executor.read(target)
    return planned_step(action, "change", target, live, params(live))


def _network(front: FaultyFront, keys: Path) -> tuple[Network, str, SurfaceExecutor]:
    scene = network(front.behind, keys)
    instance = scene.instance(f"shop-{uuid.uuid4().hex[:6]}")
    scene.url = front.url
    return scene, instance, scene.executor()


def isolate(front: FaultyFront, keys: Path) -> Case:
    scene, instance, executor = _network(front, keys)
    target = Target("ec2.instance", instance, REGION, instance, "shop")
    step = bound(executor, ISOLATE, target, lambda _live: {"groups": scene.quarantine})
    return Case(executor, step, "ModifyInstanceAttribute", ("CreateTags", "ModifyInstanceAttribute"))


def snapshot(front: FaultyFront, keys: Path) -> Case:
    scene, instance, executor = _network(front, keys)
    [group] = scene.ec2.describe_instances(InstanceIds=[instance])["Reservations"]
    volume = group["Instances"][0]["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    target = Target("ebs.volume", volume, REGION, volume, "shop")
    step = bound(executor, SNAPSHOT, target, lambda live: {"number": int(live["next_snapshot"])})
    return Case(executor, step, "CreateSnapshot", ("CreateSnapshot",))


def block(front: FaultyFront, keys: Path) -> Case:
    name = f"blocked-{uuid.uuid4().hex[:6]}"
    made = shared_client(front.behind, "wafv2").create_ip_set(
        Name=name, Scope="REGIONAL", IPAddressVersion="IPV4", Addresses=[]
    )["Summary"]
    known = WafIpSet(name=name, id=made["Id"], web_acl="arn:x", rule="abuse")
    executor = SurfaceExecutor("aws", (IpSets(own_client(front.url, keys, "wafv2"), (known,), ()),))
    target = Target("waf.ip_set", name, "REGIONAL", made["ARN"], "shop")
    step = bound(executor, BLOCK_ADDRESS, target, lambda _live: {"address": "44.1.2.3/32", "blocked": 1})
    return Case(executor, step, "UpdateIPSet", ("UpdateIPSet",))


def _database(front: FaultyFront, keys: Path) -> tuple[SurfaceExecutor, Target]:
    name = f"orders-{uuid.uuid4().hex[:6]}"
    made = shared_client(front.behind, "rds").create_db_instance(
        DBInstanceIdentifier=name, DBInstanceClass="db.r6g.large", Engine="postgres", AllocatedStorage=100,
        MasterUsername="someone", MasterUserPassword="not-a-secret", BackupRetentionPeriod=7,
    )["DBInstance"]  # fmt: skip
    rds, metrics = (own_client(front.url, keys, service) for service in ("rds", "cloudwatch"))
    look = RdsLook(rds, metrics, lambda _name: QUIET, {})
    executor = SurfaceExecutor("aws", (DbInstances(rds, look, REGION),))
    return executor, Target("rds.instance", name, REGION, made["DbiResourceId"], name)


def storage(front: FaultyFront, keys: Path) -> Case:
    executor, target = _database(front, keys)
    step = bound(executor, SET_STORAGE, target, lambda _live: {"gigabytes": 150})
    return Case(executor, step, "ModifyDBInstance", ("ModifyDBInstance",))


def replica(front: FaultyFront, keys: Path) -> Case:
    executor, target = _database(front, keys)
    step = bound(executor, ADD_READ_REPLICA, target, lambda _live: {"number": 1})
    return Case(executor, step, "CreateDBInstanceReadReplica", ("CreateDBInstanceReadReplica",))


class _Known(SsmLook):
    """The server keeps no list of managed instances."""

    def managed(self, key: str, value: str) -> list[Any]:
        return [{"InstanceId": value, "PingStatus": "Online", "PlatformType": "Linux"}]


def document(front: FaultyFront, keys: Path) -> Case:
    _scene, instance, _executor = _network(front, keys)
    ssm = own_client(front.url, keys, "ssm")
    executor = SurfaceExecutor("aws", (ManagedInstances(ssm, _Known(ssm, {"jvm-gc": "ops-gc"}), REGION),))
    target = Target("ssm.instance", instance, REGION, instance, "shop")
    step = bound(executor, RUN_GC, target, lambda live: {"document": "ops-gc", "after": live["gc_sent_at"]})
    return Case(executor, step, "SendCommand", ("SendCommand",))


CASES: Mapping[str, Callable[[FaultyFront, Path], Case]] = {
    "isolate": isolate,
    "snapshot": snapshot,
    "block": block,
    "storage": storage,
    "replica": replica,
    "document": document,
}


@pytest.fixture(scope="module")
def front() -> Iterator[FaultyFront]:
    with moto() as url, faulty_front(url) as running:
        yield running


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(params=sorted(CASES))
def case(request: pytest.FixtureRequest, front: FaultyFront, keys: Path) -> Case:
    front.fault = Fault.NONE
    made = CASES[request.param](front, keys)
    front.writes.clear()
    front.only = made.call
    assert not made.executor.settled(made.step, token=TOKEN)
    return made


def test_throttled_once_and_done_by_our_own_second_try(front: FaultyFront, case: Case) -> None:
    front.fault = Fault.THROTTLED
    with pytest.raises(Retryable):
        case.executor.call(case.step, token=TOKEN)
    assert tuple(front.writes) == case.writes
    assert not case.executor.settled(case.step, token=TOKEN)
    front.fault = Fault.NONE
    case.executor.call(case.step, token=TOKEN)
    assert case.executor.settled(case.step, token=TOKEN)


def test_expired_keys_change_nothing(front: FaultyFront, case: Case) -> None:
    front.fault = Fault.EXPIRED
    with pytest.raises(Refused) as refused:
        case.executor.call(case.step, token=TOKEN)
    assert refused.value.rule == "expired_credentials"
    assert tuple(front.writes) == case.writes
    front.fault = Fault.NONE
    assert not case.executor.settled(case.step, token=TOKEN)


@pytest.mark.parametrize("fault", [Fault.DONE_THEN_FAILED, Fault.DONE_THEN_GONE])
def test_what_landed_without_an_answer_is_read_back_and_not_done_twice(
    front: FaultyFront, case: Case, fault: Fault
) -> None:
    front.fault = fault
    with pytest.raises(Undecided):
        case.executor.call(case.step, token=TOKEN)
    front.fault = Fault.NONE
    assert tuple(front.writes) == case.writes
    assert case.executor.settled(case.step, token=TOKEN)


def test_what_did_not_land_is_undecided_and_reads_back_as_not_done(front: FaultyFront, case: Case) -> None:
    front.fault = Fault.UNAVAILABLE
    with pytest.raises(Undecided):
        case.executor.call(case.step, token=TOKEN)
    front.fault = Fault.NONE
    assert not case.executor.settled(case.step, token=TOKEN)


def test_nothing_is_isolated_while_its_way_back_cannot_be_written(front: FaultyFront, keys: Path) -> None:
    front.fault = Fault.NONE
    made = isolate(front, keys)
    front.only = "CreateTags"
    for fault, verdict in (
        (Fault.DONE_THEN_GONE, Retryable),
        (Fault.UNAVAILABLE, Retryable),
        (Fault.EXPIRED, Refused),
    ):
        front.writes.clear()
        front.fault = fault
        with pytest.raises(verdict):
            made.executor.call(made.step, token=TOKEN)
        assert front.writes == ["CreateTags"]
    front.fault = Fault.NONE
    assert not made.executor.settled(made.step, token=TOKEN)
