"""fold(): from the log of an incident to the Incident. Each function below is the contract of one event's body.

Bodies (JSON): incident_declared {number, title, severity, reason, key, own_channel, observe_only, looked_into, by} ·
alerts_folded {count, firing, resolved, total, still_firing, services{name: n}, joins{reason: n},
said{name: [key]}, candidate, candidate_why, raw_ids[], digest} · alerts_moved {way, other, count, firing,
services{name: n}, said{name: [key]}, reason, by} · status_changed {to, reason, by} · severity_changed {to, reason, by, own_channel} ·
planned_event_matched {id, title, ends_at, effect, services[]} · planned_event_ended {title, firing} · investigation_requested {by, reason} ·
investigation_started {reason} · evidence_collected {evidence[], missing[]} ·
hypotheses_ranked {conclusion, hypotheses[], engine, symptoms[[service, callee]], apart[]} · explained {author, status, sentences[], dropped,
prompt_sha256} · options_proposed {options[{letter, plan_hash, plan}], withheld[[playbook, reason]]} ·
options_queued {open, most} · approval_noted {plan_hash, by, verb, at_ms, reason} ·
approval_granted {plan_hash, by, at_ms, reason, seconded_by} ·
approval_refused {plan_hash, by, rule, text, unlogged} · plan_rejected
{plan_hash, by, why} · plan_expired {plan_hash} · execution_claimed {plan_hash, epoch} · execution_refused
{plan_hash, rule, text} · attempt_failed {plan_hash, step, phase, attempt, reason} · step_intended / step_done / step_failed / step_parked {plan_hash, step, phase, detail} ·
verified {plan_hash, verified, checks[]} · execution_finished {plan_hash, state, text} · stop_requested {by} ·
order_fired {order, order_hash, plan_hash, incident, at_ms,
confidence_milli} · order_revoked {order, order_hash, by, why, plan_hash} · message_posted {kind, channel, ts} · note_added {by, text} · postmortem_drafted {chars, sha256}.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from bot.domain import event_sentences
from bot.domain.event import Event, EventType
from bot.domain.evidence_json import (
    diagnosis_with_evidence,
    diagnosis_with_ranking,
    explanation_from_json,
)
from bot.domain.incident import (
    LOOSE_KEY,
    Agreement,
    CheckView,
    Incident,
    IncidentState,
    OptionView,
    Severity,
    StepView,
    TimelineEntry,
)
from bot.domain.plan import PlanState

_MOST_SPEAKERS = 500


def fold(events: Iterable[Event]) -> Incident | None:
    """Read a whole incident log, oldest first; None for an empty one."""
    incident: Incident | None = None
    for event in events:
        incident = apply(incident, event)
    return incident


def apply(incident: Incident | None, event: Event) -> Incident:
    """One step of the fold; raises ValueError where a log does not begin with its declaration."""
    if incident is None:
        if event.type is not EventType.INCIDENT_DECLARED:
            message = f"log {event.chain} begins with {event.type}"
            raise ValueError(message)
        return _declared(event)
    changed = _READERS[event.type](incident, event)
    return _stamped(changed, event)


def _stamped(incident: Incident, event: Event) -> Incident:
    sentence = event_sentences.sentence(event)
    timeline = incident.timeline
    if sentence:
        timeline = (
            *timeline,
            TimelineEntry(event.seq, event.at_ms, sentence, str(event.body.get("by", ""))),
        )
    return replace(incident, seq=event.seq, head=event.mac.hex()[:12], timeline=timeline)


def _declared(event: Event) -> Incident:
    body = event.body
    incident = Incident(
        id=event.chain,
        tenant=event.tenant,
        number=body["number"],
        title=body["title"],
        severity=Severity(body["severity"]),
        state=IncidentState.INVESTIGATING,
        opened_ms=event.at_ms,
        seq=event.seq,
        head="",
        channel_wanted=body["own_channel"],
        observe_only=body["observe_only"],
        looked_into=bool(body.get("looked_into", True)),
        loose_ends=str(body.get("key", "")).startswith(LOOSE_KEY),
        services={},
        joins={},
        requesters=_added((), body.get("by", "")),
    )
    return _stamped(incident, event)


def _alerts_folded(incident: Incident, event: Event) -> Incident:
    body = event.body
    services = dict(incident.services or {})
    for service, count in body["services"].items():
        services[service] = services.get(service, 0) + count
    joins = dict(incident.joins or {})
    for reason, count in body["joins"].items():
        joins[reason] = joins.get(reason, 0) + count
    return replace(
        incident,
        alerts_total=body["total"],
        alerts_firing=body["still_firing"],
        services=services,
        joins=joins,
        said=_heard(incident, body),
        candidate=body.get("candidate") or incident.candidate,
        candidate_why=body.get("candidate_why") or incident.candidate_why,
    )


def _alerts_moved(incident: Incident, event: Event) -> Incident:
    """The alerts came from another incident, or went to one."""
    body = event.body
    sign = 1 if body["way"] == "in" else -1
    services = dict(incident.services or {})
    joins = dict(incident.joins or {})
    for service, count in body["services"].items():
        services[service] = services.get(service, 0) + sign * count
    if sign > 0:
        joins["merged"] = joins.get("merged", 0) + body["count"]
    return replace(
        incident,
        alerts_total=max(0, incident.alerts_total + sign * body["count"]),
        alerts_firing=max(0, incident.alerts_firing + sign * body["firing"]),
        services={service: count for service, count in services.items() if count > 0},
        joins=joins,
        said=_heard(incident, body) if sign > 0 else incident.said,
    )


def _heard(incident: Incident, body: Mapping[str, Any]) -> Mapping[str, tuple[str, ...]]:
    """What each service said, by short keys; of a bounded number of services."""
    new = {service: tuple(keys) for service, keys in body.get("said", {}).items()}
    if not new or len(incident.said) >= _MOST_SPEAKERS:
        return incident.said
    return {**incident.said, **new}


def _status_changed(incident: Incident, event: Event) -> Incident:
    state = IncidentState(event.body["to"])
    identified = incident.identified_ms
    if state is IncidentState.IDENTIFIED and not identified:
        identified = event.at_ms
    resolved = 0 if state.open else event.at_ms
    return replace(incident, state=state, identified_ms=identified, resolved_ms=resolved)


def _severity_changed(incident: Incident, event: Event) -> Incident:
    """`own_channel` says that from here on the incident has a channel of its own."""
    body, severity = event.body, Severity(event.body["to"])
    return replace(
        incident,
        severity=severity,
        channel_wanted=incident.channel_wanted or bool(body.get("own_channel", False)),
        raised_because=body["reason"] if severity < incident.severity else "",
    )


def _planned_event(incident: Incident, event: Event) -> Incident:
    body = event.body
    return replace(
        incident,
        planned_event=body["title"],
        planned_until=body.get("ends_at", 0.0),
        planned_effect=body.get("effect", ""),
        planned_services=tuple(body.get("services", ())),
    )


def _planned_event_ended(incident: Incident, _event: Event) -> Incident:
    return replace(incident, planned_event="", planned_until=0.0, planned_effect="", planned_services=())


def _added(requesters: tuple[str, ...], by: str) -> tuple[str, ...]:
    return requesters if not by or by in requesters else (*requesters, by)


def _requested(incident: Incident, event: Event) -> Incident:
    requesters = _added(incident.requesters, event.body["by"])
    return replace(incident, requesters=requesters, queued=False, looked_into=True)


def _queued(incident: Incident, _event: Event) -> Incident:
    return replace(incident, queued=True)


def _started(incident: Incident, _event: Event) -> Incident:
    return replace(incident, investigating=True, looked_into=True)


def _evidence(incident: Incident, event: Event) -> Incident:
    return replace(incident, diagnosis=diagnosis_with_evidence(incident.diagnosis, event.body))


def _ranked(incident: Incident, event: Event) -> Incident:
    ranked = diagnosis_with_ranking(incident.diagnosis, event.body)
    symptoms = tuple((name, callee) for name, callee in event.body.get("symptoms", ()))
    apart = tuple(event.body.get("apart", ()))
    return replace(incident, diagnosis=ranked, investigating=False, symptoms=symptoms, apart=apart)


def _explained(incident: Incident, event: Event) -> Incident:
    return replace(incident, explanation=explanation_from_json(event.body))


def _proposed(incident: Incident, event: Event) -> Incident:
    kept = tuple(option for option in incident.options if option.state is not PlanState.PROPOSED)
    offered = tuple(
        OptionView(
            option["letter"],
            option["plan_hash"],
            option["plan"],
            PlanState.PROPOSED,
            requesters=incident.requesters,
        )
        for option in event.body["options"]
    )
    withheld = tuple((playbook, reason) for playbook, reason in event.body["withheld"])
    return replace(incident, options=kept + offered, withheld=withheld, queued=False)


def _option(incident: Incident, event: Event, change: Callable[[OptionView], OptionView]) -> Incident:
    wanted = event.body["plan_hash"]
    options = tuple(change(option) if option.plan_hash == wanted else option for option in incident.options)
    return replace(incident, options=options)


def _granted(incident: Incident, event: Event) -> Incident:
    body, known = event.body, incident
    if "plan" in body and option_of(incident, body["plan_hash"]) is None:
        undo = OptionView(body["plan"]["option"], body["plan_hash"], body["plan"], PlanState.GRANTED)
        known = replace(incident, options=(*incident.options, undo))

    def approved(option: OptionView) -> OptionView:
        return replace(
            option,
            state=PlanState.GRANTED,
            approved_by=body["by"],
            approved_at_ms=event.at_ms,
            reason=str(body.get("reason", "")),
            seconded_by=str(body.get("seconded_by", "")),
        )

    return _option(known, event, approved)


def _order_fired(incident: Incident, event: Event) -> Incident:
    def fired(option: OptionView) -> OptionView:
        order = event.body["order"]
        return replace(option, state=PlanState.GRANTED, order=order, approved_at_ms=event.at_ms)

    return _option(incident, event, fired)


def _order_revoked(incident: Incident, event: Event) -> Incident:
    why = event.body["why"]
    return _option(incident, event, lambda option: replace(option, order_withdrawn=why))


def _noted_approval(incident: Incident, event: Event) -> Incident:
    yes = Agreement(event.body["by"], event.body["verb"], event.at_ms)
    return _option(incident, event, lambda option: replace(option, agreed=(*option.agreed, yes)))


def _approval_refused(incident: Incident, event: Event) -> Incident:
    refusal = (event.body["by"], event.body["rule"])
    return _option(
        incident,
        event,
        lambda option: replace(option, refusals=(*option.refusals, refusal)),
    )


def _to_state(state: PlanState) -> Callable[[Incident, Event], Incident]:
    def read(incident: Incident, event: Event) -> Incident:
        note = str(event.body.get("text") or event.body.get("why") or "")
        return _option(
            incident,
            event,
            lambda option: replace(option, state=state, note=note or option.note),
        )

    return read


def _finished(incident: Incident, event: Event) -> Incident:
    ended = _to_state(PlanState(event.body["state"]))(incident, event)
    return _option(ended, event, lambda option: replace(option, ended_ms=event.at_ms))


def _step(state: str) -> Callable[[Incident, Event], Incident]:
    def read(incident: Incident, event: Event) -> Incident:
        body = event.body
        new = StepView(body["step"], body["phase"], state, body.get("detail", ""), event.at_ms)

        def change(option: OptionView) -> OptionView:
            others = tuple(s for s in option.steps if (s.id, s.phase) != (new.id, new.phase))
            return replace(option, steps=(*others, new))

        return _option(incident, event, change)

    return read


def _verified(incident: Incident, event: Event) -> Incident:
    checks = tuple(CheckView(**check) for check in event.body["checks"])
    verdict = event.body["verified"]
    return _option(incident, event, lambda option: replace(option, checks=checks, verified=verdict))


def _posted(incident: Incident, _event: Event) -> Incident:
    return replace(incident, posts=incident.posts + 1)


def _noted(incident: Incident, event: Event) -> Incident:
    entry = TimelineEntry(event.seq, event.at_ms, event.body["text"], event.body["by"])
    return replace(incident, notes=(*incident.notes, entry))


def _drafted(incident: Incident, event: Event) -> Incident:
    return replace(incident, postmortem_chars=event.body["chars"])


def _same(incident: Incident, _event: Event) -> Incident:
    return incident


_READERS: Mapping[EventType, Callable[[Incident, Event], Incident]] = {
    EventType.ALERTS_FOLDED: _alerts_folded,
    EventType.ALERTS_MOVED: _alerts_moved,
    EventType.STATUS_CHANGED: _status_changed,
    EventType.SEVERITY_CHANGED: _severity_changed,
    EventType.PLANNED_EVENT_MATCHED: _planned_event,
    EventType.PLANNED_EVENT_ENDED: _planned_event_ended,
    EventType.INVESTIGATION_REQUESTED: _requested,
    EventType.INVESTIGATION_STARTED: _started,
    EventType.EVIDENCE_COLLECTED: _evidence,
    EventType.HYPOTHESES_RANKED: _ranked,
    EventType.EXPLAINED: _explained,
    EventType.OPTIONS_PROPOSED: _proposed,
    EventType.OPTIONS_QUEUED: _queued,
    EventType.APPROVAL_NOTED: _noted_approval,
    EventType.APPROVAL_GRANTED: _granted,
    EventType.APPROVAL_REFUSED: _approval_refused,
    EventType.ORDER_FIRED: _order_fired,
    EventType.ORDER_REVOKED: _order_revoked,
    EventType.PLAN_REJECTED: _to_state(PlanState.REJECTED),
    EventType.PLAN_EXPIRED: _to_state(PlanState.EXPIRED),
    EventType.EXECUTION_CLAIMED: _to_state(PlanState.RUNNING),
    EventType.EXECUTION_REFUSED: _to_state(PlanState.REFUSED),
    EventType.ATTEMPT_FAILED: _same,
    EventType.STEP_INTENDED: _step("intended"),
    EventType.STEP_DONE: _step("done"),
    EventType.STEP_FAILED: _step("failed"),
    EventType.STEP_PARKED: _step("parked"),
    EventType.VERIFIED: _verified,
    EventType.EXECUTION_FINISHED: _finished,
    EventType.STOP_REQUESTED: _same,
    EventType.MESSAGE_POSTED: _posted,
    EventType.NOTE_ADDED: _noted,
    EventType.POSTMORTEM_DRAFTED: _drafted,
}


def option_of(incident: Incident, plan_hash: str) -> OptionView | None:
    """The option with that hash, or None."""
    return next((option for option in incident.options if option.plan_hash == plan_hash), None)
