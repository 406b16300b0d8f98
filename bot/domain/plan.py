"""The Plan: canonical data that a human approves by its SHA-256, and nothing else ever runs.

No floats, no clock, no templates: what the card shows is rendered from the same fields that are hashed.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from bot.domain.canonical import digest


class ActionClass(StrEnum):
    """How dangerous an action is; decides how many people must agree."""

    SAFE = "safe"
    RISKY = "risky"
    DESTRUCTIVE = "destructive"


class PlanState(StrEnum):
    """Life of a plan row. Every move is one UPDATE ... WHERE state = ..."""

    PROPOSED = "proposed"
    GRANTED = "granted"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    PARKED = "parked"
    REFUSED = "refused"
    REJECTED = "rejected"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Target:
    """A thing in the live inventory. `uid` is its identity there, so that a recreated namesake is not it."""

    kind: str
    name: str
    scope: str
    uid: str
    service: str


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One action with bound parameters. `command` is what the executor runs, as shown; `undo` likewise or None.

    `expect` are preconditions read just before the call: {field of the live object: value as a string}. `stdin` is
    what the command reads, where it reads anything.
    """

    id: str
    action: str
    target: Target
    params: Mapping[str, str | int]
    command: tuple[str, ...]
    expect: Mapping[str, str]
    undo_params: Mapping[str, str | int] | None = None
    undo_command: tuple[str, ...] | None = None
    stdin: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A verification: `signal` of `service` must pass `bound_milli` (thousandths) within `within_s` seconds."""

    signal: str
    service: str
    below_milli: int
    within_s: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A bound playbook. `undoes` holds the hash of the plan that this one reverses, or an empty string."""

    tenant: str
    incident: str
    option: str
    playbook: str
    playbook_digest: str
    title: str
    klass: ActionClass
    steps: tuple[PlannedStep, ...]
    checks: tuple[Check, ...]
    blast_radius: Mapping[str, int]
    created_ms: int
    expires_ms: int
    nonce: str
    on_failure: str = "rollback"
    undoes: str = ""

    def to_json(self) -> dict[str, Any]:
        """The canonical content, ready for `canonical()`."""
        return asdict(self)

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical content: the identity that is shown, approved and executed."""
        return digest(self.to_json())

    @property
    def reversible(self) -> bool:
        """Whether every step has a declared inverse."""
        return all(step.undo_params is not None for step in self.steps)

    @property
    def undoable(self) -> bool:
        """Whether an undo has anything to do: some step has an inverse command."""
        return any(step.undo_command for step in self.steps)


def plan_from_json(data: Mapping[str, Any]) -> Plan:
    """Rebuild a plan from its canonical content; raises KeyError, TypeError or ValueError when it is not one."""
    return Plan(
        tenant=data["tenant"], incident=data["incident"], option=data["option"], playbook=data["playbook"],
        playbook_digest=data["playbook_digest"], title=data["title"], klass=ActionClass(data["klass"]),
        steps=tuple(_step(step) for step in data["steps"]),
        checks=tuple(Check(**check) for check in data["checks"]),
        blast_radius=dict(data["blast_radius"]), created_ms=data["created_ms"], expires_ms=data["expires_ms"],
        nonce=data["nonce"], on_failure=data["on_failure"], undoes=data["undoes"],
    )  # fmt: skip


def _step(data: Mapping[str, Any]) -> PlannedStep:
    undo = data["undo_command"]
    return PlannedStep(
        id=data["id"], action=data["action"], target=Target(**data["target"]), params=dict(data["params"]),
        command=tuple(data["command"]), expect=dict(data["expect"]),
        undo_params=None if data["undo_params"] is None else dict(data["undo_params"]),
        undo_command=None if undo is None else tuple(undo), stdin=data["stdin"],
    )  # fmt: skip
