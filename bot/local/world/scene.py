"""What one drawn scenario consists of: data only, filled by the files under `scenes/`, played by `run.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from bot.local.cluster.builder import Workload
from bot.local.world.databases import FloodPlan
from bot.local.world.heaps import HeapPlan
from bot.local.world.physics import Curve, System
from bot.local.world.recording import Recording

Ends = Literal["fixed", "explained", "left-alone", "warned"]


@dataclass(frozen=True)
class ScaleRecord:
    """One past change of an ECS service's desired count, as CloudTrail holds it."""

    at: float
    count: int
    user: str


@dataclass(frozen=True)
class EcsService:
    """An ECS service with its history, oldest first; the first entry is its creation."""

    name: str
    image: str
    history: tuple[ScaleRecord, ...]


@dataclass(frozen=True)
class ImageReaction:
    """The driver follows the share of the Deployment's ready pods that run the image."""

    driver: str
    service: str
    image: str


@dataclass(frozen=True)
class CountReaction:
    """The driver follows an ECS service's running count: 0 at `calm`, 1 at `full`, bounded by 0 and `most`."""

    driver: str
    service: str
    calm: int
    full: int
    most: float = 1.0


@dataclass(frozen=True)
class HeapReaction:
    """The driver follows the used share of a service's heap at its management door: 0 at `calm`, 1 at `full`.

    The service's running tasks share the garbage, so that both more tasks and a collection calm it.
    """

    driver: str
    service: str
    calm: float
    full: float


@dataclass(frozen=True)
class FloodReaction:
    """The driver follows the backends of a client's heaviest query class in the shared database, 1 at `full`."""

    driver: str
    service: str
    full: int


Reaction: TypeAlias = ImageReaction | CountReaction | HeapReaction | FloodReaction


@dataclass(frozen=True)
class LogTale:
    """Lines that a service writes while a driver is up: `per_bin` lines each 5 seconds at level 1."""

    service: str
    level: str
    template: str
    driver: str
    per_bin: float


@dataclass(frozen=True)
class Truth:
    """The answer, for the driver of the demo after the run."""

    root_cause: str
    kind: str
    changed_at: float | None
    fix: Mapping[str, Any] | None


@dataclass(frozen=True)
class AlertPlan:
    """How the storm is drawn: which rules, at most how many alerts (0: all), noise alerts.

    `labels` stand on every alert of the true cause, whoever wrote them.
    """

    rules: tuple[str, ...]
    limit: int = 0
    unrelated: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Strike:
    """Foreign code in the first `pods` pods of a Deployment: its executable, and whom it calls as `address:port`.

    The driver follows the share of those pods that still run and that no network policy cuts off.
    """

    service: str
    pods: int
    executable: str
    remotes: tuple[str, ...]
    since_at: float
    driver: str


@dataclass(frozen=True)
class Scene:
    """One scenario, drawn for a seed and a time `now`."""

    name: str
    seed: int
    now: float
    ends: Ends
    system: System
    curves: dict[str, Curve]
    truth: Truth
    alerts: AlertPlan
    workloads: tuple[Workload, ...] = ()
    ecs: tuple[EcsService, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    tales: tuple[LogTale, ...] = ()
    planned_event: Mapping[str, Any] | None = None
    flapping: Mapping[str, int] = field(default_factory=dict)
    recording: Recording | None = None
    heaps: tuple[HeapPlan, ...] = ()
    floods: tuple[FloodPlan, ...] = ()
    strike: Strike | None = None
