"""Evidence and hypotheses: what the engine says, each claim with the ids that it rests on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.canonical import Json
from bot.domain.trust import Trust


class EvidenceKind(StrEnum):
    """Where a piece of evidence comes from."""

    METRIC = "metric"
    LOG = "log"
    CHANGE = "change"
    TOPOLOGY = "topology"
    ALERT = "alert"
    PLANNED = "planned"
    BEHAVIOUR = "behaviour"
    TRACE = "trace"


class EvidenceRole(StrEnum):
    """What a piece of evidence does in the argument."""

    CAUSE = "cause"
    MECHANISM = "mechanism"
    SYMPTOM = "symptom"
    CONTEXT = "context"
    RULED_OUT = "ruled_out"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One citable fact. `id` is E1, E2, ... within its incident; `text` is our sentence, `quote` their words."""

    id: str
    kind: EvidenceKind
    role: EvidenceRole
    service: str
    at: float
    text: str
    source: str
    trust: Trust = Trust.WORKLOAD
    quote: str = ""
    link: str = ""
    value: Mapping[str, Json] = field(default_factory=dict)


class CauseClass(StrEnum):
    """The classes of incident that playbooks match on."""

    DEPLOY = "deploy"
    CONFIGURATION = "configuration"
    CAPACITY = "capacity"
    MEMORY = "memory"
    DEPENDENCY = "dependency"
    DATABASE_LOAD = "database_load"
    NETWORK = "network"
    INFRASTRUCTURE = "infrastructure"
    SECURITY = "security"
    PLANNED = "planned"
    UNKNOWN = "unknown"


class Conclusion(StrEnum):
    """How an investigation ends."""

    CAUSE_FOUND = "cause_found"
    NOT_CONFIDENT = "not_confident"
    EXPECTED_LOAD = "expected_load"
    NO_INCIDENT = "no_incident"


@dataclass(frozen=True, slots=True)
class Ground:
    """One signal that speaks for a hypothesis: `strength` 0..1 as found here, `weight` 0..1 as it is trusted."""

    name: str
    strength: float
    weight: float


@dataclass(frozen=True, slots=True)
class Impact:
    """Whom an incident hurts. `errors` is the worst share of failed requests at an entry, `slower` the worst latency
    ratio there; both 0 where they were not measured or not raised. `measured` of `seen` services suffer by their own
    readings; 0 where alerts stand in for readings.
    """

    services: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()
    errors: float = 0.0
    slower: float = 0.0
    measured: int = 0
    seen: int = 0


@dataclass(frozen=True, slots=True)
class Classification:
    """What kind of incident it is and how bad, each with its reasons; `severity` 1..4, 0 where nothing tells."""

    cause: CauseClass
    because: tuple[str, ...]
    severity: int
    severity_because: str
    impact: Impact


@dataclass(frozen=True, slots=True)
class Precedent:
    """A past incident that reads like this one: its id, what people call it, its title and cause, and how alike."""

    incident: str
    key: str
    title: str
    cause: str
    score: float


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One candidate cause. `confidence` is 0..1; `because` are sentences, each naming the evidence ids it uses.

    `solid` is the engine's confidence from evidence that no outsider can write; only what both reach acts by itself.
    `rules` are the ids of what decided, each with its version; `look` is what to look at or to do next.
    `grounds` are the signals that speak for it; `path_score` is the share of the path's hops that readings bear out.
    """

    service: str
    cause: CauseClass
    confidence: float
    because: tuple[str, ...]
    evidence: tuple[str, ...]
    path: tuple[str, ...] = ()
    solid: float = 0.0
    rules: tuple[str, ...] = ()
    look: tuple[str, ...] = ()
    grounds: tuple[Ground, ...] = ()
    path_score: float = 0.0


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The engine's answer: hypotheses best first, all evidence, what was missing, and how sure it is.

    `calibration` names the table that its confidences were read from; `precedents` are past incidents like it.
    """

    conclusion: Conclusion
    hypotheses: tuple[Hypothesis, ...]
    evidence: tuple[Evidence, ...]
    missing: tuple[str, ...] = ()
    engine: str = ""
    calibration: str = ""
    classification: Classification | None = None
    precedents: tuple[Precedent, ...] = ()


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an explanation with the evidence ids that it cites."""

    text: str
    cites: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Prose about a diagnosis. `author` is `engine` or the model's name; `status` says how the model pass went."""

    author: str
    status: str
    sentences: tuple[Sentence, ...] = ()
    dropped: int = 0
    prompt_sha256: str = ""
