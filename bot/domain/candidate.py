"""The first candidate: which service to name on the card before any telemetry was read.

It sees alert counts and the dependency graph only, in milliseconds, and its word is replaced by the diagnosis. Each
service is asked how likely the alerts would be if it were the cause: whoever calls it alerts or happens to be silent,
everybody else alerts as on any day, and what the map cannot explain needs an edge that the map lacks. Start times are
not weighed: rules fire up to a minute late, so the earliest alert says little.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.domain.alert_rates import Rates, fit_rates
from bot.domain.landscape import landscape_of
from bot.domain.topology import Topology

CRITICAL_WEIGHT = 2.0  # A critical service speaks as loudly as one with twice its alerts.
ROOT_SILENT = 0.02  # A cause that has alert rules at all seldom stays silent itself.
MOST_EXAMINED = 64  # Bounds the walk where thousands of services alert at once.
MOST_LOOSE_ENDS = 48
MOST_VISITED = (
    64_000  # Above a thousand services that are hit, fewer are examined; one storm may ask many times.
)
LEAST_EXAMINED = 8


@dataclass(frozen=True, slots=True)
class ServiceSummary:
    """The alerts of one service: how many, the earliest `startsAt` (unix seconds), whether any is critical."""

    service: str
    count: int
    earliest_at: float
    critical: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A service and one sentence that says why; both empty when no alert names a service.

    `score` is the logarithm of how much likelier the alerts are with this cause than with none.
    """

    service: str
    why: str
    score: float = 0.0


def first_candidate(summaries: Sequence[ServiceSummary], topology: Topology) -> Candidate:
    """The service that explains the alerts best."""
    ranked = rank_candidates(summaries, topology)
    return ranked[0] if ranked else Candidate("", "")


def rank_candidates(summaries: Sequence[ServiceSummary], topology: Topology) -> tuple[Candidate, ...]:
    """Every examined service, best first; the order of `summaries` does not matter.

    Services that are as quiet as those that are not hit are taken for background and are not named.
    """
    if not any(summary.service and summary.count > 0 for summary in summaries):
        return ()
    scene = Scene(summaries, topology)
    scored = [scene.candidate(service) for service in scene.examined()]
    scored.sort(key=lambda item: (-item.score, *scene.heaviest_first(item.service)))
    return tuple(scored)


class Scene:
    """One storm on one map: the evidence of each service, and what each would explain.

    `hit` are the services that alert louder than those that are not hit would; one summary at least must count.
    """

    def __init__(self, summaries: Sequence[ServiceSummary], topology: Topology) -> None:
        self._weights, self._earliest = _weighed(summaries)
        self._land = land = landscape_of(topology)
        quiet = len(topology.nodes().difference(self._weights))
        counts = Counter(self._weights.values())
        self._rates: Rates = fit_rates({**counts, 0: quiet} if quiet else counts)
        says = {count: self._rates.odds(count) for count in counts}
        self._silence = self._rates.odds(0)
        self._odds = {service: says[count] for service, count in self._weights.items()}
        self.hit = {service for service, odds in self._odds.items() if odds > 0} or set(self._weights)
        self._most = max(LEAST_EXAMINED, min(MOST_EXAMINED, MOST_VISITED // max(1, len(self.hit))))
        self._reach: dict[str, set[str]] = {}
        self._loose_ends = self._find_loose_ends()
        shown = self._loose_ends[: min(MOST_LOOSE_ENDS, self._most)]
        self._by_level = sorted(shown, key=lambda one: (land.level.get(one, 0), one))

    def examined(self) -> list[str]:
        """Those worth a full look: loose ends first, since a cause has nothing below it that is hit."""
        ends = self._loose_ends[: self._most]
        rest = sorted(self.hit.difference(ends), key=self._nearby)
        return ends + rest[: self._most - len(ends)]

    def _nearby(self, service: str) -> tuple[float, str]:
        callers = self._land.callers.get(service, ())
        return -self._odds[service] - sum(self._odds.get(one, self._silence) for one in callers), service

    def _find_loose_ends(self) -> list[str]:
        """Services that are hit while nothing is that they are known to call; the most telling first."""
        callees = self._land.callees
        ends = [one for one in self.hit if not self.hit.intersection(callees.get(one, ()))]
        return sorted(ends, key=self._nearby)

    def above(self, service: str) -> set[str]:
        """The service and all that depend on it, alerting or not; not to be changed."""
        if service not in self._reach:
            self._reach[service] = self._land.above(service)
        return self._reach[service]

    def own(self, service: str) -> float:
        """How much likelier its own alerts are if it is a cause than if it is not hit."""
        return self._rates.odds(self._weights[service], silent=ROOT_SILENT)

    def worth(self, services: Iterable[str]) -> float:
        """How much likelier what these services say is if all of them are hit than if none is."""
        odds, silence = self._odds, self._silence
        return math.fsum([odds.get(one, silence) for one in services])

    def heaviest_first(self, service: str) -> tuple[int, float, str]:
        """The order of two that explain the alerts equally well."""
        return -self._weights[service], self._earliest[service], service

    def candidate(self, service: str) -> Candidate:
        """Its score: its own evidence, that of its callers, and of what hangs on them by edges that may be missing."""
        explained = set(self.above(service))
        score = self.own(service) + self.worth(explained - {service})
        levels = Counter([self._land.level.get(one, 0) for one in explained & self.hit])
        for end in self._by_level:
            if end in explained or service in self.above(end):
                continue
            chance = self._land.chance_of_edge(end, levels)
            more = self.above(end) - explained
            gain = self.worth(more) + (math.log(chance) if chance > 0 else -math.inf)
            if gain > 0:
                score += gain
                explained |= more
                levels.update([self._land.level.get(one, 0) for one in more & self.hit])
        return Candidate(service, self._why(service), score)

    def _why(self, service: str) -> str:
        covered = len(self.above(service).intersection(self._weights)) - 1
        if covered:
            return f"{covered + 1} of {len(self._weights)} alerting services are {service} or depend on it"
        if len(self._weights) == 1:
            return f"every alert is about {service}"
        return f"{service} has the heaviest alerts and no known dependency explains the others"


def _weighed(summaries: Sequence[ServiceSummary]) -> tuple[dict[str, int], dict[str, float]]:
    """Weight and first start of each service that alerts."""
    weights: dict[str, int] = {}
    earliest: dict[str, float] = {}
    for summary in summaries:
        if summary.service and summary.count > 0:
            weight = round(summary.count * (CRITICAL_WEIGHT if summary.critical else 1.0))
            weights[summary.service] = weights.get(summary.service, 0) + weight
            known = earliest.get(summary.service, summary.earliest_at)
            earliest[summary.service] = min(known, summary.earliest_at)
    return weights, earliest
