"""The playbooks of AWS on the simulated account: found, bound, done, read back and undone, with the shipped permissions.

The account is moto behind the world's front, which lets each identity do what the tables say and nothing else, and
answers CloudTrail. What the effect does to users is the business of the scenarios.
"""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import msgspec
import pytest
import uvicorn

from bot.adapters.evidence import aws_resources, ecs
from bot.adapters.executors import aws
from bot.adapters.playbooks.yaml_files import read_folder
from bot.domain.evidence import (
    CauseClass,
    Conclusion,
    Diagnosis,
    Evidence,
    EvidenceKind,
    EvidenceRole,
    Hypothesis,
)
from bot.domain.incident import Incident, IncidentState, Severity
from bot.domain.plan import Plan
from bot.domain.undo import inverse_of
from bot.local.world.aws.account import Account
from bot.local.world.aws.cloudtrail import HIDDEN, TrailEntry, lookup
from bot.local.world.aws.front import AwsFront
from bot.local.world.aws.identities import EXECUTOR, READER, REGION, write_credentials
from bot.pipeline.propose import propose
from bot.settings import Settings
from tests.contract.executors import aws_scenes
from tests.contract.executors.bench import Bench
from tests.world.stage import free_port

PLAYBOOKS = {one.id: one for one in read_folder(Path(__file__).parents[2] / "playbooks")[0]}


@dataclass(frozen=True)
class Amazon:
    """The running account."""

    account: Account
    front: AwsFront
    settings: Settings


@pytest.fixture(scope="module")
def amazon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Amazon]:
    folder = tmp_path_factory.mktemp("aws")
    write_credentials(folder / "reader", READER)
    write_credentials(folder / "executor", EXECUTOR)
    account = Account()
    account.start()
    front, port = AwsFront(account, httpx.AsyncClient(trust_env=False)), free_port()
    server = uvicorn.Server(uvicorn.Config(front.app, "127.0.0.1", port, log_level="error"))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    settings = Settings(
        aws_region=REGION,
        aws_endpoint_url=f"http://127.0.0.1:{port}",
        aws_reader_credentials=folder / "reader",
        aws_executor_credentials=folder / "executor",
        ecs_cluster=aws_scenes.CLUSTER,
        prices=aws_scenes.PRICES,
    )
    yield Amazon(account, front, settings)
    server.should_exit = True
    thread.join(10)
    account.stop()


def revision(amazon: Amazon, folder: Path) -> tuple[Bench, str]:
    """A service that was deployed five minutes ago, as the trail tells."""
    bench = aws_scenes.ecs_revision(amazon.account.url, folder)
    aws_scenes.roll_out()
    name, now = bench.target.name, time.time()
    for age, action, key in ((90_000, "CreateService", "serviceName"), (300, "UpdateService", "service")):
        number = 1 if action == "CreateService" else 2
        asked = {"cluster": aws_scenes.CLUSTER, key: name, "taskDefinition": f"{name}:{number}"}
        amazon.front.history.append(
            TrailEntry(now - age, "ecs", action, "ci", "AKIA", asked, read_only=False)
        )
    return bench, name


def named(scene: Callable[[str, Path], Bench]) -> Callable[[Amazon, Path], tuple[Bench, str]]:
    """A scene whose resource bears the service's name."""

    def made(amazon: Amazon, folder: Path) -> tuple[Bench, str]:
        bench = scene(amazon.account.url, folder)
        return bench, bench.target.name.strip("/").split(":")[0].split("/")[0]

    return made


def tagged(amazon: Amazon, folder: Path) -> tuple[Bench, str]:
    """A listener rule that says whose it is."""
    service = f"basket-{uuid.uuid4().hex[:6]}"
    target = aws_scenes.listener_rule(amazon.account.url, (90, 10), (2, 2), {"service": service})
    return replace(aws_scenes.rule(amazon.account.url, folder), target=target), service


CASES: dict[str, tuple[CauseClass, Callable[[Amazon, Path], tuple[Bench, str]], dict[str, Any]]] = {
    "restore-task-definition": (CauseClass.DEPLOY, revision, {}),
    "rollback-lambda-alias": (CauseClass.DEPLOY, named(aws_scenes.lambda_alias), {"version": 1}),
    "restore-parameter": (CauseClass.CONFIGURATION, named(aws_scenes.parameter), {"to_version": 2}),
    "scale-out-instances": (CauseClass.CAPACITY, named(aws_scenes.group), {"capacity": 3}),
    "split-traffic": (CauseClass.CAPACITY, tagged, {"first_weight": 50, "second_weight": 50}),
}


def proposed(amazon: Amazon, playbook: str, cause: CauseClass, service: str) -> Plan:
    """Option A of that playbook alone for a certain cause."""
    busy = Evidence(
        "E1", EvidenceKind.METRIC, EvidenceRole.CAUSE, service, 0.0, "busy", "metrics",
        value={"signal": "cpu_utilisation"},
    )  # fmt: skip
    suspect = Hypothesis(service, cause, 0.95, (), ("E1",), solid=0.95)
    found = propose(
        Incident("i", "main", 1, "t", Severity.SEV1, IncidentState.IDENTIFIED, 0, 1, ""),
        Diagnosis(Conclusion.CAUSE_FOUND, (suspect,), (busy,)),
        playbooks=[PLAYBOOKS[playbook]],
        inventories=[ecs.build(amazon.settings), aws_resources.build(amazon.settings)],
        tenant="main",
        now=time.time(),
        nonce="n",
        observe_only=False,
    )
    assert found.options, found.withheld
    return found.options[0][1]


@pytest.mark.parametrize("playbook", sorted(CASES))
def test_found_bound_done_and_undone(amazon: Amazon, tmp_path: Path, playbook: str) -> None:
    cause, scene, wanted = CASES[playbook]
    bench, service = scene(amazon, tmp_path)
    plan = proposed(amazon, playbook, cause, service)
    [step] = plan.steps
    assert (step.action, step.target.uid) == (bench.action.id, bench.target.uid)
    assert wanted.items() <= dict(step.params).items()
    runs = aws.build(amazon.settings)
    before = dict(runs.read(step.target))
    for one in (step, inverse_of(step, landed=True)):
        live = runs.read(one.target)
        assert {field: live.get(field) for field in one.expect} == dict(one.expect)
        runs.dry_run(one)
        runs.call(one, token="p:s:do")
        assert runs.settled(one, token="p:s:do")
    after = runs.read(step.target)
    assert {field: after.get(field) for field in bench.action.sets(step.params)} == {
        field: before.get(field) for field in bench.action.sets(step.params)
    }
    writes = [one for one in amazon.front.records if not one.reading and one.user == "watchkeeper-executor"]
    assert [one.status // 100 for one in writes[-2:]] == [2, 2]
    assert {one.user for one in amazon.front.records if not one.reading} == {"watchkeeper-executor"}
    assert [one for one in amazon.front.records if one.status in (400, 403)] == []


def test_the_trail_hides_the_values_of_parameters(amazon: Amazon, tmp_path: Path) -> None:
    """As AWS does: whoever may read the trail may not read the values."""
    bench, service = named(aws_scenes.parameter)(amazon, tmp_path)
    plan = proposed(amazon, "restore-parameter", CauseClass.CONFIGURATION, service)
    aws.build(amazon.settings).call(plan.steps[0], token="p:s:do")
    told = aws_resources.build(amazon.settings).collect([service], start=time.time() - 60, end=time.time())
    assert told.missing == ()
    [written] = [one for one in amazon.front._trail() if one.parameters.get("Name") == bench.target.name]
    [event] = lookup([written], {})["Events"]
    assert json.loads(event["CloudTrailEvent"])["requestParameters"]["Value"] == HIDDEN
    assert written.parameters["Value"] == "35"


def test_without_a_price_nothing_is_scaled(amazon: Amazon, tmp_path: Path) -> None:
    _bench, service = named(aws_scenes.group)(amazon, tmp_path)
    poor = replace(amazon, settings=msgspec.structs.replace(amazon.settings, prices={}))
    with pytest.raises(AssertionError, match="give its price in WATCHKEEPER_PRICES"):
        proposed(poor, "scale-out-instances", CauseClass.CAPACITY, service)
