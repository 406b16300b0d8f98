"""RDS: storage and replicas on moto, restarts and failover stubbed; a primary under replication load is refused."""

import dataclasses
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from bot.adapters.evidence.rds import Rds
from bot.adapters.executors._aws_rds import DbInstances
from bot.adapters.executors._surfaces import SurfaceExecutor
from bot.adapters.rds_look import RdsLook
from bot.domain.actions.rds import ACTIONS, ADD_READ_REPLICA, FAIL_OVER, REBOOT, SET_STORAGE
from bot.domain.actions.table import LIVE_FIELDS
from bot.domain.catalogue import Action, Params, planned_step
from bot.domain.errors import Permanent, Refused, Undecided
from bot.domain.plan import PlannedStep, Target
from tests.contract.executors.bench import REGION, moto
from tests.contract.executors.network_scenes import client, own_client, shared_client

TOKEN = "p:step:do"
QUIET = {"open_transactions": "2", "sql_lag_s": "0"}
PRICES = {"rds.instance/db.r6g.large": 24.0, "rds.storage": 0.02}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with moto() as running:
        yield running


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@dataclasses.dataclass
class Scene:
    """One primary; `database` is what it says about itself."""

    url: str
    folder: Path
    name: str
    database: Mapping[str, str]

    def executor(self) -> SurfaceExecutor:
        rds = own_client(self.url, self.folder, "rds")
        metrics = own_client(self.url, self.folder, "cloudwatch")
        look = RdsLook(rds, metrics, lambda _name: self.database, PRICES)
        return SurfaceExecutor("aws", (DbInstances(rds, look, REGION),))

    def found(self) -> tuple[Target, Mapping[str, str]]:
        rds, metrics = shared_client(self.url, "rds"), shared_client(self.url, "cloudwatch")
        look = RdsLook(rds, metrics, lambda _name: self.database, PRICES)
        [one] = Rds(look, REGION).find("rds.instance", self.name)
        return one

    def step(self, action: Action, params: Params) -> PlannedStep:
        target, live = self.found()
        return planned_step(action, "change", target, live, params)

    def lag(self, replica: str, seconds: float) -> None:
        shared_client(self.url, "cloudwatch").put_metric_data(
            Namespace="AWS/RDS",
            MetricData=[
                {
                    "MetricName": "ReplicaLag",
                    "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": replica}],
                    "Timestamp": datetime.now(UTC) - timedelta(seconds=70),
                    "Value": seconds,
                }
            ],
        )


def primary(url: str, folder: Path) -> Scene:
    """A fresh primary of its own."""
    name = f"orders-{uuid.uuid4().hex[:6]}"
    shared_client(url, "rds").create_db_instance(
        DBInstanceIdentifier=name, DBInstanceClass="db.r6g.large", Engine="postgres", AllocatedStorage=100,
        MasterUsername="someone", MasterUserPassword="not-a-secret", BackupRetentionPeriod=7,
        Tags=[{"Key": "service", "Value": name}],
    )  # fmt: skip
    return Scene(url, folder, name, QUIET)


@pytest.fixture
def scene(url: str, keys: Path) -> Scene:
    return primary(url, keys)


def test_inventory_and_executor_read_the_same(scene: Scene) -> None:
    target, live = scene.found()
    assert scene.executor().read(target) == live
    assert set(live) == {"uid", *LIVE_FIELDS["rds.instance"]} - {"standby_zone"}
    assert (live["role"], live["replication_lag_s"], live["open_transactions"]) == ("primary", "0", "2")


def test_storage_grows_and_never_shrinks(scene: Scene) -> None:
    step = scene.step(SET_STORAGE, {"gigabytes": 150})
    wall = scene.executor()
    wall.dry_run(step)
    assert not wall.settled(step, token=TOKEN)
    wall.call(step, token=TOKEN)
    assert wall.settled(step, token=TOKEN)
    assert wall.read(step.target)["storage_gb"] == "150"
    for gigabytes in (100, 150, 160):
        small = scene.step(SET_STORAGE, {"gigabytes": gigabytes})
        with pytest.raises(Refused, match="only grows"):
            wall.call(small, token=TOKEN)
    assert SET_STORAGE.blast_radius(scene.found()[1], {"gigabytes": 250}) == {
        "databases": 1,
        "cents_per_hour": 2,
    }


def test_a_read_replica_is_made_once(scene: Scene) -> None:
    step = scene.step(ADD_READ_REPLICA, {"number": 1})
    assert step.undo_params is None
    assert ADD_READ_REPLICA.blast_radius(scene.found()[1], {"number": 1}) == {
        "databases": 1,
        "cents_per_hour": 24,
    }
    wall = scene.executor()
    assert not wall.settled(step, token=TOKEN)
    wall.call(step, token=TOKEN)
    assert wall.settled(step, token=TOKEN)
    scene.lag(f"{scene.name}-wk1", 1)
    live = wall.read(step.target)
    assert (live["replicas"], live["next_replica"], live["replication_lag_s"]) == (
        f"{scene.name}-wk1",
        "2",
        "1",
    )
    with pytest.raises(Refused, match="there already"):
        wall.call(step, token=TOKEN)
    [made] = shared_client(scene.url, "rds").describe_db_instances(DBInstanceIdentifier=f"{scene.name}-wk1")[
        "DBInstances"
    ]
    assert made["ReadReplicaSourceDBInstanceIdentifier"] == scene.name


def params_of(action: Action) -> Params:
    zone = "eu-west-1b"
    given: dict[str, Params] = {
        SET_STORAGE.id: {"gigabytes": 150},
        ADD_READ_REPLICA.id: {"number": 2},
        REBOOT.id: {"after": "0"},
        FAIL_OVER.id: {"zone": zone},
    }
    return given[action.id]


def calls(scene: Scene) -> list[str]:
    """What changed an instance or made one, as far as the account shows it."""
    found = shared_client(scene.url, "rds").describe_db_instances()["DBInstances"]
    return sorted(f"{one['DBInstanceIdentifier']}={one['AllocatedStorage']}" for one in found)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
@pytest.mark.parametrize(
    ("lag", "said", "why"),
    [
        (900.0, QUIET, "behind"),
        (None, QUIET, "lag cannot be read"),
        (1.0, {}, "open transactions cannot be read"),
        (1.0, {**QUIET, "open_transactions": "501"}, "transactions are open"),
        (1.0, {**QUIET, "sql_lag_s": "900"}, "behind"),
    ],
)
def test_a_primary_under_replication_load_is_left_alone(
    scene: Scene, action: Action, lag: float | None, said: Mapping[str, str], why: str
) -> None:
    shared_client(scene.url, "rds").create_db_instance_read_replica(
        DBInstanceIdentifier=f"{scene.name}-wk1", SourceDBInstanceIdentifier=scene.name
    )
    if lag is not None:
        scene.lag(f"{scene.name}-wk1", lag)
    scene.database = said
    target, live = scene.found()
    alive = {**live, "standby_zone": "eu-west-1b"}
    assert why in action.refuses(alive, params_of(action))
    before = calls(scene)
    step = planned_step(action, "change", target, alive, params_of(action))
    with pytest.raises(Refused):
        scene.executor().call(step, token=TOKEN)
    assert calls(scene) == before


@pytest.mark.parametrize(
    ("changed", "action", "why"),
    [
        ({"status": "modifying"}, SET_STORAGE, "it is modifying"),
        ({"role": "replica"}, ADD_READ_REPLICA, "replicas are made of the primary"),
        ({"role": "replica"}, FAIL_OVER, "nothing to fail over"),
        ({"standby_zone": ""}, FAIL_OVER, "no standby"),
        ({"open_transactions": "11"}, REBOOT, "transactions are open"),
        ({"replication_lag_s": "6"}, FAIL_OVER, "behind"),
    ],
)
def test_each_refusal(scene: Scene, changed: dict[str, str], action: Action, why: str) -> None:
    live = {**scene.found()[1], "standby_zone": "eu-west-1b"}
    assert action.refuses(live, params_of(action)) == ""
    assert why in action.refuses({**live, **changed}, params_of(action))


def test_a_missing_or_foreign_instance_is_not_touched(scene: Scene) -> None:
    target, _live = scene.found()
    with pytest.raises(Permanent):
        scene.executor().read(dataclasses.replace(target, name="nothing"))
    with pytest.raises(Refused):
        scene.executor().read(dataclasses.replace(target, scope="us-east-1"))
    step = scene.step(SET_STORAGE, {"gigabytes": 150})
    other = dataclasses.replace(step, target=dataclasses.replace(target, uid="db-OTHER"))
    with pytest.raises(Refused):
        scene.executor().call(other, token=TOKEN)


class Stubbed:
    """An executor over hand-written answers: what moto does not know of restarts and standbys."""

    def __init__(self, instance: dict[str, Any]) -> None:
        self.rds, self.metrics = (client("http://127.0.0.1:9", name) for name in ("rds", "cloudwatch"))
        self.instance = instance
        self.stub = Stubber(self.rds)
        look = RdsLook(self.rds, self.metrics, lambda _name: QUIET, PRICES)
        self.executor = SurfaceExecutor("aws", (DbInstances(self.rds, look, REGION),))

    def reads(self, restarted_at: float | None = None, **changed: Any) -> None:
        self.stub.add_response("describe_db_instances", {"DBInstances": [{**self.instance, **changed}]})
        events = [{"Message": "DB instance created", "Date": datetime.fromtimestamp(5, UTC)}]
        if restarted_at is not None:
            at = datetime.fromtimestamp(restarted_at, UTC)
            events.append({"Message": "DB instance restarted", "Date": at})
        self.stub.add_response("describe_events", {"Events": events})


@pytest.fixture
def stubbed(scene: Scene) -> Stubbed:
    [instance] = shared_client(scene.url, "rds").describe_db_instances(DBInstanceIdentifier=scene.name)[
        "DBInstances"
    ]
    return Stubbed({**instance, "MultiAZ": True, "SecondaryAvailabilityZone": "eu-west-1b"})


def bound(stubbed: Stubbed, action: Action, params: Params) -> PlannedStep:
    name = stubbed.instance["DBInstanceIdentifier"]
    target = Target("rds.instance", name, REGION, stubbed.instance["DbiResourceId"], name)
    stubbed.reads()
    return planned_step(action, "change", target, stubbed.executor.read(target), params)


def test_a_restart_is_read_back_from_its_event(stubbed: Stubbed) -> None:
    with stubbed.stub as stub:
        step = bound(stubbed, REBOOT, {"after": "0"})
        name = step.target.name
        stubbed.reads()
        stub.add_response("reboot_db_instance", {}, {"DBInstanceIdentifier": name, "ForceFailover": False})
        stubbed.executor.call(step, token=TOKEN)
        stubbed.reads(DBInstanceStatus="rebooting")
        assert not stubbed.executor.settled(step, token=TOKEN)
        stubbed.reads(time.time())
        assert stubbed.executor.settled(step, token=TOKEN)
        stubbed.reads(time.time())
        with pytest.raises(Refused) as refused:
            stubbed.executor.call(step, token=TOKEN)
        assert refused.value.rule == "restarted"
        stub.assert_no_pending_responses()


def test_a_failover_is_read_back_from_the_zone(stubbed: Stubbed) -> None:
    with stubbed.stub as stub:
        step = bound(stubbed, FAIL_OVER, {"zone": "eu-west-1b"})
        name = step.target.name
        stubbed.reads()
        stub.add_response("reboot_db_instance", {}, {"DBInstanceIdentifier": name, "ForceFailover": True})
        stubbed.executor.call(step, token=TOKEN)
        stubbed.reads()
        assert not stubbed.executor.settled(step, token=TOKEN)
        stubbed.reads(AvailabilityZone="eu-west-1b", SecondaryAvailabilityZone="eu-west-1a")
        assert stubbed.executor.settled(step, token=TOKEN)
        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "status", "verdict"),
    [
        ("InternalFailure", 500, Undecided),
        ("ExpiredToken", 403, Refused),
        ("AccessDenied", 403, Refused),
        ("InvalidDBInstanceState", 400, Permanent),
    ],
)
def test_errors_of_the_call_in_our_words(stubbed: Stubbed, code: str, status: int, verdict: type) -> None:
    with stubbed.stub as stub:
        step = bound(stubbed, SET_STORAGE, {"gigabytes": 150})
        stubbed.reads()
        stub.add_client_error("modify_db_instance", code, http_status_code=status)
        with pytest.raises(verdict):
            stubbed.executor.call(step, token=TOKEN)
