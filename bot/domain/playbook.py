"""The Playbook: a reviewed response as data. Loading and linting live in `adapters/playbooks`; this is its shape."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.evidence import CauseClass


class Tier(StrEnum):
    """Ceiling of autonomy that a playbook allows."""

    OBSERVE = "observe"
    SUPERVISED = "supervised"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Input:
    """One typed input. `type` is integer or a target kind; `source` says where its value comes from in the inventory.

    Sources: `incident.suspect` (a live target of the suspect) or `target.FIELD` (a live field of that target).
    """

    name: str
    type: str
    source: str
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class Precondition:
    """A live field of the target that must hold when binding and again when executing.

    `operator` is one of ==, !=, <, <=, >, >=; `value` a constant or `inputs.NAME`.
    """

    name: str
    field: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class PlaybookStep:
    """One use of a catalogue action; `arguments` maps its parameters to `inputs.NAME` or a constant."""

    id: str
    name: str
    uses: str
    arguments: Mapping[str, str | int]
    irreversible: bool = False


@dataclass(frozen=True, slots=True)
class VerifyCheck:
    """After the steps: `signal` of the suspect must be below `below_milli` thousandths within `within_s` seconds."""

    signal: str
    below_milli: int
    within_s: int


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
    offer: str = "first"
