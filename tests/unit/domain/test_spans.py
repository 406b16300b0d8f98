"""Counting spans: both sides of calls, own time, failures of own making, steps, and bounds."""

import pytest

from bot.domain.calls import graph_of
from bot.domain.logs.counting import counted
from bot.domain.spans import MOST_PATTERNS, OTHER, Counted, Span, calls_of, named
from bot.domain.telemetry import LogLine
from tests.unit.domain.traced import CALLS, WAY_S, WORK_S, calls, request


def test_both_sides_of_a_call_and_the_way_between():
    edges = {(one.caller, one.callee): one for one in calls().edges}
    assert {caller: tuple(sorted(callees)) for caller, callees in CALLS.items()} == graph_of([calls()])
    assert edges["shop", "pay"].gap_s[3] == pytest.approx(WAY_S)
    assert edges["shop", "pay"].callee_s[3] == pytest.approx(WORK_S)
    assert edges["shop", "pay"].calls[3] == 10


def test_own_time_leaves_out_callees_even_where_they_overlap():
    operations = {(one.service, one.operation): one for one in calls().operations}
    assert operations["shop", "serve shop"].own_s[3] == pytest.approx(WORK_S)
    spans = [
        Span("t", "1", "", "a", "work", 0.0, 1.0),
        Span("t", "2", "1", "a", "part", 0.1, 0.5),
        Span("t", "3", "1", "a", "part", 0.3, 0.7),
        Span("t", "4", "1", "a", "part", 0.9, 2.0),
    ]
    (work,) = [one for one in calls_of(spans).operations if one.operation == "work"]
    assert work.own_s == (pytest.approx(0.3),)


def test_a_failure_counts_where_it_began():
    spans = [
        Span("t", "1", "", "a", "x", 0.0, 1.0, failed=True),
        Span("t", "2", "1", "b", "y", 0.1, 0.9, failed=True),
        Span("t", "3", "2", "c", "z", 0.2, 0.8),
    ]
    assert {one.service: one.failed for one in calls_of(spans).operations} == {
        "a": (0.0,),
        "b": (1.0,),
        "c": (0.0,),
    }


def test_batches_of_whole_traces_add_up():
    batched = Counted(20.0)
    for number in range(50):
        batched.add(request(number, number + 0.1))
    together = calls_of([span for number in range(50) for span in request(number, number + 0.1)], step_s=20.0)
    assert batched.calls() == together


def test_an_orphan_is_a_root_and_steps_are_bounded():
    spans = [Span("t", "1", "gone", "a", "x", 0.0, 1.0)]
    for number in range(MOST_PATTERNS + 30):
        spans += [
            Span(f"u{number}", "1", "", "a", "y", 0.0, 1.0),
            Span(f"u{number}", "2", "1", "a", "z" + chr(97 + number % 26) + chr(97 + number // 26), 0.0, 0.5),
        ]
    found = calls_of(spans)
    steps = [one for one in found.patterns if one.operation == "y"]
    assert len(steps) == MOST_PATTERNS + 1
    assert next(one for one in steps if one.steps == OTHER).calls == (30.0,)
    assert any(one.operation == "x" and one.calls == (1.0,) for one in found.operations)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("GET /orders/17", "GET /orders/*"),
        ("GET /orders/afd3ace1-75bd-42bb-b899-49b7fc57554a/items", "GET /orders/*/items"),
        ("SELECT orders", "SELECT orders"),
        ("v2.Shop/Get", "v2.Shop/Get"),
    ],
)
def test_ids_are_no_part_of_a_name(given: str, name: str):
    assert named(given) == name


def test_lines_are_counted_by_pattern_and_service():
    lines = [LogLine("a", 3.0 * n, f"order {n} booked") for n in range(20)] + [
        LogLine("b", 61.0, "order 7 booked")
    ]
    found = counted(lines, step_s=30.0)
    assert {(one.service, one.lines) for one in found.patterns} == {
        ("a", (10.0, 10.0, 0.0)),
        ("b", (0.0, 0.0, 1.0)),
    }
    assert {one.times for one in found.patterns} == {(30.0, 60.0, 90.0)}
