"""Which alerts belong together, and why: time, dependency graph and labels. Pure; one pass per batch of alerts.

Works on services, not on single alerts, so that its cost is O(alerts + services + edges near them).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain
from operator import attrgetter

from bot.domain.alert import Alert
from bot.domain.common_ground import CHANGE_WINDOW_S, NO_GROUND, Ground
from bot.domain.landscape import Landscape, landscape_of
from bot.domain.records import IncidentRow
from bot.domain.topology import Topology

JOIN_WINDOW_S = 600.0
_NEW = "~"  # Marks a service that no open incident has yet; it sorts after ids, which stay the roots.
_SHARED_LABELS = ("cluster", "namespace", "region", "zone")


class JoinReason(StrEnum):
    """Why an alert is in its incident."""

    FIRST = "first_alerts"
    SAME_SERVICE = "same_service"
    DEPENDENCY = "dependency"
    SHARED_LABELS = "shared_labels"
    KNOWN_ALERT = "known_alert"
    SAME_CHANGE = "same_change"
    SAME_WORDS = "same_words"
    TAUGHT = "taught"
    MERGED = "merged"
    EVERYDAY = "everyday"
    LOOSE = "loose_end"


@dataclass(frozen=True, slots=True)
class Group:
    """Alerts that belong to one incident: an open one (`incident` is its id) or a new one (empty); by service.

    `absorbs` are open incidents that these alerts show to be the same one, `draws` services that were loose ends.
    """

    incident: str
    by_service: Mapping[str, Sequence[Alert]]
    reasons: Mapping[str, JoinReason]
    absorbs: tuple[str, ...] = ()
    draws: tuple[str, ...] = ()

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """All of them, service by service."""
        return tuple(chain.from_iterable(self.by_service.values()))


@dataclass(frozen=True, slots=True)
class Taught:
    """What people said of pairs of services: which belong together, and which are to be kept apart.

    `split` are pairs of incidents that turned out to be two; the bot keeps them apart while both are open.
    """

    together: frozenset[tuple[str, str]] = frozenset()
    apart: frozenset[tuple[str, str]] = frozenset()
    split: frozenset[tuple[str, str]] = frozenset()

    def parted(self, some: Iterable[str], others: Iterable[str]) -> bool:
        """Whether anybody said that one of `some` and one of `others` are different things."""
        left, right = set(some), set(others)
        return any((a in left and b in right) or (b in left and a in right) for a, b in self.apart)


UNTAUGHT = Taught()


def group_alerts(
    alerts: Sequence[Alert],
    open_incidents: Sequence[IncidentRow],
    topology: Topology,
    *,
    now: float,
    taught: Taught = UNTAUGHT,
    ground: Ground = NO_GROUND,
    loose: IncidentRow | None = None,
) -> list[Group]:
    """Group new firing alerts; `reasons` maps each service to why it is where it is.

    What is connected belongs together whichever came first: where new alerts connect open incidents, the one with the
    lowest number absorbs the others, so that the order of arrival does not matter. What people parted stays apart.
    The services of `loose`, which is none of `open_incidents`, alert too, each for itself.
    """
    by_service = sorted_out(alerts)
    recent = sorted(
        (row for row in open_incidents if now - row.last_alert_at <= JOIN_WINDOW_S),
        key=lambda row: row.number,
    )
    scene = _Scene(by_service, recent, landscape_of(topology), taught, ground, loose)
    for service in sorted(by_service):
        scene.connect(service)
    return scene.groups()


def sorted_out(alerts: Iterable[Alert]) -> dict[str, list[Alert]]:
    """The alerts of each service, earliest first."""
    found: dict[str, list[Alert]] = {}
    for alert in sorted(alerts, key=attrgetter("starts_at", "fingerprint")):
        found.setdefault(alert.service, []).append(alert)
    return found


class _Scene:
    """Alerting services, old and new, and which of them are connected."""

    def __init__(
        self,
        by_service: Mapping[str, Sequence[Alert]],
        recent: Sequence[IncidentRow],
        land: Landscape,
        taught: Taught,
        ground: Ground,
        loose: IncidentRow | None,
    ) -> None:
        self._by_service = by_service
        self._recent = {row.id: row for row in recent}
        self._land = land
        self._taught = taught
        self._home: dict[str, str] = {}
        self._opened: dict[str, float] = {}
        for row in recent:
            for service in row.services:
                self._home.setdefault(service, row.id)
                self._opened.setdefault(service, row.opened_at)
        self._loose = frozenset(loose.services).difference(self._home) if loose is not None else frozenset()
        if loose is not None:
            self._opened.update(dict.fromkeys(self._loose, loose.opened_at))
        unhoused = [name for name in {**by_service, **dict.fromkeys(self._loose)} if name not in self._home]
        self._union = _Union([*self._recent, *(_NEW + name for name in unhoused)])
        self._why: dict[str, JoinReason] = {}
        self._places: dict[tuple[str, ...], str] = {}
        self._orphaned = next((row.id for row in recent if not land.level.keys() >= set(row.services)), "")
        self._beside: dict[str, dict[str, JoinReason]] = {}
        for at in ground.changed.values():
            self._note([name for name in at if self._since(name, at[name])], JoinReason.SAME_CHANGE)
        for who in ground.said.values():
            self._note(filter(self._alerting, who), JoinReason.SAME_WORDS)
        self._pairs: dict[str, set[str]] = {}
        having = {row.id: frozenset(row.services) for row in recent} if taught.apart else {}
        pairs = ((self._keys(a, having), self._keys(b, having)) for a, b in taught.apart)
        self._apart = [(some, others) for some, others in pairs if some and others]
        self._split = [pair for pair in taught.split if self._recent.keys() >= set(pair)]
        for one, other in taught.together:
            self._pairs.setdefault(one, set()).add(other)
            self._pairs.setdefault(other, set()).add(one)

    def connect(self, service: str) -> None:
        """Join a service that has new alerts with all that it is connected to."""
        if service in self._home:
            self._why[service] = JoinReason.SAME_SERVICE
            return
        for other in self._pairs.get(service, ()):
            self._join(service, other, JoinReason.TAUGHT)
        if service not in self._land.level:
            self._join_unknown(service)
        else:
            for other in sorted(self._near(service)):
                self._join(service, other, JoinReason.DEPENDENCY)
        for other, reason in self._beside.get(service, {}).items():
            self._join(service, other, reason)

    def _note(self, services: Iterable[str], reason: JoinReason) -> None:
        """All of them belong together: each with the first by name, which is enough."""
        names = sorted(services)
        for name in names[1:]:
            self._beside.setdefault(name, {}).setdefault(names[0], reason)
            self._beside.setdefault(names[0], {}).setdefault(name, reason)

    def _since(self, service: str, at: float) -> bool:
        """Whether it has alerted after a moment, not long after."""
        first = self._by_service.get(service)
        began = first[0].starts_at if first else self._opened.get(service, 0.0)
        return at <= began <= at + CHANGE_WINDOW_S

    def _alerting(self, service: str) -> bool:
        return service in self._home or service in self._by_service or service in self._loose

    def _near(self, service: str) -> set[str]:
        """Alerting services above or below, over at most one silent one, and those that share a silent cause."""
        callers, callees = self._land.callers, self._land.callees
        found: set[str] = set()
        for below in callees.get(service, ()):
            if self._alerting(below):
                found.add(below)
                continue
            found.update(filter(self._alerting, callees.get(below, ())))
            siblings = callers.get(below, ())
            hit = [one for one in siblings if self._alerting(one)]
            if 2 * len(hit) > len(siblings):
                found.update(hit)
        for above in callers.get(service, ()):
            found.update([above] if self._alerting(above) else filter(self._alerting, callers.get(above, ())))
        return found - {service}

    def _join_unknown(self, service: str) -> None:
        """Services that the graph does not know share an incident by place, and the open one that has such too."""
        twin = self._places.setdefault(_place(self._by_service[service]), service)
        if twin != service:
            self._join(service, twin, JoinReason.SHARED_LABELS)
        elif self._orphaned:
            self._join_keys(_NEW + service, self._orphaned)
            self._why.setdefault(service, JoinReason.SHARED_LABELS)

    def _key(self, service: str) -> str:
        return self._home.get(service) or _NEW + service

    def _join(self, service: str, other: str, reason: JoinReason) -> None:
        if not self._alerting(other) or self._taught.parted([service], [other]):
            return
        if self._join_keys(self._key(service), self._key(other)):
            for one in (service, other):
                if one in self._by_service:
                    self._why.setdefault(one, reason)

    def _join_keys(self, one: str, other: str) -> bool:
        if self._apart and self._are_apart(self._union.root(one), self._union.root(other)):
            return False
        if self._split and self._were_split(one, other):
            return False
        self._union.join(one, other)
        return True

    def _were_split(self, one: str, other: str) -> bool:
        roots = {self._union.root(one), self._union.root(other)}
        return len(roots) > 1 and any(
            {self._union.root(row) for row in pair} == roots for pair in self._split
        )

    def _are_apart(self, one: str, other: str) -> bool:
        """Whether somebody parted a service of one root from one of another; what is together already stays so."""
        if one == other:
            return False
        for some, others in self._apart:
            left, right = map(self._union.root, some), set(map(self._union.root, others))
            if any((root == one and other in right) or (root == other and one in right) for root in left):
                return True
        return False

    def _keys(self, service: str, having: Mapping[str, frozenset[str]]) -> list[str]:
        """Everything that has this service: open incidents, or itself where none has."""
        keys = [incident for incident, services in having.items() if service in services]
        if not keys and self._alerting(service):
            return [_NEW + service]
        return keys

    def groups(self) -> list[Group]:
        """One group for each part that has new alerts, open incidents first and by number."""
        parts: dict[str, list[str]] = {}
        for service in self._by_service:
            parts.setdefault(self._union.root(self._key(service)), []).append(service)
        rows: dict[str, list[IncidentRow]] = {}
        for row in self._recent.values():
            rows.setdefault(self._union.root(row.id), []).append(row)
        drawn: dict[str, list[str]] = {}
        for service in sorted(self._loose):
            drawn.setdefault(self._union.root(_NEW + service), []).append(service)
        found = []
        for root, services in parts.items():
            homes = [row.id for row in rows.get(root, ())]
            reasons = {name: self._why.get(name, JoinReason.FIRST) for name in services}
            its = {service: self._by_service[service] for service in services}
            group = Group("", its, reasons, tuple(homes[1:]), tuple(drawn.get(root, ())))
            found.append(replace(group, incident=homes[0]) if homes else group)
        number = {row.id: row.number for row in self._recent.values()}
        return sorted(found, key=lambda one: (not one.incident, number.get(one.incident, 0)))


class _Union:
    """Disjoint sets of keys; the smallest is the root, so that order does not matter."""

    def __init__(self, keys: Iterable[str]) -> None:
        self.parent = {key: key for key in keys}

    def root(self, key: str) -> str:
        while self.parent[key] != key:
            self.parent[key] = self.parent[self.parent[key]]
            key = self.parent[key]
        return key

    def join(self, one: str, other: str) -> None:
        low, high = sorted((self.root(one), self.root(other)))
        self.parent[high] = low


def _place(alerts: Iterable[Alert]) -> tuple[str, ...]:
    labels = next(iter(alerts)).labels
    return tuple(labels.get(name, "") for name in _SHARED_LABELS)
