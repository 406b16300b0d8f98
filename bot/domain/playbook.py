"""The Playbook: a reviewed response as data. Loading and linting live in `adapters/playbooks`; this is its shape."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.evidence import CauseClass

TARGET_KINDS = ("k8s.deployment", "ecs.service")
# Live fields that a playbook may bind or test, per target kind; `domain/actions` says what each one means.
LIVE_FIELDS: Mapping[str, frozenset[str]] = {
    "k8s.deployment": frozenset(
        {"replicas", "updated", "ready", "revision", "image", "template_hash"}
        | {"previous_revision", "previous_image", "previous_template_hash"}
    ),
    "ecs.service": frozenset(
        {"status", "desired_count", "running_count", "task_definition", "previous_count", "scaled_at"}
    ),
}


class Tier(StrEnum):
    """Ceiling of autonomy that a playbook allows."""

    OBSERVE = "observe"
    SUPERVISED = "supervised"
    AUTO = "auto"


class Offer(StrEnum):
    """Where a playbook stands among the options: a remedy, or a companion that comes last."""

    FIRST = "first"
    COMPANION = "companion"


@dataclass(frozen=True, slots=True)
class Input:
    """One typed input. `type` is integer, name or a target kind; `source` says where in the inventory it comes from.

    Sources: `incident.suspect` (a live target of the suspect) or `target.FIELD` (a live field of that target).
    An integer is `percent` hundredths of the field, rounded up, and must lie in minimum..maximum.
    """

    name: str
    type: str
    source: str
    minimum: int | None = None
    maximum: int | None = None
    percent: int = 100


@dataclass(frozen=True, slots=True)
class Precondition:
    """A live field of the target that must hold when binding.

    `operator` is ==, !=, <, <=, > or >= with `value` a constant, `target.FIELD` or `inputs.NAME`; or `within`, where
    the field is a unix time in seconds and `value` the greatest age in seconds.
    """

    name: str
    field: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class PlaybookStep:
    """One use of a catalogue action; `arguments` maps its parameters to `inputs.NAME` or an integer constant."""

    id: str
    name: str
    uses: str
    arguments: Mapping[str, str | int]
    irreversible: bool = False


@dataclass(frozen=True, slots=True)
class VerifyCheck:
    """After the steps: `signal` must be below `below_milli` thousandths within `within_s` seconds.

    `of` is `suspect`, or `affected`: the suspect and every service that showed the symptom in this signal.
    """

    signal: str
    below_milli: int
    within_s: int
    of: str = "suspect"


@dataclass(frozen=True, slots=True)
class Playbook:
    """A whole playbook. `digest` is the SHA-256 of the file's bytes; `causes` is what it answers to."""

    id: str
    version: int
    name: str
    digest: str
    causes: tuple[CauseClass, ...]
    inputs: tuple[Input, ...]
    tier: Tier
    approvals: int
    expires_s: int
    blast_radius: Mapping[str, int]
    preconditions: tuple[Precondition, ...]
    steps: tuple[PlaybookStep, ...]
    verify: tuple[VerifyCheck, ...]
    on_failure: str
    path: str
    offer: Offer = Offer.FIRST

    @property
    def target(self) -> Input:
        """The one input that names the target; lint holds that there is exactly one."""
        return next(item for item in self.inputs if item.type in TARGET_KINDS)
