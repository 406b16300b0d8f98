"""The Prometheus and Loki subsets: shapes, matchers, refusals, determinism, and the live edge of time."""

import time
from typing import Any

import httpx
import pytest

from tests.world.stage import Stage


@pytest.fixture(scope="module")
def culprit(stage: Stage) -> str:
    """A freshly started bad-deploy; its culprit."""
    stage.start("bad-deploy", 21)
    return str(stage.truth()["root_cause"])


def _range(stage: Stage, query: str, start: float, end: float, **more: str) -> list[dict[str, Any]]:
    given = {"query": query, "start": str(start), "end": str(end), "step": "5", **more}
    answer = httpx.post(f"{stage.telemetry}/api/v1/query_range", data=given).json()
    assert (answer["status"], answer["data"]["resultType"]) == ("success", "matrix")
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found


def test_range_holds_forty_minutes_and_no_future(stage: Stage, culprit: str) -> None:
    now = time.time()
    [row] = _range(stage, f'service:error_ratio{{service="{culprit}"}}', now - 7200, now + 600)
    times = [at for at, _ in row["values"]]
    assert row["metric"] == {"__name__": "service:error_ratio", "service": culprit}
    assert times[0] >= now - 2410
    assert times[-1] <= time.time()
    assert len(times) > 360
    values = [float(value) for _, value in row["values"]]
    assert max(values[:360]) < 0.01
    assert min(values[-5:]) > 0.2


def test_get_and_post_agree_and_history_does_not_change(stage: Stage, culprit: str) -> None:
    now = time.time()
    query = "service:latency_p95_seconds"
    first = _range(stage, query, now - 600, now - 60)
    given = {"query": query, "start": str(now - 600), "end": str(now - 60), "step": "5s"}
    second = httpx.get(f"{stage.telemetry}/api/v1/query_range", params=given).json()["data"]["result"]
    assert first == second
    assert len(first) > 12


def test_each_node_has_the_metrics_that_make_sense(stage: Stage, culprit: str) -> None:
    services = set(stage.metric("service:error_ratio"))
    assert culprit in services
    databases = set(stage.metric("service:connections_utilisation"))
    assert len(databases) == 2
    assert databases < set(stage.metric("service:query_rate"))
    assert len(stage.metric("service:queue_depth")) == 1
    assert stage.metric("service:no_such_metric") == {}


def test_the_service_graph_is_counters_between_known_nodes(stage: Stage, culprit: str) -> None:
    now = time.time()
    edges = _range(stage, "traces_service_graph_request_total", now - 300, now)
    nodes = set(stage.metric("service:request_rate"))
    assert {edge["metric"]["server"] for edge in edges} <= nodes
    assert {edge["metric"]["client"] for edge in edges} <= nodes
    kinds = {edge["metric"].get("connection_type", "") for edge in edges}
    assert kinds == {"", "database", "messaging_system"}
    time.sleep(1.1)
    assert _range(stage, "traces_service_graph_request_total", now - 300, now) == edges
    for edge in edges:
        values = [float(value) for _, value in edge["values"]]
        assert values == sorted(values)
        assert values[-1] > values[0]


@pytest.mark.parametrize(
    "given",
    [
        {"query": "rate(service:error_ratio[5m])"},
        {"query": 'service:error_ratio{service=~".*"}'},
        {"query": ""},
        {"query": "service:error_ratio", "time": "yesterday"},
    ],
)
def test_what_is_not_served_is_a_bad_request(stage: Stage, given: dict[str, str]) -> None:
    answer = httpx.get(f"{stage.telemetry}/api/v1/query", params=given)
    assert (answer.status_code, answer.json()["errorType"]) == (400, "bad_data")


def test_loki_tells_new_lines_of_the_culprit(stage: Stage, culprit: str) -> None:
    changed_at = stage.truth()["changed_at"]

    def texts(start: float, end: float, level: str) -> list[str]:
        given = {
            "query": f'{{service="{culprit}",level="{level}"}}',
            "start": str(int(start * 1e9)),
            "end": str(int(end * 1e9)),
            "limit": "500",
            "direction": "forward",
        }
        answer = httpx.get(f"{stage.telemetry}/loki/api/v1/query_range", params=given).json()
        return [line for stream in answer["data"]["result"] for _, line in stream["values"]]

    assert texts(changed_at - 900, changed_at, "error") == []
    assert len(texts(changed_at - 900, changed_at, "info")) > 100
    assert len(texts(time.time() - 60, time.time(), "error")) > 10
    limited = {"query": f'{{service="{culprit}"}}', "limit": "7"}
    answer = httpx.get(f"{stage.telemetry}/loki/api/v1/query_range", params=limited).json()
    values = [value for stream in answer["data"]["result"] for value in stream["values"]]
    assert len(values) == 7
    assert all(int(at) > (time.time() - 120) * 1e9 for at, _ in values)


def test_ready(stage: Stage) -> None:
    assert httpx.get(f"{stage.telemetry}/-/ready").status_code == 200
