"""The Playbook: a reviewed response as data. Loading and linting live in `adapters/playbooks`; this is its shape."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.evidence import CauseClass

VALUE_TYPES = ("integer", "name")
MAIN_TARGET = "target"


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

    Sources of a target, each an exact look-up in the live inventory: `incident.suspect` (of the suspect),
    `incident.affected` (of the one other service of the incident that has such a target), `incident.instances` (those
    of the suspect that the evidence names, at most `most`) or `declared.ROLE` (the one that operators gave that role).
    A value comes from `INPUT.FIELD`, a live field of a target input. An integer is `percent` hundredths of the field,
    rounded up, and must lie in minimum..maximum.
    """

    name: str
    type: str
    source: str
    minimum: int | None = None
    maximum: int | None = None
    percent: int = 100
    most: int = 1

    @property
    def is_target(self) -> bool:
        """Whether this input names live objects, not a value."""
        return self.type not in VALUE_TYPES


@dataclass(frozen=True, slots=True)
class Precondition:
    """A live field of the target input `of` that must hold when binding and again before the plan runs.

    `operator` is ==, !=, <, <=, > or >= with `value` a constant, `INPUT.FIELD` or `inputs.NAME`; or `within`, where
    the field is a unix time in seconds and `value` the greatest age in seconds.
    """

    name: str
    field: str
    operator: str
    value: str
    of: str = MAIN_TARGET


@dataclass(frozen=True, slots=True)
class PlaybookStep:
    """One use of a catalogue action; `arguments` maps its parameters to `inputs.NAME` or an integer constant.

    `on` is the target input that it acts on; where that may hold several targets, the step is done on each in turn.
    """

    id: str
    name: str
    uses: str
    arguments: Mapping[str, str | int]
    irreversible: bool = False
    on: str = MAIN_TARGET


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
    """A whole playbook. `digest` is the SHA-256 of the file's bytes; `causes` is what it answers to.

    With `signals` it answers only where the suspect is unwell in one of them.
    """

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
    signals: tuple[str, ...] = ()

    @property
    def targets(self) -> tuple[Input, ...]:
        """The inputs that name live objects."""
        return tuple(item for item in self.inputs if item.is_target)

    @property
    def target(self) -> Input:
        """The input that names the main target; lint holds that there is exactly one."""
        return next(item for item in self.targets if item.name == MAIN_TARGET)
