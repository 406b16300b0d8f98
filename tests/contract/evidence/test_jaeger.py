"""Traces over real HTTP: what is asked, what spans become, and that trouble is Missing with its reason."""

import json

import pytest

from bot.adapters.evidence.jaeger import MOST_SERVICES, MOST_TRACES, PARTS, JaegerTraces
from tests.contract.evidence.endpoint import Endpoint, Hang


def span(
    number: str, parent: str, process: str, name: str, start_us: int, lasted_us: int, **tags: object
) -> dict[str, object]:
    return {
        "traceID": "t1",
        "spanID": number,
        "operationName": name,
        "references": [{"refType": "CHILD_OF", "traceID": "t1", "spanID": parent}] if parent else [],
        "startTime": start_us,
        "duration": lasted_us,
        "tags": [{"key": key.replace("_", "."), "type": "string", "value": value} for key, value in tags.items()],
        "processID": process,
    }  # fmt: skip


TRACE = {
    "traceID": "t1",
    "spans": [
        span("a", "", "p1", "GET /orders/17", 2_000_000_000, 90_000),
        span("b", "a", "p1", "POST pay", 2_000_010_000, 70_000),
        span("c", "b", "p2", "pay", 2_000_030_000, 30_000, error=True),
    ],
    "processes": {"p1": {"serviceName": "shop"}, "p2": {"serviceName": "pay"}},
}


def body(*traces: object) -> bytes:
    return json.dumps({"data": list(traces), "total": 0, "errors": None}).encode()


def test_spans_become_calls(endpoint: Endpoint):
    endpoint.reply = lambda _given: (200, body(TRACE))
    found = JaegerTraces(endpoint.url).collect(["shop"], start=0, end=2400)
    assert found.missing == ()
    (calls,) = found.calls
    (edge,) = calls.edges
    assert (edge.caller, edge.callee, edge.calls) == ("shop", "pay", (1.0,))
    assert edge.caller_s[0] == pytest.approx(0.07)
    assert edge.callee_s[0] == pytest.approx(0.03)
    assert edge.gap_s[0] == pytest.approx(0.04)
    operations = {(one.service, one.operation): one for one in calls.operations}
    assert operations[("shop", "GET /orders/*")].own_s[0] == pytest.approx(0.02)
    assert operations[("pay", "pay")].failed == (1.0,)
    assert operations[("shop", "GET /orders/*")].failed == (0.0,)
    steps = {(one.service, one.operation): one.steps for one in calls.patterns}
    assert steps[("shop", "GET /orders/*")] == ("POST pay",)


def test_few_bounded_requests_for_the_first_services(endpoint: Endpoint):
    endpoint.reply = lambda _given: (200, body())
    names = [f"s{number}" for number in range(20)]
    found = JaegerTraces(endpoint.url).collect(names, start=0, end=2400)
    assert found.calls == ()
    assert {given["service"] for given in endpoint.asked} == set(names[:MOST_SERVICES])
    assert len(endpoint.asked) == MOST_SERVICES * 2 * PARTS
    assert {given["limit"] for given in endpoint.asked} == {str(MOST_TRACES)}
    begun = sorted(int(given["start"]) for given in endpoint.asked if given["service"] == "s0")
    assert begun[0] == 0
    assert max(int(given["end"]) for given in endpoint.asked) == 2_400_000_000


def test_an_unknown_service_is_no_trouble(endpoint: Endpoint):
    endpoint.reply = lambda _given: (404, b'{"data":null,"errors":[{"code":404,"msg":"trace not found"}]}')
    found = JaegerTraces(endpoint.url).collect(["nobody"], start=0, end=2400)
    assert (found.calls, found.missing) == ((), ())


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (lambda _given: (500, b"oops"), "answered 500"),
        (lambda _given: (200, b"<html>"), "not a list of traces"),
        (lambda _given: (200, b"[]"), "not a list of traces"),
        (lambda _given: (200, b'{"data":[{"traceID":"t"}]}'), "not a list of traces"),
        (Hang(), "did not answer"),
    ],
    ids=["500", "not json", "no object", "no spans", "too slow"],
)
def test_trouble_is_missing_with_its_reason(endpoint: Endpoint, reply, reason: str):
    endpoint.reply = reply
    patience_s = 0.3 if isinstance(reply, Hang) else 20.0
    found = JaegerTraces(endpoint.url, timeout_s=patience_s).collect(["shop"], start=0, end=100)
    assert found.calls == ()
    assert [gap.source for gap in found.missing] == ["traces"]
    assert reason in found.missing[0].reason
