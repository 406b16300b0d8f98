"""Whole runs through the outer doors: the storm as Alertmanager sends it, and healing by the right fix only."""

import json
import re
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest

from bot.local.world.aws.identities import EXECUTOR, READER, Identity
from bot.local.world.webhook import fingerprint
from tests.world.seeds import fresh_seeds
from tests.world.stage import TOKEN, Stage, free_port

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient


@cache
def _ecs(endpoint: str, identity: Identity = EXECUTOR) -> "ECSClient":
    return boto3.client(
        "ecs",
        region_name="eu-west-1",
        endpoint_url=endpoint,
        aws_access_key_id=identity.access_key,
        aws_secret_access_key=identity.secret,
    )


def _set_count(stage: Stage, service: str, count: int) -> None:
    _ecs(stage.aws).update_service(cluster="production", service=service, desiredCount=count)


def _stays_sick(stage: Stage) -> None:
    for _ in range(3):
        time.sleep(0.3)
        assert not stage.facts()["healthy"]


def _undo(stage: Stage, service: str, revision: int) -> None:
    done = stage.kubectl("executor", "rollout", "undo", f"deployment/{service}", f"--to-revision={revision}")
    assert done.returncode == 0, done.stderr
    status = stage.kubectl("executor", "rollout", "status", f"deployment/{service}", "--timeout=20s")
    assert status.returncode == 0, status.stderr


def test_the_storm_comes_as_alertmanager_sends_it(stage: Stage) -> None:
    [seed] = fresh_seeds(1)
    began = time.time()
    facts = stage.start("bad-deploy", seed)
    assert began < facts["started_sending_at"] < time.time(), seed
    assert stage.sink.tokens == {f"Bearer {TOKEN}"}
    bodies: list[dict[str, Any]] = stage.sink.bodies
    assert sum(len(body["alerts"]) for body in bodies) == facts["alerts_sent"] == 1000
    for body in bodies:
        assert body["version"] == "4"
        assert 1 <= len(body["alerts"]) <= 50
        for alert in body["alerts"]:
            assert alert["status"] == body["status"] == "firing"
            assert alert["fingerprint"] == fingerprint(alert["labels"])
            assert alert["endsAt"] == "0001-01-01T00:00:00Z"
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", alert["startsAt"])
            assert body["groupLabels"].items() <= alert["labels"].items()
            assert body["commonLabels"].items() <= alert["labels"].items()
            assert {"alertname", "service", "severity", "namespace", "cluster"} <= set(alert["labels"])
    named = {alert["labels"]["pod"] for alert in stage.sink.alerts("firing") if "pod" in alert["labels"]}
    pods = {pod["metadata"]["name"] for pod in stage.json("get", "pods")["items"]}
    assert named <= pods


def test_a_refusing_intake_is_tried_until_it_takes_all(stage: Stage) -> None:
    stage.sink.answers.extend([503, 500, 429] * 12)
    facts = stage.start("bad-deploy", fresh_seeds(1)[0])
    assert facts["alerts_sent"] == len(stage.sink.alerts("firing")) == 1000
    assert stage.sink.answers == []


def test_bad_deploy_heals_by_its_rollback_only(stage: Stage) -> None:
    for seed in fresh_seeds(2):
        stage.start("bad-deploy", seed)
        fix = stage.truth()["fix"]
        names = [item["metadata"]["name"] for item in stage.json("get", "deployments")["items"]]
        other = next(name for name in names if name != fix["service"])
        _undo(stage, other, 1)
        _stays_sick(stage)
        _undo(stage, fix["service"], fix["to_revision"])
        stage.wait(lambda facts: facts["healthy"])
        assert max(stage.metric("service:error_ratio").values()) < 0.02, seed
        stage.wait(lambda facts: facts["resolved_sent"] == 1000)
        resolved = stage.sink.alerts("resolved")
        assert {a["fingerprint"] for a in resolved} == {a["fingerprint"] for a in stage.sink.alerts("firing")}
        _undo(stage, fix["service"], fix["to_revision"] + 1)
        stage.wait(lambda facts: not facts["healthy"])


def test_restart_and_scaling_to_nothing_are_no_cure(stage: Stage) -> None:
    stage.start("bad-deploy", fresh_seeds(1)[0])
    name = f"deployment/{stage.truth()['root_cause']}"
    assert stage.kubectl("executor", "rollout", "restart", name).returncode == 0
    assert stage.kubectl("executor", "rollout", "status", name, "--timeout=20s").returncode == 0
    _stays_sick(stage)
    assert stage.kubectl("executor", "scale", name, "--replicas=0").returncode == 0
    _stays_sick(stage)


@pytest.mark.parametrize("name", ["db-cascade", "unannounced-launch"])
def test_scaling_the_right_service_to_the_right_count_heals(stage: Stage, name: str) -> None:
    for seed in fresh_seeds(2):
        stage.start(name, seed)
        fix = stage.truth()["fix"]
        others = [n for n in _ecs_services(stage) if n != fix["service"]]
        _set_count(stage, others[0], fix["count"])
        _stays_sick(stage)
        _set_count(stage, fix["service"], fix["count"])
        stage.wait(lambda facts: facts["healthy"])
        assert max(stage.metric("service:error_ratio").values()) < 0.02, seed
        assert max(stage.metric("service:cpu_utilisation").values()) < 0.8, seed
        assert stage.wait(lambda facts: facts["resolved_sent"] == facts["alerts_sent"])


def _ecs_services(stage: Stage) -> list[str]:
    arns = _ecs(stage.aws, READER).list_services(cluster="production")["serviceArns"]
    return sorted(arn.rpartition("/")[2] for arn in arns)


def test_a_planned_event_is_healthy_and_names_the_event(stage: Stage) -> None:
    facts = stage.start("planned-event", fresh_seeds(1)[0])
    assert (facts["ends"], facts["healthy"]) == ("left-alone", True)
    assert set(facts["planned_event"]) == {"title", "start", "end", "services"}
    assert stage.truth()["fix"] is None


def test_a_recorded_run_replays_recorded_values_up_to_now(stage: Stage) -> None:
    facts = stage.start("recorded", fresh_seeds(1)[0])
    assert (facts["ends"], facts["healthy"]) == ("explained", False)
    truth = stage.truth()
    assert truth["fix"] is None
    latencies = stage.metric("service:latency_p95_seconds")
    assert truth["root_cause"] in latencies
    given = {
        "query": f'service:latency_p95_seconds{{service="{truth["root_cause"]}"}}',
        "start": str(time.time() - 4 * 3600),
        "end": str(time.time()),
        "step": "300",
    }
    answer = httpx.get(f"{stage.telemetry}/api/v1/query_range", params=given).json()
    assert len(answer["data"]["result"][0]["values"]) == 49
    edges = httpx.get(
        f"{stage.telemetry}/api/v1/query", params={"query": "traces_service_graph_request_total"}
    ).json()
    assert len(edges["data"]["result"]) > 30
    assert stage.json("get", "deployments")["items"] == []


def test_a_busy_port_is_one_clear_line(stage: Stage, tmp_path: Path) -> None:
    taken = int(stage.control.rpartition(":")[2])
    ports = {name: free_port() for name in ("telemetry_port", "cluster_port", "aws_port")}
    options = {**ports, "control_port": taken, "alert_url": "", "alert_token": "", "data_dir": str(tmp_path)}
    command = [sys.executable, "-m", "bot.local.world", json.dumps(options)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert f"port {taken} on 127.0.0.1 is taken" in done.stderr


def test_scenarios_are_listed_and_bad_requests_are_told(stage: Stage) -> None:
    listed = httpx.get(f"{stage.control}/scenarios").json()["scenarios"]
    names = [entry["name"] for entry in listed]
    assert names == [
        "bad-deploy",
        "db-cascade",
        "planned-event",
        "unannounced-launch",
        "memory-exhaustion",
        "zero-day",
        "poisoned",
        "recorded",
    ]
    assert httpx.post(f"{stage.control}/start", json={"scenario": "none"}).status_code == 404
    assert httpx.post(f"{stage.control}/start", content=b"[]").status_code == 400
