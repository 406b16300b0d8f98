"""Service-graph metrics over real HTTP: both sides of each edge, silence as no calls, trouble as Missing."""

import json
import math

import pytest

from bot.adapters.evidence.service_calls import ServiceCalls, queries
from tests.contract.evidence.endpoint import Endpoint, Hang

PREFIX = "traces_service_graph_request"


def matrix(*rows: tuple[str, str, list[list[object]]]) -> bytes:
    result = [
        {"metric": {"client": client, "server": server}, "values": values} for client, server, values in rows
    ]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


def test_both_sides_of_each_edge(endpoint: Endpoint):
    rate, near, far = queries(PREFIX)
    answers = {
        rate: matrix(
            ("shop", "pay", [[60, "2"], [120, "0"]]),
            ("a", "b", [[60, "1"]]),
            ("", "shop", [[60, "1"]]),
            ("shop", "shop", [[60, "1"]]),
        ),
        near: matrix(("shop", "pay", [[60, "0.2"], [120, "NaN"], ["x"]])),
        far: matrix(("shop", "pay", [[60, "0.05"], [120, "NaN"]])),
    }
    endpoint.reply = lambda given: (200, answers[given["query"]])
    found = ServiceCalls(endpoint.url, PREFIX).collect(["pay"], start=0, end=2400)
    assert found.missing == ()
    (calls,) = found.calls
    (edge,) = calls.edges
    assert (edge.caller, edge.callee, edge.times, edge.calls) == ("shop", "pay", (60.0, 120.0), (120.0, 0.0))
    assert (edge.caller_s[0], edge.callee_s[0]) == (0.2, 0.05)
    assert math.isnan(edge.caller_s[1])
    assert {given["step"] for given in endpoint.asked} == {"60"}
    assert len(ServiceCalls(endpoint.url, PREFIX).collect([], start=0, end=2400).calls[0].edges) == 2


def test_no_edges_are_no_trouble(endpoint: Endpoint):
    endpoint.reply = lambda _given: (200, matrix())
    found = ServiceCalls(endpoint.url, PREFIX).collect(["pay"], start=0, end=60)
    assert (found.calls, found.missing) == ((), ())


@pytest.mark.parametrize(
    "reply",
    [lambda _given: (500, b"oops"), lambda _given: (200, b"<html>"), Hang()],
    ids=["500", "not json", "too slow"],
)
def test_trouble_is_missing(endpoint: Endpoint, reply):
    endpoint.reply = reply
    found = ServiceCalls(endpoint.url, PREFIX, timeout_s=0.3).collect(["pay"], start=0, end=60)
    assert found.calls == ()
    assert [gap.source for gap in found.missing] == ["calls"]
