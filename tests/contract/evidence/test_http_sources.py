"""Metrics, service graph and logs over real HTTP: what is read, and that trouble is Missing or an error of ours."""

import json

import pytest

from bot.adapters.evidence.falco import FalcoEvents
from bot.adapters.evidence.loki import LokiLogs
from bot.adapters.evidence.prometheus import PrometheusMetrics
from bot.adapters.evidence.service_graph import ServiceGraph
from bot.domain.errors import Permanent, Retryable
from bot.domain.telemetry import Signal
from tests.contract.evidence.endpoint import Endpoint, Hang

QUERIES = {"error_ratio": "service:error_ratio", "latency_seconds": "service:latency_p95_seconds"}


def answered(result: object) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


def row(service: str, *values: object) -> dict[str, object]:
    return {
        "metric": {"service": service},
        "values": [[100.0 + 5 * n, value] for n, value in enumerate(values)],
    }


TROUBLE = {
    "500": lambda _given: (500, b"oops"),
    "bad query": lambda _given: (400, b'{"status":"error","error":"parse error"}'),
    "not json": lambda _given: (200, b"<html>"),
    "not an object": lambda _given: (200, b"[1]"),
    "no data": lambda _given: (200, b'{"status":"success"}'),
    "too slow": Hang(),
}


def test_one_request_a_signal_for_all_services(endpoint: Endpoint):
    endpoint.reply = lambda _given: (200, answered([row("a", "0.1", "0.2"), row("b", "0.3"), row("", "9")]))
    found = PrometheusMetrics(endpoint.url, QUERIES).collect(["a", "b"], start=0, end=2400)
    assert len(endpoint.asked) == 2
    assert {(one.service, one.signal) for one in found.series} == {
        (service, signal) for service in "ab" for signal in (Signal.ERROR_RATIO, Signal.LATENCY)
    }
    first = next(one for one in found.series if one.service == "a")
    assert (first.times, first.values) == ((100.0, 105.0), (0.1, 0.2))
    assert found.missing == ()
    assert float(endpoint.asked[0]["step"]) == 10


def test_services_that_nobody_asked_about_are_left_out_and_none_means_all(endpoint: Endpoint):
    endpoint.reply = lambda _given: (200, answered([row("a", "1"), row("b", "1")]))
    source = PrometheusMetrics(endpoint.url, {"error_ratio": "x"})
    assert {one.service for one in source.collect(["b"], start=0, end=60).series} == {"b"}
    assert {one.service for one in source.collect([], start=0, end=60).series} == {"a", "b"}


def test_what_is_no_number_is_no_point(endpoint: Endpoint):
    endpoint.reply = lambda _given: (
        200,
        answered([row("a", "NaN", "1", "+Inf", "x", None), row("b", "NaN")]),
    )
    found = PrometheusMetrics(endpoint.url, {"error_ratio": "x"}).collect([], start=0, end=60)
    assert [(one.service, one.times, one.values) for one in found.series] == [("a", (105.0,), (1.0,))]


@pytest.mark.parametrize("name", TROUBLE)
def test_trouble_with_metrics_is_missing(endpoint: Endpoint, name: str):
    endpoint.reply = TROUBLE[name]
    found = PrometheusMetrics(endpoint.url, QUERIES, timeout_s=0.5).collect(["a"], start=0, end=60)
    assert found.series == ()
    assert sorted(gap.source for gap in found.missing) == ["metrics error_ratio", "metrics latency_seconds"]
    assert not getattr(endpoint.reply, "waited_out", False)


def test_one_failing_query_takes_no_other_with_it(endpoint: Endpoint):
    endpoint.reply = lambda given: (
        (500, b"") if "latency" in given["query"] else (200, answered([row("a", "1")]))
    )
    found = PrometheusMetrics(endpoint.url, QUERIES).collect(["a"], start=0, end=60)
    assert [one.signal for one in found.series] == [Signal.ERROR_RATIO]
    assert [gap.source for gap in found.missing] == ["metrics latency_seconds"]


def test_the_latest_level_is_the_median_of_a_service(endpoint: Endpoint):
    endpoint.reply = lambda _given: (200, answered([row("a", "1", "9", "2"), row("b", "50")]))
    source = PrometheusMetrics(endpoint.url, QUERIES)
    assert source.latest("error_ratio", "a", 15) == 2
    assert source.latest("error_ratio", "c", 15) is None
    window = float(endpoint.asked[0]["end"]) - float(endpoint.asked[0]["start"])
    assert window == pytest.approx(15, abs=0.01)


def test_the_latest_level_of_a_server_that_is_away_is_an_error():
    with pytest.raises(Retryable):
        PrometheusMetrics("http://127.0.0.1:9", QUERIES).latest("error_ratio", "a", 15)


def edge(client: str, server: str, connection: str = "") -> dict[str, object]:
    labels = {"client": client, "server": server, "connection_type": connection}
    return {"metric": labels, "value": [0, "1"]}


def test_edges_and_kinds_are_read_and_kept_for_a_while(endpoint: Endpoint):
    result = [
        edge("user", "front"),
        edge("front", "api"),
        edge("front", "api"),
        edge("api", "db", "database"),
        edge("api", "jobs", "messaging_system"),
        edge("api", "pay.example.com", "virtual_node"),
        edge("api", "api"),
        edge("x", ""),
    ]
    endpoint.reply = lambda _given: (200, answered(result))
    seconds = [0.0]
    source = ServiceGraph(endpoint.url, "traces", ttl_s=30, monotonic=lambda: seconds[0])
    found = source.topology(now=7)
    assert found.calls == {"front": ("api",), "api": ("db", "jobs", "pay.example.com")}
    assert found.kinds == {
        "front": "service",
        "api": "service",
        "db": "database",
        "jobs": "queue",
        "pay.example.com": "external",
    }
    assert found.as_of == 7
    source.topology(now=8)
    assert len(endpoint.asked) == 1
    seconds[0] = 31
    assert source.topology(now=9).as_of == 9


def test_an_empty_graph_is_not_kept(endpoint: Endpoint):
    endpoint.reply = lambda _given: (200, answered([]))
    source = ServiceGraph(endpoint.url, "traces")
    assert source.topology(now=1).nodes() == frozenset()
    source.topology(now=2)
    assert len(endpoint.asked) == 2


@pytest.mark.parametrize("name", TROUBLE)
def test_trouble_with_the_graph_is_an_error_of_ours(endpoint: Endpoint, name: str):
    endpoint.reply = TROUBLE[name]
    with pytest.raises((Retryable, Permanent)):
        ServiceGraph(endpoint.url, "traces", timeout_s=0.5).topology(now=1)


def streams(*lines: tuple[float, str]) -> bytes:
    values = [[str(int(at * 1e9)), text] for at, text in lines]
    return json.dumps({"data": {"result": [{"stream": {}, "values": values}]}}).encode()


def test_logs_are_read_before_and_of_the_trouble_and_bounded(endpoint: Endpoint):
    endpoint.reply = lambda given: (200, streams((float(given["start"]) / 1e9 + 1, "x" * 5000)))
    found = LokiLogs(endpoint.url).collect([f"s{n}" for n in range(40)], start=0, end=2400)
    assert len(endpoint.asked) == 20
    assert all(len(line.text) == 1000 for line in found.logs)
    assert {line.at for line in found.logs} == {1.0, 1801.0}
    assert {given["direction"] for given in endpoint.asked} == {"backward"}


def test_a_service_name_cannot_leave_its_selector(endpoint: Endpoint):
    endpoint.reply = lambda _given: (200, streams())
    LokiLogs(endpoint.url).collect(['a"} |= "secret'], start=0, end=60)
    assert endpoint.asked[0]["query"] == '{service="a\\"} |= \\"secret"}'


@pytest.mark.parametrize("name", [name for name in TROUBLE if name != "no data"])
def test_trouble_with_logs_is_missing_once(endpoint: Endpoint, name: str):
    endpoint.reply = TROUBLE[name]
    found = LokiLogs(endpoint.url, timeout_s=0.5).collect(["a", "b"], start=0, end=2400)
    assert found.logs == ()
    assert [gap.source for gap in found.missing] == ["logs"]


def falco(kind: str, **fields: object) -> str:
    named = {name.replace("_", "."): value for name, value in fields.items()}
    return json.dumps({"rule": "any", "output_fields": {"evt.type": kind, "k8s.pod.name": "a-1", **named}})


def streamed(*lines: tuple[float, str]) -> bytes:
    values = [[str(int(at * 1e9)), line] for at, line in lines]
    result = [{"stream": {"source": "syscall"}, "values": values}]
    return json.dumps({"status": "success", "data": {"resultType": "streams", "result": result}}).encode()


def test_what_a_workload_did_is_told_once_with_its_first_time(endpoint: Endpoint):
    started = falco("execve", proc_exepath="/bin/sh", proc_pname="server")
    called = falco("connect", proc_exepath="/bin/sh", fd_rip="203.0.113.9", fd_rport=4444)
    other = falco("openat", proc_exepath="/bin/sh")
    endpoint.reply = lambda _given: (
        200,
        streamed((70, started), (50, started), (60, called), (55, other), (56, "no json"), (57, "[1]")),
    )
    found = FalcoEvents(endpoint.url, 'source="syscall"').collect(["a"], start=0, end=100)
    assert [(one.kind.value, one.what, one.by, one.instance, one.at) for one in found.behaviours] == [
        ("process", "/bin/sh", "server", "a-1", 50.0),
        ("connection", "203.0.113.9:4444", "/bin/sh", "a-1", 60.0),
    ]
    assert {given["query"] for given in endpoint.asked} == {'{source="syscall",workload="a"}'}
    assert found.missing == ()


@pytest.mark.parametrize("name", TROUBLE)
def test_trouble_with_the_sensor_is_missing(endpoint: Endpoint, name: str):
    endpoint.reply = TROUBLE[name]
    found = FalcoEvents(endpoint.url, 'source="syscall"', timeout_s=0.5).collect(["a"], start=0, end=60)
    assert found.behaviours == ()
    assert [gap.source for gap in found.missing] == ["runtime sensor"]
