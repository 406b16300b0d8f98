"""Faults of a traced shop, one of each kind: the service at fault is named, with its clue on the card."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from bot.domain.calls import Calls, EdgeSeries
from bot.domain.diagnosis import testimony
from bot.domain.diagnosis.clues import ClueKind
from bot.domain.diagnosis.engine import diagnose
from bot.domain.diagnosis.symptoms import service_states
from bot.domain.diagnosis.window import Window
from bot.domain.evidence import CauseClass, Conclusion, EvidenceKind
from bot.domain.log_patterns import LogPattern, LogPatterns
from bot.domain.spans import Span
from bot.domain.telemetry import MetricSeries, Signal
from tests.unit.domain.traced import AT, END, Fault, calls, longer, noticed, shifted

WINDOW = Window(before=AT, since=AT, now=END)


def late_network(callee: str, by: float) -> Fault:
    """Calls of one service wait longer on the way; everything above waits along."""

    def fault(spans: list[Span]) -> Iterator[Span]:
        call = next(span for span in spans if span.operation == f"call {callee}")
        for span in spans:
            inside = span.start_at > call.start_at and span.end_at < call.end_at
            around = span.start_at <= call.start_at and span.end_at >= call.end_at
            yield (
                longer(span, by)
                if around
                else shifted(span, by / 2 if inside else by * (span.start_at >= call.end_at))
            )

    return fault


def slow_itself(service: str, by: float) -> Fault:
    def fault(spans: list[Span]) -> Iterator[Span]:
        own = next(span for span in spans if span.operation == f"serve {service}")
        for span in spans:
            around = span.start_at <= own.start_at and span.end_at >= own.end_at
            yield longer(span, by) if around else shifted(span, by * (span.start_at >= own.end_at))

    return fault


def breaks_off(service: str, *, failed: bool) -> Fault:
    """A service answers without the calls that it should make."""

    def fault(spans: list[Span]) -> Iterator[Span]:
        own = next(span for span in spans if span.operation == f"serve {service}")
        below = {own.id}
        for span in spans:
            if span.parent in below:
                below.add(span.id)
            elif span is own:
                yield replace(span, failed=failed)
            else:
                yield span

    return fault


def fails(service: str) -> Fault:
    """Everything runs, the answer of one service is an error, and its callers fail with it."""

    def fault(spans: list[Span]) -> Iterator[Span]:
        named, by = {f"serve {service}", f"call {service}"}, {span.id: span for span in spans}
        own = next(span for span in spans if span.operation == f"serve {service}")
        above: set[str] = set()
        while own.parent:
            own = by[own.parent]
            above.add(own.id)
        for span in spans:
            yield replace(span, failed=span.operation in named or span.id in above)

    return fault


FAULTS = {
    "network to a leaf": (late_network("pay", 0.5), "pay", ClueKind.NETWORK, CauseClass.NETWORK),
    "network to a middle": (late_network("shop", 0.5), "shop", ClueKind.NETWORK, CauseClass.NETWORK),
    "slow leaf": (slow_itself("stock", 0.3), "stock", ClueKind.OWN_TIME, CauseClass.UNKNOWN),
    "slow entry": (slow_itself("gate", 0.3), "gate", ClueKind.OWN_TIME, CauseClass.UNKNOWN),
    "wrong answer": (breaks_off("shop", failed=False), "shop", ClueKind.STEPS, CauseClass.UNKNOWN),
    "failing leaf": (fails("pay"), "pay", ClueKind.FAILURES, CauseClass.UNKNOWN),
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_service_at_fault_is_named(name: str):
    fault, service, kind, cause = FAULTS[name]
    seen = calls(fault)
    found = diagnose(noticed(seen))
    first = found.hypotheses[0]
    assert first.service == service
    assert first.cause is cause
    cited = [one for one in found.evidence if one.id in first.evidence]
    told = [one for one in cited if one.kind is EvidenceKind.TRACE and one.service == service]
    assert told, [one.text for one in cited]
    assert any(clue.kind is kind for clue in testimony.testimony_of((seen,), (), (), WINDOW).of(service))


def test_a_calm_shop_gives_no_clue_and_no_suspect():
    assert testimony.testimony_of((calls(),), (), (), WINDOW).clues == {}
    assert diagnose(noticed(calls())).hypotheses == ()


def test_the_order_of_parts_changes_nothing():
    one = calls(late_network("pay", 0.5))
    turned = Calls(one.step_s, one.edges[::-1], one.operations[::-1], one.patterns[::-1])
    assert diagnose(noticed(one)) == diagnose(noticed(turned))


def test_a_pause_is_no_fault():
    def pause(spans: list[Span]) -> Iterable[Span]:
        return late_network("pay", 0.5)(spans) if spans[0].start_at < AT + 20 else spans

    lasting = testimony.testimony_of((calls(late_network("pay", 0.5)),), (), (), WINDOW).weight("pay", None)
    assert testimony.testimony_of((calls(pause),), (), (), WINDOW).weight("pay", None) < lasting / 4


def test_a_handful_of_calls_says_less():
    few = testimony.testimony_of((calls(late_network("pay", 0.5), every=30.0),), (), (), WINDOW).weight(
        "pay", None
    )
    many = testimony.testimony_of((calls(late_network("pay", 0.5)),), (), (), WINDOW).weight("pay", None)
    assert few < many


def mesh(*, silent: tuple[str, ...]) -> Calls:
    """Medians of a proxy, one a minute; calls of `silent` stop."""
    times = tuple(60.0 * place for place in range(1, int(END // 60) + 1))
    seen = tuple(1.0 for _ in times)
    stopped = tuple(float(at - 60 < AT) for at in times)
    flat = tuple(0.01 for _ in times)
    edges = [
        EdgeSeries("shop", callee, times, stopped if callee in silent else seen, flat, flat)
        for callee in ("pay", "stock", "mail", "ship")
    ]
    return Calls(60.0, (*edges, EdgeSeries("gate", "shop", times, seen, flat, flat)))


def test_a_caller_that_stops_calling_is_named():
    (first, *_rest) = diagnose(noticed(mesh(silent=("pay", "mail")))).hypotheses
    assert first.service == "shop"
    assert "stopped making calls" in " ".join(first.because)
    assert testimony.testimony_of((mesh(silent=()),), (), (), WINDOW).clues == {}


def written(service: str, text: str, *, before: float, after: float, example: str = "") -> LogPattern:
    times = tuple(20.0 * place for place in range(1, int(END // 20) + 1))
    lines = tuple(after if at - 20 >= AT else before for at in times)
    return LogPattern(service, text, times, lines, example or text)


def test_log_patterns_support_and_never_carry():
    busy = [written(name, f"{name} works", before=20, after=20) for name in ("gate", "shop", "pay")]
    new = written(
        "pay", "payment failed: no answer", before=0, after=10, example="payment failed: no answer from 7"
    )
    telemetry = replace(noticed(calls()), log_patterns=(LogPatterns(20.0, (*busy, new)),))
    found = diagnose(telemetry)
    first = found.hypotheses[0]
    assert first.service == "pay"
    assert found.conclusion is Conclusion.NOT_CONFIDENT
    assert first.solid < first.confidence or first.confidence < 0.5
    quoted = [one.quote for one in found.evidence if one.kind is EvidenceKind.LOG]
    assert quoted == ["payment failed: no answer from 7"]


def test_lines_that_stop_are_seen():
    busy = [written(name, f"{name} works", before=20, after=20) for name in ("gate", "shop", "pay")]
    gone = written("pay", "payment booked", before=20, after=0)
    clues = testimony.testimony_of((calls(),), (LogPatterns(20.0, (*busy, gone)),), (), WINDOW).clues
    assert list(clues) == ["pay"]
    assert "no longer writes" in clues["pay"][0].text


def test_a_small_rise_where_nothing_moves_is_faint():
    times = tuple(20.0 * place for place in range(1, int(END // 20) + 1))
    series = tuple(
        MetricSeries(
            service,
            Signal.MEMORY,
            times,
            tuple(0.30 + (0.02 if service == "ads" and at > AT else 0.0) for at in times),
        )
        for service in ("gate", "shop", "pay", "ads")
    )
    quiet = testimony.testimony_of((calls(),), (), series, WINDOW)
    assert list(quiet.clues) == ["ads"]
    assert quiet.weight("ads", None) < 0.15
    found = diagnose(replace(noticed(calls(late_network("pay", 0.5))), series=series))
    assert found.hypotheses[0].service == "pay"


def test_a_utilisation_that_is_often_as_high_says_little():
    times = tuple(20.0 * place for place in range(1, int(END // 20) + 1))
    busy = tuple(0.9 if at > AT or place % 4 == 0 else 0.3 for place, at in enumerate(times))
    calm = tuple(0.9 if at > AT else 0.3 for at in times)
    weights = []
    for values in (busy, calm):
        series = (MetricSeries("ads", Signal.CPU, times, values),)
        told = testimony.testimony_of((calls(),), (), series, WINDOW)
        weights.append(told.weight("ads", service_states(series, WINDOW)["ads"]))
    assert weights[0] < 0.1
    assert weights[1] > 0.5
