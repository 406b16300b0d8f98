"""The first candidate: which service to name on the card before any telemetry was read.

It sees alert counts and the dependency graph only, in milliseconds, and its word is replaced by the diagnosis.
Start times of alerts are not weighed: rules fire up to a minute late, so the earliest alert says little.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bot.domain.topology import Topology

CRITICAL_WEIGHT = 2.0  # A critical service speaks as loudly as one with twice its alerts.
SILENT_HOPS = 1  # A caller that stays silent between two alerting ones is bridged; two are not.
OWN_SHARE = 0.5  # A cause should alert at least half as much as the median service that it would explain.
BACKGROUND = (
    0.5  # Services below this share of the mean are the everyday noise that goes on beside an incident.
)
MOST_EXAMINED = 128  # Bounds the walk where thousands of services alert at once.


@dataclass(frozen=True, slots=True)
class ServiceSummary:
    """The alerts of one service: how many, the earliest `startsAt` (unix seconds), whether any is critical."""

    service: str
    count: int
    earliest_at: float
    critical: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A service and one sentence that says why; both empty when no alert names a service."""

    service: str
    why: str
    score: float = 0.0


def first_candidate(summaries: Sequence[ServiceSummary], topology: Topology) -> Candidate:
    """The service whose direct and indirect callers cover most of the alerts and that alerts enough itself."""
    ranked = rank_candidates(summaries, topology)
    return ranked[0] if ranked else Candidate("", "")


def rank_candidates(summaries: Sequence[ServiceSummary], topology: Topology) -> tuple[Candidate, ...]:
    """Every examined service, best first; the order of `summaries` does not matter.

    Services that are quiet beside the others are taken for background and are not named.
    """
    weights: dict[str, float] = {}
    earliest: dict[str, float] = {}
    for summary in summaries:
        if summary.service and summary.count > 0:
            weight = summary.count * (CRITICAL_WEIGHT if summary.critical else 1.0)
            weights[summary.service] = weights.get(summary.service, 0.0) + weight
            known = earliest.get(summary.service, summary.earliest_at)
            earliest[summary.service] = min(known, summary.earliest_at)
    weights = _above_background(weights)
    callers = topology.callers()
    total = sum(weights.values())
    scored = [
        _score(service, weights, callers, total) for service in _worth_examining(weights, callers, earliest)
    ]
    scored.sort(key=lambda item: (-item.score, earliest[item.service], item.service))
    return tuple(scored)


def _above_background(weights: Mapping[str, float]) -> dict[str, float]:
    if not weights:
        return {}
    least = BACKGROUND * sum(weights.values()) / len(weights)
    return {service: weight for service, weight in weights.items() if weight >= least}


def _worth_examining(
    weights: Mapping[str, float], callers: Mapping[str, tuple[str, ...]], earliest: Mapping[str, float]
) -> list[str]:
    if len(weights) <= MOST_EXAMINED:
        return list(weights)

    def nearby(service: str) -> float:
        return weights[service] + sum(weights.get(caller, 0.0) for caller in callers.get(service, ()))

    ordered = sorted(weights, key=lambda service: (-nearby(service), earliest[service], service))
    return ordered[:MOST_EXAMINED]


def _score(
    service: str, weights: Mapping[str, float], callers: Mapping[str, tuple[str, ...]], total: float
) -> Candidate:
    covered = _covered(service, weights, callers)
    reach = (weights[service] + sum(weights[other] for other in covered)) / total
    usual = median(weights[other] for other in covered) if covered else weights[service]
    own = min(1.0, weights[service] / (OWN_SHARE * usual))
    if covered:
        why = f"{len(covered) + 1} of {len(weights)} alerting services are {service} or depend on it"
    elif len(weights) == 1:
        why = f"every alert is about {service}"
    else:
        why = f"{service} has the heaviest alerts and no known dependency explains the others"
    return Candidate(service, why, reach * own)


def _covered(service: str, weights: Mapping[str, float], callers: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Alerting services that call `service` directly or indirectly, over at most SILENT_HOPS silent ones."""
    silent = {service: 0}
    todo = [service]
    covered: list[str] = []
    while todo:
        node = todo.pop()
        for caller in callers.get(node, ()):
            hops = 0 if caller in weights else silent[node] + 1
            if hops > SILENT_HOPS or silent.get(caller, SILENT_HOPS + 1) <= hops:
                continue
            if caller in weights:
                covered.append(caller)
            silent[caller] = hops
            todo.append(caller)
    return covered
