"""What evidence sources return: raw readings of one time window, before anybody judges them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.alert import Alert
from bot.domain.calls import Calls
from bot.domain.databases import Database
from bot.domain.diagnosis.cluster.state import ClusterState
from bot.domain.errors import Retryable, WatchkeeperError
from bot.domain.log_patterns import LogPatterns
from bot.domain.topology import Topology
from bot.domain.trust import Trust


class Signal(StrEnum):
    """The metric signals that the engine knows; sources map their own queries to these names."""

    ERROR_RATIO = "error_ratio"
    AVAILABILITY = "availability"
    REQUEST_RATE = "request_rate"
    LATENCY = "latency_seconds"
    CPU = "cpu_utilisation"
    MEMORY = "memory_utilisation"
    CPU_CORES = "cpu_cores"
    MEMORY_BYTES = "memory_bytes"
    CONNECTIONS = "connections_utilisation"
    QUERY_RATE = "query_rate"
    RUNTIME_ALERTS = "runtime_alerts"


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """One signal of one service: `times` in unix seconds, ascending, and `values` of equal length.

    Both are tuples, or arrays of doubles where there are many points.
    """

    service: str
    signal: Signal
    times: Sequence[float]
    values: Sequence[float]
    link: str = ""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One log line as written by a workload; `at` in unix seconds."""

    service: str
    at: float
    text: str
    trust: Trust = Trust.PUBLIC


class ChangeKind(StrEnum):
    """What kind of change was recorded."""

    DEPLOY = "deploy"
    SCALE = "scale"
    CONFIG = "config"
    FLAG = "flag"

    @property
    def noun(self) -> str:
        """The kind as a noun in a sentence: a deploy, a scaling, a configuration change."""
        nouns = {"scale": "scaling", "config": "configuration change", "flag": "flag change"}
        return nouns.get(self.value, self.value)


@dataclass(frozen=True, slots=True)
class Change:
    """A change that a control plane recorded. `before` and `after` are absolute states (image, count, revision)."""

    service: str
    kind: ChangeKind
    at: float
    title: str
    before: str
    after: str
    actor: str = ""
    link: str = ""


class BehaviourKind(StrEnum):
    """What a runtime sensor saw a workload do."""

    PROCESS = "process"
    CONNECTION = "connection"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The first time in a window that an instance ran a process or connected out; `at` in unix seconds.

    `what` is the executable, or the remote `address:port`; `by` the parent, or the executable that connected.
    """

    service: str
    instance: str
    kind: BehaviourKind
    what: str
    by: str
    at: float


class PlannedEffect(StrEnum):
    """What a planned event does to alerts inside it: explain them, lower their severity, or only count them."""

    EXPLAIN = "explain"
    LOWER = "lower"
    SUPPRESS = "suppress"


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """A planned launch, campaign or maintenance; `services` empty means everything. Times are unix seconds.

    `entered_at` is when somebody entered it, 0 where that is not known.
    """

    id: str
    title: str
    starts_at: float
    ends_at: float
    services: tuple[str, ...] = ()
    entered_by: str = ""
    entered_at: float = 0.0
    effect: PlannedEffect = PlannedEffect.EXPLAIN

    def covers(self, service: str, at: float) -> bool:
        """Whether `service` is inside the event's scope at `at`."""
        inside = self.starts_at <= at <= self.ends_at
        return inside and (not self.services or service in self.services)


@dataclass(frozen=True, slots=True)
class Missing:
    """Evidence that was asked for and not had, with the reason in one sentence.

    `passing` says that the same question may be answered a little later.
    """

    source: str
    reason: str
    passing: bool = False


def missed(source: str, error: WatchkeeperError, about: str = "") -> Missing:
    """The gap that a failed question leaves; `about` names the part of the source that was asked."""
    return Missing(source, f"{about}: {error}" if about else str(error), isinstance(error, Retryable))


@dataclass(frozen=True, slots=True)
class Readings:
    """What one evidence source returned for a window; what it could not have stands in `missing`."""

    series: tuple[MetricSeries, ...] = ()
    logs: tuple[LogLine, ...] = ()
    changes: tuple[Change, ...] = ()
    behaviours: tuple[Behaviour, ...] = ()
    databases: tuple[Database, ...] = ()
    cluster: ClusterState | None = None
    calls: tuple[Calls, ...] = ()
    log_patterns: tuple[LogPatterns, ...] = ()
    missing: tuple[Missing, ...] = ()


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Everything that one investigation read: the input of the engine. `opened_at`, `now` are unix seconds.

    `weights` say how loudly each service alerts in all, where `alerts` are only some of its alerts.
    """

    opened_at: float
    now: float
    alerts: tuple[Alert, ...] = ()
    series: tuple[MetricSeries, ...] = ()
    logs: tuple[LogLine, ...] = ()
    changes: tuple[Change, ...] = ()
    behaviours: tuple[Behaviour, ...] = ()
    databases: tuple[Database, ...] = ()
    cluster: ClusterState | None = None
    calls: tuple[Calls, ...] = ()
    log_patterns: tuple[LogPatterns, ...] = ()
    topology: Topology = field(default_factory=Topology)
    planned_events: tuple[PlannedEvent, ...] = ()
    missing: tuple[Missing, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)

    def alerting(self) -> frozenset[str]:
        """The services that alerts name."""
        named = self.weights or {alert.service for alert in self.alerts}
        return frozenset(named) - {""}
