"""The executor as its own process on the simulated world: real kubectl, real metrics, real kills."""

import random
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.adapters.evidence import kubernetes
from bot.adapters.playbooks import yaml_files
from bot.adapters.store.sql import SqlStore, open_store
from bot.domain.evidence import CauseClass, Conclusion, Diagnosis, Hypothesis
from bot.domain.gate import grant_expiry_ms, sign_grant
from bot.domain.incident_fold import option_of
from bot.domain.plan import Plan, PlanState
from bot.pipeline.propose import propose, record_proposal
from bot.settings import Settings
from tests.e2e.command import end, minimum, spawned
from tests.unit.pipeline.execution_scene import INCIDENT, declare
from tests.world.stage import KUBECTL, Stage, running_world

_OVER = {PlanState.DONE, PlanState.FAILED, PlanState.PARKED, PlanState.REFUSED, PlanState.STOPPED}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with running_world(tmp_path_factory.mktemp("world"), time_scale=4.0) as running:
        yield running


@dataclass
class Plant:
    """One database, the world, and the executor process that works on both."""

    stage: Stage
    store: SqlStore
    settings: Settings
    given: dict[str, str]
    log: Path

    def approved(self, service: str) -> Plan:
        """What propose offers for a bad deployment of the service, approved."""
        now = time.time()
        incident = self.store.read(lambda tx: tx.incident(INCIDENT))
        assert incident is not None
        cause = Hypothesis(service, CauseClass.DEPLOY, 0.95, (), ())
        offered = propose(
            incident,
            Diagnosis(Conclusion.CAUSE_FOUND, (cause,), ()),
            playbooks=yaml_files.build(self.settings).all(),
            inventories=[kubernetes.build(self.settings)],
            tenant="main",
            now=now,
            nonce=secrets.token_hex(8),
            observe_only=False,
            verify_cap_s=12,
        )
        plan = next(plan for _letter, plan in offered.options if plan.playbook == "rollback-deployment")
        granted_ms = int(now * 1000)
        grant = sign_grant(
            plan_hash=plan.hash, approver="U1", team="T1", channel="C1", message_ts="1.1",
            granted_ms=granted_ms, expires_ms=grant_expiry_ms(plan.klass, granted_ms), nonce="n", key=b"g" * 32,
        )  # fmt: skip
        self.store.transact(lambda tx: record_proposal(tx, INCIDENT, offered, now=now))
        self.store.transact(lambda tx: tx.add_grant(grant))
        granted = self.store.transact(
            lambda tx: tx.move_plan(plan.hash, to=PlanState.GRANTED, frm=(PlanState.PROPOSED,))
        )
        assert granted
        return plan

    def state(self, plan: Plan) -> PlanState:
        row = self.store.read(lambda tx: tx.plan(plan.hash))
        assert row is not None
        return row.state

    def wait(self, plan: Plan, seconds: float = 60.0) -> PlanState:
        deadline = time.monotonic() + seconds
        while (state := self.state(plan)) not in _OVER:
            assert time.monotonic() < deadline, f"{state}: {self.log.read_text()[-2000:]}"
            time.sleep(0.1)
        return state

    def patches(self) -> list[str]:
        """What the cluster itself recorded of the executor's changes."""
        records = self.stage.records()["cluster"]
        return [
            record["path"].rsplit("/", 1)[-1]
            for record in records
            if record["user"] == "watchkeeper-executor" and not record["dry_run"] and record["code"] == 200
        ]

    def verified(self, plan: Plan) -> bool | None:
        incident = self.store.read(lambda tx: tx.incident(INCIDENT))
        assert incident is not None
        option = option_of(incident, plan.hash)
        assert option is not None
        return option.verified


@pytest.fixture
def plant(stage: Stage, tmp_path: Path, settings: Callable[..., Settings]) -> Iterator[Plant]:
    given = {
        **minimum(tmp_path),
        "mode": "supervised",
        "kubectl": str(KUBECTL),
        "kube_reader_config": str(stage.folder / "kube" / "reader.kubeconfig"),
        "kube_executor_config": str(stage.folder / "kube" / "executor.kubeconfig"),
        "kube_context": "production",
        "kube_namespace": "production",
        "prometheus_url": stage.telemetry,
        "verify_interval_s": "0.5",
    }
    chosen = settings(**given)
    store = open_store(chosen)
    assert isinstance(store, SqlStore)
    declare(store, at=time.time())
    yield Plant(stage, store, chosen, given, tmp_path / "executor.log")
    store.close()


@pytest.fixture
def running(plant: Plant) -> Iterator[Plant]:
    process = spawned("executor", settings=plant.given, log=plant.log)
    yield plant
    end(process)
    assert process.returncode == 0
    assert "Traceback" not in plant.log.read_text()


def test_the_right_rollback_heals_and_is_verified(running: Plant) -> None:
    running.stage.start("bad-deploy", 7)
    service = running.stage.truth()["root_cause"]
    plan = running.approved(service)
    assert running.wait(plan) is PlanState.DONE
    assert running.verified(plan) is True
    assert running.patches() == [service]
    running.stage.wait(lambda facts: facts["healthy"])


def test_the_right_rollback_of_another_service_is_undone_and_not_verified(running: Plant) -> None:
    running.stage.start("bad-deploy", 7)
    truth = running.stage.truth()
    ratios = running.stage.metric("service:error_ratio")
    names = [item["metadata"]["name"] for item in running.stage.json("get", "deployments")["items"]]
    failing = [name for name in names if name != truth["root_cause"] and ratios.get(name, 0.0) > 0.05]
    offered = [name for name in failing if _has_past(running.stage, name)]
    assert offered, "the scene has no other failing deployment with a past"
    plan = running.approved(offered[0])
    assert running.wait(plan) is PlanState.FAILED
    assert running.verified(plan) is False
    assert running.patches() == [offered[0], offered[0]]
    assert not running.stage.facts()["healthy"]


def test_a_killed_executor_goes_on_and_repeats_nothing(plant: Plant) -> None:
    plant.stage.start("bad-deploy", 11)
    service = plant.stage.truth()["root_cause"]
    plan = plant.approved(service)
    first = spawned("executor", settings=plant.given, log=plant.log)
    try:
        while plant.state(plan) is PlanState.GRANTED:
            time.sleep(0.01)
        time.sleep(random.uniform(0.0, 1.5))
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    second = spawned("executor", settings=plant.given, log=plant.log)
    try:
        assert plant.wait(plan) is PlanState.DONE
    finally:
        end(second)
    assert plant.verified(plan) is True
    assert plant.patches() == [service]


def test_in_observe_mode_nothing_is_claimed(plant: Plant) -> None:
    plant.stage.start("bad-deploy", 7)
    plan = plant.approved(plant.stage.truth()["root_cause"])
    process = spawned("executor", settings={**plant.given, "mode": "observe"}, log=plant.log)
    try:
        assert plant.wait(plan) is PlanState.REFUSED
    finally:
        end(process)
    assert plant.patches() == []


def _has_past(stage: Stage, name: str) -> bool:
    sets = stage.json("get", "replicasets", f"--selector=service={name}")["items"]
    return len(sets) > 1
