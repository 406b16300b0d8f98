"""The state of one namespace and its nodes at one moment, as every rule sees it; who read it and how is elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.diagnosis.cluster.podspec import PodSpec


@dataclass(frozen=True, slots=True)
class Pod:
    """`workload` is the name of what owns it at the top; `conditions` type to status; `reason` the phase's."""

    name: str
    workload: str
    labels: Mapping[str, str]
    spec: PodSpec
    node: str = ""
    address: str = ""
    phase: str = ""
    reason: str = ""
    message: str = ""
    conditions: Mapping[str, str] = field(default_factory=dict)
    deleted: bool = False

    @property
    def ready(self) -> bool:
        """Whether it runs and may get traffic."""
        return (
            self.phase == "Running" and self.conditions.get("Ready", "False") == "True" and not self.deleted
        )


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment, StatefulSet or DaemonSet; `labels` are those of its template. `current` counts its pods."""

    kind: str
    name: str
    labels: Mapping[str, str]
    spec: PodSpec
    desired: int
    ready: int
    current: int
    service: str = ""


@dataclass(frozen=True, slots=True)
class ServicePort:
    """A port of a Service; `target` a number or a port's name as text."""

    number: int
    target: str
    protocol: str = "TCP"
    name: str = ""


@dataclass(frozen=True, slots=True)
class ServiceEntry:
    """A Service. `endpoints` are ready addresses, None where they were not read."""

    name: str
    selector: Mapping[str, str]
    ports: tuple[ServicePort, ...]
    kind: str = "ClusterIP"
    address: str = ""
    external_name: str = ""
    endpoints: tuple[str, ...] | None = None

    @property
    def open_to_users(self) -> bool:
        """Whether it is reachable from outside the cluster."""
        return self.kind in ("NodePort", "LoadBalancer")


@dataclass(frozen=True, slots=True)
class Claim:
    """A PersistentVolumeClaim; `asked` bytes; `storage_class` None where none is named (the default is meant)."""

    name: str
    phase: str
    asked: float = 0.0
    modes: tuple[str, ...] = ()
    storage_class: str | None = None
    selector: Mapping[str, str] = field(default_factory=dict)
    volume: str = ""


@dataclass(frozen=True, slots=True)
class Volume:
    """A PersistentVolume; `claim` is namespace/name of the claim that holds or held it."""

    name: str
    phase: str
    capacity: float = 0.0
    modes: tuple[str, ...] = ()
    storage_class: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    claim: str = ""


@dataclass(frozen=True, slots=True)
class StorageClass:
    """A StorageClass."""

    name: str
    provisioner: str = ""
    default: bool = False


@dataclass(frozen=True, slots=True)
class Taint:
    """A node's taint."""

    key: str
    value: str = ""
    effect: str = "NoSchedule"


@dataclass(frozen=True, slots=True)
class NodeCondition:
    """A node's condition as the node or its controller last gave it."""

    status: str
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A node; `free` is what pods' requests leave of CPU cores and memory bytes, where that was read."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    cordoned: bool = False
    conditions: Mapping[str, NodeCondition] = field(default_factory=dict)
    allocatable: Mapping[str, float] = field(default_factory=dict)
    free: Mapping[str, float] = field(default_factory=dict)

    @property
    def control_plane(self) -> bool:
        """Whether it carries a label or taint of the control plane."""
        marks = {*self.labels, *(taint.key for taint in self.taints)}
        role = self.labels.get("kubernetes.io/role", "")
        return role in ("master", "control-plane") or any(
            f"node-role.kubernetes.io/{name}" in marks for name in ("master", "control-plane")
        )

    @property
    def usable(self) -> bool:
        """Whether it is ready and takes pods."""
        ready = self.conditions.get("Ready")
        return not self.cordoned and (ready is None or ready.status == "True")


@dataclass(frozen=True, slots=True)
class Quota:
    """A ResourceQuota: what is used and what is allowed, by resource name, in base units."""

    name: str
    used: Mapping[str, float]
    hard: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Event:
    """An event; `kind` in lower case as `pod`, `replicaset`, `node`; `age_s` seconds before the reading."""

    kind: str
    name: str
    reason: str
    message: str
    warning: bool
    count: int = 1
    age_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Daemon:
    """A system service of a node: kubelet, the container runtime, kube-proxy, the scheduler."""

    node: str
    name: str
    active: bool
    text: str = ""


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether a Service's port accepted a connection, from a node where that is known (empty: from anywhere)."""

    service: str
    port: int
    open: bool
    node: str = ""


@dataclass(frozen=True, slots=True)
class LogSample:
    """A kind of error line that a workload wrote: how often, one of them, and its share of all lines (0 unknown)."""

    workload: str
    text: str
    count: int = 1
    share: float = 0.0


class Measure(StrEnum):
    """What a metric alarm is about."""

    LATENCY = "latency"
    CPU = "cpu"
    THROTTLED = "throttled"
    MEMORY = "memory"
    TRAFFIC = "traffic"
    RETRANSMISSION = "retransmission"
    ROUND_TRIP = "round_trip"
    LOSS = "loss"
    ERRORS = "errors"


@dataclass(frozen=True, slots=True)
class Shift:
    """A level that moved: `kind` is workload or node. `before` None where only the level after it is known."""

    kind: str
    name: str
    measure: Measure
    before: float | None
    after: float
    text: str = ""

    @property
    def ratio(self) -> float:
        """After over before, with a floor so that a jump from nothing stays finite."""
        return self.after / max(self.before, 1e-3) if self.before is not None else 1.0


@dataclass(frozen=True, slots=True)
class ClusterState:
    """Everything read of a namespace. A set of names is None where it was not read, so that absence means nothing.

    `calls` is the known call graph, caller to callees. `routes` are Ingress-like rules: host and path to service
    and port.
    """

    namespace: str
    pods: tuple[Pod, ...] = ()
    workloads: tuple[Workload, ...] = ()
    services: tuple[ServiceEntry, ...] = ()
    claims: tuple[Claim, ...] | None = None
    volumes: tuple[Volume, ...] = ()
    storage_classes: tuple[StorageClass, ...] | None = None
    nodes: tuple[Node, ...] = ()
    quotas: tuple[Quota, ...] = ()
    events: tuple[Event, ...] = ()
    daemons: tuple[Daemon, ...] = ()
    reaches: tuple[Reach, ...] = ()
    logs: tuple[LogSample, ...] = ()
    shifts: tuple[Shift, ...] = ()
    secrets: frozenset[str] | None = None
    service_accounts: frozenset[str] | None = None
    calls: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    routes: tuple["Route", ...] = ()
    policies: tuple["Policy", ...] = ()

    def workload(self, name: str) -> Workload | None:
        """The workload of that name."""
        return next((one for one in self.workloads if one.name == name), None)

    def service(self, name: str) -> ServiceEntry | None:
        """The Service of that name."""
        return next((one for one in self.services if one.name == name), None)

    def events_of(self, kind: str, name: str) -> tuple[Event, ...]:
        """Events about one object, newest first."""
        found = [one for one in self.events if one.kind == kind and one.name == name]
        return tuple(sorted(found, key=lambda one: (one.age_s, one.reason, one.message)))


@dataclass(frozen=True, slots=True)
class Route:
    """A rule of an Ingress or gateway: `owner` holds it, and sends `path` to `service` at `port` (0 unknown)."""

    owner: str
    path: str
    service: str
    port: int = 0


@dataclass(frozen=True, slots=True)
class Policy:
    """A NetworkPolicy that selects pods for ingress; `open` when some rule lets other pods of the namespace in."""

    name: str
    selector: Mapping[str, str]
    open: bool
