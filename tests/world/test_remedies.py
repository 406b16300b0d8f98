"""What heals the later scenarios, and what does not: heaps, the shared database, pods with foreign code."""

import json
import time
from typing import Any

import httpx
import psycopg
import pytest

from bot.local.world.databases import role_of
from tests.world.seeds import fresh_seeds
from tests.world.stage import Stage
from tests.world.test_run import _ecs, _stays_sick

_COLLECT = {"type": "exec", "mbean": "java.lang:type=Memory", "operation": "gc"}
_ABNORMAL = """
SELECT query_id, count(*)::int AS backends, 0, 0 FROM pg_stat_activity WHERE usename = %s GROUP BY query_id
"""
_CAP = "SELECT watchkeeper.limit_role_connections(%s, %s)"
_END = "SELECT watchkeeper.terminate_query_class(%s, %s, %s) AS ended"


def collect(stage: Stage, service: str, role: str) -> int:
    token = (stage.folder / "jvm" / f"{role}.token").read_text()
    url = f"{stage.management}/{service}/jolokia/"
    return httpx.post(url, json=_COLLECT, headers={"Authorization": f"Bearer {token}"}).status_code


def asked(stage: Stage, role: str, password: str, statement: str, *values: Any) -> list[Any]:
    where = f"host=127.0.0.1 port={stage.database_port} dbname=production sslmode=disable"
    with psycopg.connect(f"{where} user={role} password={password}", autocommit=True) as connection:
        done = connection.execute(statement, values or None)
        return done.fetchall() if done.description else []


@pytest.mark.parametrize("remedy", ["collection", "tasks"])
def test_a_full_heap_is_healed_by_a_collection_or_by_more_tasks(stage: Stage, remedy: str) -> None:
    [seed] = fresh_seeds(1)
    stage.start("memory-exhaustion", seed)
    fix = stage.truth()["fix"]
    assert collect(stage, fix["service"], "reader") == 403
    _stays_sick(stage)
    if remedy == "collection":
        assert collect(stage, fix["service"], "executor") == 200
    else:
        count = round(fix["count"] * 1.25)
        _ecs(stage.aws).update_service(cluster="production", service=fix["service"], desiredCount=count)
    stage.wait(lambda facts: facts["healthy"])
    assert stage.metric("service:memory_utilisation")[fix["service"]] < 0.8, seed


def test_a_flood_ends_with_its_queries_and_not_with_a_cap_alone(stage: Stage) -> None:
    [seed] = fresh_seeds(1)
    stage.start("db-cascade", seed)
    role = role_of(stage.truth()["root_cause"])
    found = asked(stage, "watchkeeper_reader", "reads", _ABNORMAL, role)
    query_id = max(found, key=lambda row: int(row[1]))[0]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        asked(stage, "watchkeeper_reader", "reads", _END, role, query_id, 5)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        asked(stage, "watchkeeper_executor", "reads", _ABNORMAL, role)
    asked(stage, "watchkeeper_executor", "acts", _CAP, role, 5)
    _stays_sick(stage)
    asked(stage, "watchkeeper_executor", "acts", _END, role, query_id, 5)
    stage.wait(lambda facts: facts["healthy"])
    records = httpx.get(f"{stage.control}/_records").json()["sql"]
    assert [record["status"] for record in records] == [403, 200, 200], seed


def test_foreign_code_falls_silent_when_its_pods_are_cut_off(stage: Stage) -> None:
    [seed] = fresh_seeds(1)
    stage.start("zero-day", seed)
    service = stage.truth()["root_cause"]
    stage.wait(lambda facts: facts["alerts_sent"] >= facts["alerts_planned"])
    pods = sorted(
        {
            alert["labels"]["pod"]
            for body in stage.sink.bodies
            if "receiver" not in body
            for alert in body["alerts"]
        }
    )
    assert len(pods) == 3, seed
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "cut", "namespace": "production"},
        "spec": {"podSelector": {"matchLabels": {"cut": "off"}}, "policyTypes": ["Ingress", "Egress"]},
    }
    path = stage.folder / "policy.json"
    path.write_text(json.dumps(policy))
    done = stage.kubectl("executor", "-n", "production", "apply", "--validate=false", f"--filename={path}")
    assert done.returncode == 0, done.stderr
    _stays_sick(stage)
    for pod in pods:
        cut = stage.kubectl("executor", "-n", "production", "label", "pod", pod, "cut=off")
        assert cut.returncode == 0, cut.stderr
    facts = stage.wait(lambda facts: facts["healthy"])
    assert (facts["contained"], facts["service_kept"]) == (3, True)
    since, query = time.time(), f'{{source="syscall",workload="{service}"}}'
    given = {"query": query, "start": str(since), "limit": "5000"}
    time.sleep(1.5)
    answer = httpx.get(f"{stage.telemetry}/loki/api/v1/query_range", params=given).json()
    lines = [json.loads(pair[1]) for stream in answer["data"]["result"] for pair in stream["values"]]
    assert all(
        line["output_fields"]["proc.exepath"].startswith(("/app/server", "/usr/bin/")) for line in lines
    )
