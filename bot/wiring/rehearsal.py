"""A rehearsal: a playbook bound to the live inventory for a service that a person names, and tried without any effect.

It makes no plan, asks for no approval and writes nothing: not to the store, and not to production. The executors' own
dry run is asked only where write credentials are configured here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.actions.table import action_of
from bot.domain.binding import Bound, bind
from bot.domain.errors import WatchkeeperError
from bot.domain.evidence import (
    Conclusion,
    Diagnosis,
    Evidence,
    EvidenceKind,
    EvidenceRole,
    Hypothesis,
)
from bot.domain.plan import PlannedStep
from bot.domain.playbook import Playbook
from bot.domain.trust import Trust
from bot.pipeline.find_targets import find_targets
from bot.settings import Settings
from bot.wiring import executor
from bot.wiring.inventories import inventories
from bot.wiring.parts import SystemClock


@dataclass(frozen=True, slots=True)
class Named:
    """What a person names in place of a diagnosis: the suspect, services that it struck, single instances of it."""

    service: str
    affected: Sequence[str] = ()
    instances: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Tried:
    """What the executor's dry run said to a step: `trouble` is empty where it would do it, None where none was asked."""

    step: PlannedStep
    trouble: str | None


def rehearse(playbook: Playbook, named: Named, settings: Settings) -> tuple[Bound, list[Tried]]:
    """Bind and try every step; raises Refused or Permanent with the sentence why it cannot be bound."""
    now = SystemClock().now()
    found = find_targets(playbook, _diagnosis(playbook, named, now), inventories(settings))
    bound = bind(playbook, found, now=now)
    executors = executor.executors(settings)
    tried = []
    for step in bound.steps:
        acting = executors.get(action_of(step.action).executor)
        trouble = None
        if acting is not None:
            try:
                acting.dry_run(step)
                trouble = ""
            except WatchkeeperError as error:
                trouble = str(error)
        tried.append(Tried(step, trouble))
    return bound, tried


def _diagnosis(playbook: Playbook, named: Named, now: float) -> Diagnosis:
    """The diagnosis that would lead to this playbook; nothing but the names in it is used."""
    symptoms = [(service, "") for service in named.affected]
    own = [(named.service, instance) for instance in named.instances]
    evidence = tuple(
        Evidence(
            id=f"E{number}",
            kind=EvidenceKind.METRIC,
            role=EvidenceRole.SYMPTOM,
            service=service,
            at=now,
            text="named by a person",
            source="rehearsal",
            trust=Trust.OPERATOR,
            value={"instance": instance} if instance else {},
        )
        for number, (service, instance) in enumerate([*symptoms, *own], start=1)
    )
    top = Hypothesis(named.service, playbook.causes[0], 1.0, (), ())
    return Diagnosis(Conclusion.CAUSE_FOUND, (top,), evidence)
