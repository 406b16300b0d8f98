"""Labelled storms, from a seed: which alerts belong together and what caused them is known, since it was drawn.

Eight kinds, 10 to 10,000 services, 100 to 100,000 alerts. Rules fire up to a minute late, some services stay silent, a
share of the alerts is the noise of any day, and nothing says when it arrives in the order in which it happened.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.domain.alert import Alert, AlertSeverity, AlertStatus, fingerprint_of
from bot.domain.topology import Topology
from tests.bench.cascades import hops_up, layered, reverse

START = 1_800_000_000.0
NOISE = 0.05
SILENT = 0.2
RULE_DELAY_S = 60.0
HOP_S = 3.0
_RULES = ("ErrorsHigh", "LatencyHigh", "SaturationHigh", "BudgetBurn", "ProbeFailed")
ZONES = ("zone-a", "zone-b", "zone-c")


@dataclass(frozen=True, slots=True)
class Storm:
    """Alerts as they arrive; `belongs` says of each fingerprint to which fault, "" for noise; `causes` by fault."""

    kind: str
    alerts: tuple[Alert, ...]
    topology: Topology
    belongs: Mapping[str, str]
    causes: Mapping[str, frozenset[str]]
    planned: frozenset[str] = frozenset()


class _Drawing:
    """One storm while it is drawn."""

    def __init__(self, seed: int, services: int, alerts: int) -> None:
        self.draw = random.Random(seed)
        self.deps = layered(services, seed)
        self.callers = reverse(self.deps)
        self.names = list(self.deps)
        self.budget = alerts
        self.alerts: list[Alert] = []
        self.belongs: dict[str, str] = {}
        self.causes: dict[str, frozenset[str]] = {}
        self.zone = {name: self.draw.choice(ZONES) for name in self.names}
        self.delay = {name: self.draw.random() * RULE_DELAY_S for name in self.names}

    def deep(self, least: int = 5) -> str:
        """A service that a fair part of the others depends on, where there is one."""
        found = sorted(self.draw.sample(self.names, min(40, len(self.names))))
        fair = [
            name
            for name in found
            if least <= len(hops_up(name, self.callers)) <= max(9, len(self.names) // 4)
        ]
        return self.draw.choice(fair or found)

    def emit(
        self, service: str, at: float, fault: str, *, rule: str = "", kind: str = "", firing: bool = True
    ) -> None:
        number = len(self.alerts)
        labels = {
            "alertname": rule or self.draw.choice(_RULES),
            "service": service,
            "namespace": "production",
            "cluster": "main",
            "zone": self.zone.get(service, ZONES[0]),
            "pod": kind or f"{service}-{number:06x}",
        }
        fingerprint = fingerprint_of("bench", labels)
        self.belongs[fingerprint] = fault
        severity = self.draw.choice((AlertSeverity.CRITICAL, AlertSeverity.WARNING, AlertSeverity.WARNING))
        status = AlertStatus.FIRING if firing else AlertStatus.RESOLVED
        begun = START + at
        self.alerts.append(
            Alert(
                fingerprint,
                "bench",
                labels["alertname"],
                status,
                severity,
                service,
                "",
                begun,
                begun,
                labels=labels,
            )
        )

    def spread(self, cause: str, fault: str, budget: int, *, rule: str = "", after: float = 0.0) -> None:
        """A fault at `cause` and what it does to those that call it."""
        hops = hops_up(cause, self.callers)
        hit = [name for name in sorted(hops) if name == cause or self.draw.random() > SILENT]
        self.causes[fault] = frozenset([cause])
        for number in range(max(budget, len(hit))):
            name = hit[number % len(hit)]
            at = after + hops[name] * HOP_S + self.delay[name] + self.draw.random() * 2
            self.emit(name, at, fault, rule=rule if name == cause else "")

    def noise(self) -> None:
        """Everyday alerts of services that no fault has reached."""
        hit = {alert.service for alert in self.alerts}
        calm = [name for name in self.names if name not in hit] or self.names
        for _ in range(round(len(self.belongs) * NOISE)):
            self.emit(self.draw.choice(calm), self.draw.random() * 90, "")

    def done(self, kind: str, planned: frozenset[str] = frozenset()) -> Storm:
        self.noise()
        self.draw.shuffle(self.alerts)
        calls = {name: tuple(below) for name, below in self.deps.items()}
        topology = Topology(calls, dict.fromkeys(calls, "service"), START)
        return Storm(kind, tuple(self.alerts), topology, self.belongs, self.causes, planned)


def _cascading_database(on: _Drawing) -> Storm:
    on.spread(on.deep(), "database", on.budget, rule="ConnectionsExhausted")
    return on.done("cascading_database")


def _bad_deploy(on: _Drawing) -> Storm:
    on.spread(on.deep(3), "deploy", on.budget, rule="ErrorsHigh")
    return on.done("bad_deploy")


def _zone_loss(on: _Drawing) -> Storm:
    lost = on.draw.choice(ZONES)
    inside = [name for name in on.names if on.zone[name] == lost]
    on.causes["zone"] = frozenset(inside)
    for number in range(on.budget):
        name = inside[number % len(inside)]
        on.emit(name, on.delay[name], "zone", rule="ProbeFailed")
    return on.done("zone_loss")


def _dns(on: _Drawing) -> Storm:
    """One thing that everybody at the bottom calls, so that nearly all of the services are hit."""
    on.deps["resolver"], on.callers["resolver"] = [], []
    on.names.append("resolver")
    on.delay["resolver"] = on.draw.random() * RULE_DELAY_S
    for name in on.names[: max(3, len(on.names) // 8)]:
        if name != "resolver":
            on.deps[name].append("resolver")
            on.callers["resolver"].append(name)
    on.spread("resolver", "dns", on.budget, rule="ResolutionFailed")
    return on.done("dns")


def _certificate(on: _Drawing) -> Storm:
    on.spread(on.deep(3), "certificate", on.budget, rule="CertificateExpired")
    return on.done("certificate")


def _two_faults(on: _Drawing) -> Storm:
    first = on.deep()
    reached = hops_up(first, on.callers)
    apart = [name for name in on.names if not reached.keys() & hops_up(name, on.callers).keys()]
    second = on.draw.choice(apart) if apart else on.draw.choice([name for name in on.names if name != first])
    on.spread(first, "first", on.budget // 2)
    on.spread(second, "second", on.budget // 2, after=10.0)
    return on.done("two_faults")


def _flapping(on: _Drawing) -> Storm:
    """One service whose few alerts fire, end and fire again; no other is hit."""
    name = on.draw.choice(on.names)
    on.causes["flapping"] = frozenset([name])
    for number in range(on.budget):
        on.emit(
            name,
            number * 60.0 / max(1, on.budget),
            "flapping",
            kind=f"pod-{number % 5}",
            firing=not number % 2,
        )
    return on.done("flapping")


def _planned_work(on: _Drawing) -> Storm:
    name = on.deep(3)
    on.spread(name, "planned", on.budget, rule="TargetDown")
    return on.done("planned_work", frozenset(hops_up(name, on.callers)))


KINDS: Mapping[str, Callable[[_Drawing], Storm]] = {
    "cascading_database": _cascading_database,
    "bad_deploy": _bad_deploy,
    "zone_loss": _zone_loss,
    "dns": _dns,
    "certificate": _certificate,
    "two_faults": _two_faults,
    "flapping": _flapping,
    "planned_work": _planned_work,
}


def storm(kind: str, *, seed: int, services: int = 200, alerts: int = 2000) -> Storm:
    """A storm of one kind; the same seed and sizes give the same storm."""
    return KINDS[kind](_Drawing(seed, services, alerts))
