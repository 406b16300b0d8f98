"""What a pod is asked to be: containers, probes, placement and what it refers to; one shape for pod and template."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain


@dataclass(frozen=True, slots=True)
class Port:
    """A port that a container declares."""

    number: int
    protocol: str = "TCP"
    name: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """`how` is http, https, tcp, grpc or exec; `port` a number or a port's name as text; times in seconds."""

    how: str
    port: str = ""
    path: str = ""
    delay_s: float = 0.0
    period_s: float = 10.0
    timeout_s: float = 1.0
    failures: int = 3


@dataclass(frozen=True, slots=True)
class Reference:
    """Something that must exist for the pod to start: kind is secret, configmap, claim or pull_secret."""

    kind: str
    name: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class ContainerState:
    """What the kubelet last said of a container; `last_*` describe the run before this one."""

    state: str = ""
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    restarts: int = 0
    ready: bool = False
    last_reason: str = ""
    last_exit: int | None = None
    last_message: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """A container as asked for, with its state where it is one of a pod. CPU in cores, memory in bytes."""

    name: str
    image: str = ""
    ports: tuple[Port, ...] = ()
    requests: Mapping[str, float] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    liveness: Probe | None = None
    readiness: Probe | None = None
    startup: Probe | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[str, ...] = ()
    arguments: str = ""
    init: bool = False
    state: ContainerState = field(default_factory=ContainerState)


@dataclass(frozen=True, slots=True)
class Requirement:
    """One expression of a selector: In, NotIn, Exists, DoesNotExist, Gt or Lt."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels satisfies the expression."""
        have = labels.get(self.key)
        if self.operator == "Exists":
            return have is not None
        if self.operator == "DoesNotExist":
            return have is None
        if self.operator == "NotIn":
            return have not in self.values
        if self.operator in ("Gt", "Lt"):
            if have is None or not have.isdigit() or not self.values or not self.values[0].isdigit():
                return False
            return (
                int(have) > int(self.values[0]) if self.operator == "Gt" else int(have) < int(self.values[0])
            )
        return have in self.values


@dataclass(frozen=True, slots=True)
class Toleration:
    """A taint that the pod tolerates; empty key with Exists tolerates all, empty effect every effect."""

    key: str
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


@dataclass(frozen=True, slots=True)
class Apart:
    """A required anti-affinity: no pod that satisfies `needs` may run in the same topology domain."""

    needs: tuple[Requirement, ...]
    topology: str


@dataclass(frozen=True, slots=True)
class PodSpec:
    """Placement, identity and containers of a pod or of a workload's template.

    `affinity` is a choice of conjunctions; `dns` the name servers that the pod insists on.
    """

    containers: tuple[Container, ...] = ()
    node_selector: Mapping[str, str] = field(default_factory=dict)
    affinity: tuple[tuple[Requirement, ...], ...] = ()
    apart: tuple[Apart, ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    service_account: str = ""
    references: tuple[Reference, ...] = ()
    dns: tuple[str, ...] = ()
    dns_policy: str = ""

    @property
    def served(self) -> tuple[Container, ...]:
        """The containers that run after the init containers."""
        return tuple(one for one in self.containers if not one.init)

    def named(self, kind: str) -> Iterator[Reference]:
        """References of one kind that are not optional."""
        return (one for one in self.references if one.kind == kind and not one.optional)

    def ports(self) -> tuple[Port, ...]:
        """All ports that its containers declare."""
        return tuple(chain.from_iterable(one.ports for one in self.served))
