"""Behaviour outside a workload's baseline: processes and outbound connections that it never had, on several instances.

The baseline is what the runtime sensor saw of the same workload before the trouble; without one nothing is judged.
A release of the same service just before it explains new behaviour, and takes most of the suspicion away.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from bot.domain.diagnosis import tuning
from bot.domain.telemetry import Behaviour, BehaviourKind, Change, ChangeKind

_INSIDE = tuple(
    ip_network(one)
    for one in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "fc00::/7")
)


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one instance did that its workload never did before: processes with parents, remotes with ports."""

    instance: str
    first_at: float
    processes: tuple[str, ...]
    remotes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Intrusion:
    """Odd behaviour of one service. `process` and `connection` are strengths 0..1 that grow with the instances.

    `baseline` counts the distinct behaviours known before; `released` says that a release explains the new ones.
    """

    service: str
    sightings: tuple[Sighting, ...]
    process: float
    connection: float
    first_at: float
    baseline: int
    released: bool

    @property
    def strength(self) -> float:
        """How clearly somebody else runs code here, 0..1."""
        return 1.0 - (1.0 - self.process) * (1.0 - self.connection)


def intrusions(
    behaviours: Iterable[Behaviour], changes: Sequence[Change], *, before: float
) -> dict[str, Intrusion]:
    """Intrusions per service; behaviours first seen up to `before` (unix seconds) are the baseline."""
    per_service: dict[str, list[Behaviour]] = {}
    for one in behaviours:
        per_service.setdefault(one.service, []).append(one)
    found = {}
    for service in sorted(per_service):
        intrusion = _judge(service, per_service[service], changes, before)
        if intrusion is not None:
            found[service] = intrusion
    return found


def _judge(
    service: str, seen: Sequence[Behaviour], changes: Sequence[Change], before: float
) -> Intrusion | None:
    known = {_kind_of(one) for one in seen if one.at <= before}
    new = [one for one in seen if one.at > before and _kind_of(one) not in known]
    if not known or not new:
        return None
    processes = [one for one in new if one.kind is BehaviourKind.PROCESS]
    strangers = {one.what for one in processes}
    remotes = [one for one in new if one.kind is BehaviourKind.CONNECTION and _odd(one, strangers)]
    sightings = _sightings(processes, remotes)
    connected = sum(bool(one.remotes) for one in sightings)
    running = sum(bool(one.processes) for one in sightings)
    if not running or (running < tuning.INTRUSION_INSTANCES and not connected):
        return None
    first_at = min(one.first_at for one in sightings)
    released = _released(service, first_at, changes)
    share = tuning.RELEASE_EXPLAINS if released else 1.0
    return Intrusion(
        service,
        sightings,
        share * _strength(running),
        share * _strength(connected),
        first_at,
        len(known),
        released,
    )


def _kind_of(one: Behaviour) -> tuple[str, str, str]:
    """What makes two behaviours the same: pods come and go, so inside addresses count by process and port only."""
    if one.kind is BehaviourKind.PROCESS:
        return one.kind.value, one.what, one.by
    host, _, port = one.what.rpartition(":")
    return one.kind.value, f"inside:{port}" if _inside(host) else one.what, one.by


def _odd(one: Behaviour, strangers: set[str]) -> bool:
    """A new remote is odd when it lies outside, or when a new process called it."""
    return one.by in strangers or not _inside(one.what.rpartition(":")[0])


def _inside(host: str) -> bool:
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return False
    return any(address in network for network in _INSIDE if network.version == address.version)


def _sightings(processes: Sequence[Behaviour], remotes: Sequence[Behaviour]) -> tuple[Sighting, ...]:
    per_instance: dict[str, list[Behaviour]] = {}
    for one in (*processes, *remotes):
        per_instance.setdefault(one.instance, []).append(one)
    return tuple(_sighting(instance, per_instance[instance]) for instance in sorted(per_instance))


def _sighting(instance: str, seen: Sequence[Behaviour]) -> Sighting:
    named: Mapping[BehaviourKind, list[str]] = {
        kind: sorted({_words(one) for one in seen if one.kind is kind}) for kind in BehaviourKind
    }
    return Sighting(
        instance,
        min(one.at for one in seen),
        tuple(named[BehaviourKind.PROCESS]),
        tuple(named[BehaviourKind.CONNECTION]),
    )


def _words(one: Behaviour) -> str:
    link = "under" if one.kind is BehaviourKind.PROCESS else "by"
    return f"{one.what} {link} {one.by}" if one.by else one.what


def _strength(instances: int) -> float:
    """0, one half, three quarters, ...: each further instance halves the doubt."""
    return 1.0 - 0.5**instances


def _released(service: str, first_at: float, changes: Sequence[Change]) -> bool:
    return any(
        change.service == service
        and change.kind is ChangeKind.DEPLOY
        and -tuning.CHANGE_AFTER_S <= first_at - change.at <= tuning.CHANGE_FULL_S
        for change in changes
    )
