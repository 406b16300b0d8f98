"""propose: from a diagnosis to options A, B and C, each an exact plan; whatever is withheld says why.

Pure over what the inventories return. Nothing is offered but what a reviewed playbook and the live inventory give.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.domain.actions.table import ACTIONS, action_of
from bot.domain.binding import Bound, bind
from bot.domain.canonical import Json
from bot.domain.caps import Caps, too_much
from bot.domain.errors import Refused, Retryable, WatchkeeperError
from bot.domain.event import EventType, NewEvent
from bot.domain.evidence import CauseClass, Conclusion, Diagnosis, EvidenceKind, EvidenceRole, Hypothesis
from bot.domain.incident import Incident, OptionView
from bot.domain.plan import Check, Plan, PlanState, Target
from bot.domain.playbook import Offer, Playbook, Tier, VerifyCheck
from bot.domain.records import MessageKind
from bot.pipeline.find_targets import Live, find_targets
from bot.pipeline.prove import History, nothing_recorded, prove
from bot.ports import Inventory, Transaction

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MOST_OPTIONS = 3
MOST_AFFECTED = 6
_BUSY = (PlanState.GRANTED, PlanState.RUNNING)
# What was looked at so lately need not be looked at again; later there may be more to see.
FRESH_S = 1800.0
_FELT = (EvidenceRole.CAUSE, EvidenceRole.MECHANISM, EvidenceRole.SYMPTOM)


@dataclass(frozen=True, slots=True)
class Proposed:
    """Options by letter, best first, and the playbooks that answer the cause but are withheld, with the reason.

    `unread` says that a live inventory did not answer, so that asking again may give more options.
    """

    options: tuple[tuple[str, Plan], ...]
    withheld: tuple[tuple[str, str], ...]
    unread: bool = False


@dataclass(frozen=True, slots=True)
class _Scene:
    incident: Incident
    diagnosis: Diagnosis
    top: Hypothesis
    tenant: str
    now: float
    nonce: str
    verify_cap_s: int | None


def propose(
    incident: Incident,
    diagnosis: Diagnosis,
    *,
    playbooks: Sequence[Playbook],
    inventories: Sequence[Inventory],
    tenant: str,
    now: float,
    nonce: str,
    observe_only: bool,
    verify_cap_s: int | None = None,
    history: History = nothing_recorded,
    caps: Caps | None = None,
) -> Proposed:
    """Options for the best hypothesis. `now` in unix seconds; `verify_cap_s` shortens every verify window.

    `history` gives recorded metrics, from which it is told whether an earlier revision was good; what `caps` would
    have the executor refuse is not offered to anybody.
    """
    if not diagnosis.hypotheses:
        return Proposed((), ())
    scene = _Scene(incident, diagnosis, diagnosis.hypotheses[0], tenant, now, nonce, verify_cap_s)
    letters = _free_letters(incident)
    options: list[tuple[str, Plan]] = []
    withheld: list[tuple[str, str]] = []
    pointless: list[tuple[str, str]] = []
    unread = False
    for playbook in _in_order(playbooks, scene):
        try:
            _allowed(playbook, scene, observe_only=observe_only, room=len(options) < MOST_OPTIONS)
            found = _found(playbook, scene, inventories)
            bound, cautions = bind(playbook, found, now=scene.now), prove(playbook, found, history)
            letter = letters[len(options)]
            plan = _plan(playbook, scene, letter, bound, cautions)
            _within_caps(plan, caps)
            options.append((letter, plan))
        except WatchkeeperError as error:
            unread = unread or isinstance(error, Retryable)
            # A card has room for two reasons, and that a service has no such target is the least of them.
            nothing_there = isinstance(error, Refused) and error.rule == "target"
            (pointless if nothing_there else withheld).append((playbook.id, str(error)))
    return Proposed(tuple(options), (*withheld, *pointless), unread)


def proposed_event(proposed: Proposed) -> NewEvent:
    """The log's event for these options."""
    options: list[Json] = [
        {"letter": letter, "plan_hash": plan.hash, "plan": plan.to_json()}
        for letter, plan in proposed.options
    ]
    withheld: list[Json] = [[playbook, reason] for playbook, reason in proposed.withheld]
    return NewEvent(EventType.OPTIONS_PROPOSED, {"options": options, "withheld": withheld})


def record_proposal(tx: Transaction, incident: str, proposed: Proposed, *, now: float) -> None:
    """Store the plans and their event; options that nobody decided about are replaced and can run no more."""
    for row in tx.plans_of(incident):
        tx.move_plan(row.hash, to=PlanState.EXPIRED, frm=(PlanState.PROPOSED,))
    for _letter, plan in proposed.options:
        tx.add_plan(plan)
    tx.append(incident, [proposed_event(proposed)], at_ms=round(now * 1000))
    tx.want_message(incident, MessageKind.CARD, now=now)
    if proposed.options:
        tx.want_message(incident, MessageKind.PROPOSAL, now=now)


def _in_order(playbooks: Sequence[Playbook], scene: _Scene) -> list[Playbook]:
    felt = _signals(scene)
    matching = [
        playbook
        for playbook in playbooks
        if scene.top.cause in playbook.causes and (not playbook.signals or felt & set(playbook.signals))
    ]
    secure_first = scene.top.cause is CauseClass.SECURITY
    return sorted(
        matching, key=lambda playbook: ((playbook.offer is Offer.COMPANION) is not secure_first, playbook.id)
    )


def _signals(scene: _Scene) -> set[object]:
    """The signals in which the evidence shows the suspect itself unwell."""
    return {
        item.value.get("signal")
        for item in scene.diagnosis.evidence
        if item.kind is EvidenceKind.METRIC and item.role in _FELT and item.service == scene.top.service
    }


def _free_letters(incident: Incident) -> str:
    kept = {option.letter for option in incident.options if option.state is not PlanState.PROPOSED}
    return "".join(letter for letter in LETTERS if letter not in kept)


def _allowed(playbook: Playbook, scene: _Scene, *, observe_only: bool, room: bool) -> None:
    conclusion = scene.diagnosis.conclusion
    if conclusion is Conclusion.EXPECTED_LOAD:
        name = scene.incident.planned_event
        because = f" (planned event {name})" if name else ""
        message = f"The load is expected{because}; nothing is broken, so nothing is restarted or rolled back."
        raise Refused(message, rule="expected_load")
    looks_only = all(action_of(step.uses).read_only for step in playbook.steps)
    secure = scene.top.cause is CauseClass.SECURITY and looks_only
    if conclusion is not Conclusion.CAUSE_FOUND and not secure:
        message = "The cause is not certain enough to act on."
        raise Refused(message, rule="not_confident")
    if playbook.tier is Tier.OBSERVE and not observe_only:
        message = "Its tier is observe: it is for reading, run it by hand."
        raise Refused(message, rule="tier")
    if not room:
        message = f"{MOST_OPTIONS} options are shown already."
        raise Refused(message, rule="enough")


def _within_caps(plan: Plan, caps: Caps | None) -> None:
    why = too_much(plan, caps) if caps is not None else ""
    if why:
        message = f"The executor would refuse it: {why}."
        raise Refused(message, rule="cap")


def _found(playbook: Playbook, scene: _Scene, inventories: Sequence[Inventory]) -> dict[str, list[Live]]:
    found = find_targets(playbook, scene.diagnosis, inventories)
    for targets in found.values():
        for target, _live in targets:
            _target_is_free(playbook, scene, target)
    return found


def _target_is_free(playbook: Playbook, scene: _Scene, target: Target) -> None:
    """A run that only looks is in nobody's way, but it is not offered a second time while it is under way or fresh."""
    for option in scene.incident.options:
        if target.uid not in {step["target"]["uid"] for step in option.plan["steps"]}:
            continue
        looks, same = _looks_only(option), option.plan["playbook"] == playbook.id
        if option.state in _BUSY and (same or not looks):
            message = f"Option {option.letter} is {option.state} on {target.name}."
            raise Refused(message, rule="busy")
        fresh = option.state is PlanState.DONE and scene.now - option.ended_ms / 1000 < FRESH_S
        if same and looks and fresh:
            message = f"Option {option.letter} did it less than half an hour ago."
            raise Refused(message, rule="done_lately")


def _looks_only(option: OptionView) -> bool:
    return all(
        step["action"] in ACTIONS and ACTIONS[step["action"]].read_only for step in option.plan["steps"]
    )


def _plan(playbook: Playbook, scene: _Scene, letter: str, bound: Bound, cautions: Sequence[str]) -> Plan:
    target = bound.target
    created_ms = round(scene.now * 1000)
    checks = tuple(
        replace(check, within_s=_capped(check.within_s, scene.verify_cap_s))
        for wanted in playbook.verify
        for check in _checks(wanted, scene, target)
    )
    return Plan(
        tenant=scene.tenant,
        incident=scene.incident.id,
        option=letter,
        playbook=playbook.id,
        playbook_digest=playbook.digest,
        title=_title(playbook, bound, cautions),
        klass=bound.klass,
        steps=bound.steps,
        checks=checks,
        blast_radius=bound.blast_radius,
        created_ms=created_ms,
        expires_ms=created_ms + playbook.expires_s * 1000,
        nonce=scene.nonce,
        on_failure=playbook.on_failure,
    )


def _title(playbook: Playbook, bound: Bound, cautions: Sequence[str]) -> str:
    """What people read first, and what they must know before they approve."""
    beware = f" ({'; '.join(cautions)})" if cautions else ""
    return f"{playbook.name}: {bound.target.name}{beware}"


def _capped(within_s: int, cap_s: int | None) -> int:
    return within_s if cap_s is None else min(within_s, cap_s)


def _checks(wanted: VerifyCheck, scene: _Scene, target: Target) -> list[Check]:
    services = [target.service]
    if wanted.of == "affected":
        services += [
            service for service in _affected(wanted.signal, scene.diagnosis) if service not in services
        ]
    return [
        Check(wanted.signal, service, wanted.below_milli, wanted.within_s)
        for service in services[: 1 + MOST_AFFECTED]
    ]


def _affected(signal: str, diagnosis: Diagnosis) -> list[str]:
    """Services that the evidence shows unwell in this very signal, in the order of the argument."""
    named = [
        item.service
        for item in diagnosis.evidence
        if item.kind is EvidenceKind.METRIC and item.role in _FELT and item.value.get("signal") == signal
    ]
    return list(dict.fromkeys(named))
