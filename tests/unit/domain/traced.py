"""A small traced shop for tests: gate calls shop and ads, shop calls pay and stock; one request every two seconds."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from bot.domain.alert import Alert, AlertSeverity, AlertStatus
from bot.domain.calls import Calls
from bot.domain.spans import Span, calls_of
from bot.domain.telemetry import Telemetry

AT = 1_200.0  # When the trouble starts.
END = 1_400.0
WAY_S = 0.002  # Time on the way, of both sides together.
CALLS = {"gate": ("shop", "ads"), "shop": ("pay", "stock")}
WORK_S = 0.010

Fault = Callable[[list[Span]], Iterable[Span]]


def request(number: int, at: float) -> list[Span]:
    """Spans of one request, all services well."""
    return list(_served("gate", "", f"t{number}", at))


def _served(service: str, parent: str, trace: str, at: float) -> Iterator[Span]:
    own = f"{service}-{parent}"
    now = at + WORK_S / 2
    inner: list[Span] = []
    for callee in CALLS.get(service, ()):
        below = list(_served(callee, f"{own}>{callee}", trace, now + WAY_S / 2))
        until = below[0].end_at + WAY_S / 2
        inner += [Span(trace, f"{own}>{callee}", own, service, f"call {callee}", now, until), *below]
        now = until
    yield Span(trace, own, parent, service, f"serve {service}", at, now + WORK_S / 2)
    yield from inner


def shifted(span: Span, by: float) -> Span:
    """The same, later."""
    return replace(span, start_at=span.start_at + by, end_at=span.end_at + by)


def longer(span: Span, by: float) -> Span:
    """The same, taking longer."""
    return replace(span, end_at=span.end_at + by)


def traces(fault: Fault | None = None, *, every: float = 2.0) -> list[Span]:
    """Requests from 0 to END; `fault` changes those that begin from AT on."""
    found: list[Span] = []
    for number in range(int(END / every)):
        at = number * every + 0.1
        spans = request(number, at)
        found += fault(spans) if fault is not None and at >= AT else spans
    return found


def calls(fault: Fault | None = None, *, every: float = 2.0) -> Calls:
    """What a source counts of them."""
    return calls_of(traces(fault, every=every), step_s=20.0)


def noticed(*parts: Calls) -> Telemetry:
    """Somebody noticed at AT, nobody says where."""
    alert = Alert(
        "a", "test", "users complain", AlertStatus.FIRING, AlertSeverity.CRITICAL, "", "slow", AT, AT
    )
    return Telemetry(opened_at=AT, now=END, alerts=(alert,), calls=parts)
