"""Which alerts belong together, and why: time, dependency graph and labels. Pure; one pass per batch of alerts.

Works on services, not on single alerts, so that its cost is O(alerts + services + edges near them).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.alert import Alert
from bot.domain.records import IncidentRow
from bot.domain.topology import Topology

JOIN_WINDOW_S = 600.0
JOIN_HOPS = 2
_SHARED_LABELS = ("cluster", "namespace", "region", "zone")


class JoinReason(StrEnum):
    """Why an alert is in its incident."""

    FIRST = "first_alerts"
    SAME_SERVICE = "same_service"
    DEPENDENCY = "dependency"
    SHARED_LABELS = "shared_labels"
    KNOWN_ALERT = "known_alert"


@dataclass(frozen=True, slots=True)
class Group:
    """Alerts that belong to one incident: an open one (`incident` is its id) or a new one (empty)."""

    incident: str
    alerts: tuple[Alert, ...]
    reasons: Mapping[str, JoinReason]


def group_alerts(
    alerts: Sequence[Alert], open_incidents: Sequence[IncidentRow], topology: Topology, *, now: float
) -> list[Group]:
    """Group new firing alerts; `reasons` maps each service to why it is where it is.

    Ties go to the open incident with the lowest number, so that the order of arrival does not matter.
    """
    by_service: dict[str, list[Alert]] = {}
    for alert in sorted(alerts, key=lambda one: (one.starts_at, one.fingerprint)):
        by_service.setdefault(alert.service, []).append(alert)
    recent = [row for row in open_incidents if now - row.last_alert_at <= JOIN_WINDOW_S]
    near = _Near(topology)
    homes, reasons = _join_open(by_service, recent, near)
    clusters = _connect([name for name in by_service if name not in homes], by_service, near)
    _adopt(clusters, homes, reasons, recent, near.known)
    return _as_groups(by_service, homes, reasons, clusters)


class _Near:
    """Neighbourhoods in the undirected graph, built once per pass."""

    def __init__(self, topology: Topology) -> None:
        self.known = topology.nodes()
        self._adjacent: dict[str, set[str]] = {}
        for caller, callees in topology.calls.items():
            for callee in callees:
                self._adjacent.setdefault(caller, set()).add(callee)
                self._adjacent.setdefault(callee, set()).add(caller)

    def around(self, service: str) -> set[str]:
        """Everything at most JOIN_HOPS edges away, the service itself included."""
        seen = {service}
        edge = {service}
        for _ in range(JOIN_HOPS):
            edge = {far for near in edge for far in self._adjacent.get(near, ())} - seen
            seen |= edge
        return seen


class _Union:
    """Disjoint sets of services; the smallest name is the root, so that order does not matter."""

    def __init__(self, services: Iterable[str]) -> None:
        self.parent = {service: service for service in services}

    def root(self, service: str) -> str:
        while self.parent[service] != service:
            self.parent[service] = self.parent[self.parent[service]]
            service = self.parent[service]
        return service

    def join(self, one: str, other: str) -> bool:
        low, high = sorted((self.root(one), self.root(other)))
        self.parent[high] = low
        return low != high


def _join_open(
    by_service: Mapping[str, Sequence[Alert]], recent: Sequence[IncidentRow], near: _Near
) -> tuple[dict[str, str], dict[str, JoinReason]]:
    homes: dict[str, str] = {}
    reasons: dict[str, JoinReason] = {}
    oldest_first = sorted(recent, key=lambda row: row.number)
    for service in by_service:
        same = next((row.id for row in oldest_first if service in row.services), "")
        around = near.around(service) if service and not same else set()
        close = next((row.id for row in oldest_first if around.intersection(row.services)), "")
        if same or close:
            homes[service] = same or close
            reasons[service] = JoinReason.SAME_SERVICE if same else JoinReason.DEPENDENCY
    return homes, reasons


def _connect(
    services: Sequence[str], by_service: Mapping[str, Sequence[Alert]], near: _Near
) -> list[dict[str, JoinReason]]:
    """Union services that are near each other in the graph, or share a place where the graph knows neither."""
    union = _Union(services)
    why: dict[str, JoinReason] = {}
    places: dict[tuple[str, ...], str] = {}
    for service in services:
        if service not in near.known:
            twin = places.setdefault(_place(by_service[service]), service)
            if union.join(service, twin):
                why[service] = JoinReason.SHARED_LABELS
            continue
        for neighbour in near.around(service):
            if neighbour in union.parent and union.join(service, neighbour):
                why[neighbour] = why[service] = JoinReason.DEPENDENCY
    clusters: dict[str, dict[str, JoinReason]] = {}
    for service in services:
        clusters.setdefault(union.root(service), {})[service] = why.get(service, JoinReason.FIRST)
    return list(clusters.values())


def _place(alerts: Iterable[Alert]) -> tuple[str, ...]:
    labels = next(iter(alerts)).labels
    return tuple(labels.get(name, "") for name in _SHARED_LABELS)


def _adopt(
    clusters: list[dict[str, JoinReason]],
    homes: dict[str, str],
    reasons: dict[str, JoinReason],
    recent: Sequence[IncidentRow],
    known: frozenset[str],
) -> None:
    """Give a cluster of unknown services the open incident that has unknown services too, if there is one."""
    orphaned = [row for row in recent if any(service not in known for service in row.services)]
    for cluster in list(clusters):
        if not orphaned or any(service in known for service in cluster):
            continue
        home = min(orphaned, key=lambda row: row.number)
        for service in cluster:
            homes[service], reasons[service] = home.id, JoinReason.SHARED_LABELS
        clusters.remove(cluster)


def _as_groups(
    by_service: Mapping[str, Sequence[Alert]],
    homes: Mapping[str, str],
    reasons: Mapping[str, JoinReason],
    clusters: Sequence[Mapping[str, JoinReason]],
) -> list[Group]:
    groups: list[Group] = []
    for home in sorted(set(homes.values())):
        members = {service: reasons[service] for service in by_service if homes.get(service) == home}
        groups.append(Group(home, _alerts_of(members, by_service), members))
    groups.extend(Group("", _alerts_of(cluster, by_service), cluster) for cluster in clusters)
    return groups


def _alerts_of(services: Iterable[str], by_service: Mapping[str, Sequence[Alert]]) -> tuple[Alert, ...]:
    return tuple(alert for service in services for alert in by_service[service])
