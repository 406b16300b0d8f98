"""When unusual things are enough to open an incident with no alert: never one alone, except foreign code.

Two witnesses of different kinds near each other (what a workload writes or asks, and what a metric shows), or metrics
that users feel on several services that call each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.domain.topology import Topology
from bot.domain.watch.finding import Finding, Kind

ENOUGH = 0.5  # Joint strength of an agreement.
FELT_SERVICES = 3  # Services whose users feel it, where only metrics say so.
FOREIGN = 0.9  # Strength of behaviour that needs no second witness.
MOST_FINDINGS = 6
_WRITTEN = (Kind.TEMPLATE, Kind.RATE, Kind.SESSION, Kind.ORDER, Kind.QUERY)


@dataclass(frozen=True, slots=True)
class Warned:
    """An early warning about one service, with what it rests on, strongest first."""

    service: str
    strength: float
    since_at: float
    findings: tuple[Finding, ...]

    @property
    def reason(self) -> str:
        """The findings in words."""
        return "; ".join(finding.words for finding in self.findings)


def warnings(
    findings: Sequence[Finding], topology: Topology, covered_at: Mapping[str, float]
) -> tuple[Warned, ...]:
    """The strongest warning of each neighbourhood; what began before an incident there ended is no news."""
    news = [one for one in findings if one.since_at > covered_at.get(one.service, 0.0)]
    by_service: dict[str, list[Finding]] = {}
    for one in news:
        by_service.setdefault(one.service, []).append(one)
    judged = [_judge(service, by_service, topology) for service in sorted(by_service)]
    found = sorted((one for one in judged if one), key=lambda one: (-one.strength, one.service))
    kept: list[Warned] = []
    taken: set[str] = set()
    for warned in found:
        if warned.service not in taken:
            kept.append(warned)
            taken |= topology.within(warned.service, 2)
    return tuple(kept)


def _judge(service: str, by_service: Mapping[str, list[Finding]], topology: Topology) -> Warned | None:
    near = topology.within(service, 1)
    here = [one for name in sorted(near) for one in by_service.get(name, ())]
    own = by_service[service]
    foreign = [one for one in own if one.kind is Kind.BEHAVIOUR and one.strength >= FOREIGN]
    metrics = [one for one in here if one.kind is Kind.METRIC]
    written = [one for one in here if one.kind in _WRITTEN]
    behaved = [one for one in own if one.kind is Kind.BEHAVIOUR]
    felt = {one.service for one in metrics if one.felt}
    if foreign:
        rests = foreign
    elif (
        metrics and (written or behaved) and any(one.kind is not Kind.METRIC or one in metrics for one in own)
    ):
        rests = [*written, *behaved, *metrics]
    elif len(felt) >= FELT_SERVICES and service in felt:
        rests = [one for one in metrics if one.felt]
    else:
        return None
    strength = _joint(rests)
    if strength < ENOUGH:
        return None
    # Its own findings name the service; what neighbours show supports them.
    rests.sort(key=lambda one: (one.service != service, -one.strength, one.words))
    own_strength = _joint([one for one in rests if one.service == service])
    since = min(one.since_at for one in rests)
    return Warned(service, strength * (0.5 + own_strength / 2), since, tuple(rests[:MOST_FINDINGS]))


def _joint(findings: Sequence[Finding]) -> float:
    """The strongest of each kind, as independent witnesses."""
    best: dict[Kind, float] = {}
    for one in findings:
        best[one.kind] = max(best.get(one.kind, 0.0), one.strength)
    doubt = 1.0
    for strength in best.values():
        doubt *= 1.0 - strength
    return 1.0 - doubt
