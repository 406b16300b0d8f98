"""The post-mortem draft: a reading of the log, in Markdown, every sentence with the events that it rests on.

[#12] is event 12 of the incident's log, [E3] a piece of its evidence. Nothing here is invented: what the log
does not say is listed as open for the humans to fill in.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from bot.domain.event import Event, EventType
from bot.domain.evidence import Conclusion, Diagnosis, EvidenceRole
from bot.domain.incident import Incident, OptionView

MOST_TIMELINE_ROWS = 40
_DAY_MS = 86_400_000


def draft(incident: Incident, events: Sequence[Event]) -> str:
    """The whole draft; `events` are the incident's log, oldest first."""
    parts = [
        f"# Post-mortem {incident.key}: {_plain(incident.title)}",
        "*Drafted from the log by Watchkeeper; a human has not edited it yet.*",
        "## Summary",
        *_summary(incident, events),
        "## Impact",
        *_impact(incident, events),
        "## Root cause",
        *_cause(incident, events),
        "## Timeline (UTC)",
        *_timeline(incident),
        "## What was done",
        *_actions(incident, events),
        "## Open for the humans",
        *_open_questions(incident),
        f"---\nLog: {len(events)} events, head `{incident.head}`.",
    ]
    return "\n\n".join(part for part in parts if part)


def _summary(incident: Incident, events: Sequence[Event]) -> list[str]:
    lasted = f"open for {_span(incident.resolved_ms - incident.opened_ms)}"
    declared = _cite(events, EventType.INCIDENT_DECLARED)
    closed = _cite(events, EventType.STATUS_CHANGED, last=True)
    ended = f"still open {declared}" if incident.state.open else f"{lasted} {declared}{closed}"
    text = f"{incident.severity.label} incident of {_day_and_time(incident.opened_ms)}, {ended}."
    planned = []
    if incident.planned_event:
        matched = _cite(events, EventType.PLANNED_EVENT_MATCHED)
        planned = [f"It fell inside the planned event *{_plain(incident.planned_event)}* {matched}."]
    if planned and incident.diagnosis is None:
        return [text, *planned]  # Nobody looked into what maintenance quietens.
    return [text, *planned, _verdict(incident.diagnosis, events)]


def _verdict(diagnosis: Diagnosis | None, events: Sequence[Event]) -> str:
    """What is known of the cause; a guess is called one."""
    ranked = _cite(events, EventType.HYPOTHESES_RANKED, last=True)
    if diagnosis is not None and diagnosis.conclusion is Conclusion.EXPECTED_LOAD:
        return f"The load was expected and nothing was broken {ranked}."
    if diagnosis is not None and diagnosis.conclusion is Conclusion.NO_INCIDENT:
        return f"Nothing was outside its normal range when it was looked into {ranked}."
    if diagnosis is None or not diagnosis.hypotheses:
        return f"No cause was found {ranked}.".replace(" .", ".")
    top = diagnosis.hypotheses[0]
    named = f"{_plain(top.service)} ({top.cause.value.replace('_', ' ')}), confidence {top.confidence:.2f}"
    if diagnosis.conclusion is Conclusion.CAUSE_FOUND:
        return f"Cause: {named} {ranked}."
    return f"No cause was established; the best guess was {named} {ranked}."


def _impact(incident: Incident, events: Sequence[Event]) -> list[str]:
    services = incident.services or {}
    named = ", ".join(_plain(name) for name in sorted(services, key=lambda one: (-services[one], one))[:8])
    folded = _cite(events, EventType.ALERTS_FOLDED)
    rest = f" and {len(services) - 8} more" if len(services) > 8 else ""
    counted = f"{incident.alerts_total} alerts from {len(services)} services ({named}{rest}) {folded}."
    found = incident.diagnosis.classification if incident.diagnosis else None
    if found is None or not found.severity:
        return [counted]
    ranked = _cite(events, EventType.HYPOTHESES_RANKED, last=True)
    suffering = ", ".join(_plain(name) for name in found.impact.services[:5])
    who = f"; it hurt {suffering}" if suffering else ""
    return [
        counted,
        f"By what was measured: SEV{found.severity}, {_plain(found.severity_because)}{who} {ranked}.",
    ]


def _cause(incident: Incident, events: Sequence[Event]) -> list[str]:
    diagnosis = incident.diagnosis
    if diagnosis is None:
        return ["No investigation ended before the incident did."]
    ranked = _cite(events, EventType.HYPOTHESES_RANKED, last=True)
    lines = []
    if diagnosis.hypotheses and diagnosis.conclusion is not Conclusion.NO_INCIDENT:
        top = diagnosis.hypotheses[0]
        lines = [f"- {_plain(reason)} {ranked}" for reason in top.because]
        if top.path:
            lines.append(
                f"- Path from cause to symptom: {' → '.join(_plain(node) for node in top.path)} {ranked}"
            )
    collected = _cite(events, EventType.EVIDENCE_COLLECTED, last=True)
    facts = [
        f"- [{item.id}] {_plain(item.text)} ({item.role.value.replace('_', ' ')}) {collected}"
        for item in diagnosis.evidence
    ]
    ruled_out = [item for item in diagnosis.evidence if item.role is EvidenceRole.RULED_OUT]
    note = (
        f"{len(ruled_out)} other explanations were looked at and ruled out {collected}." if ruled_out else ""
    )
    return ["\n".join(lines), "Evidence:\n\n" + "\n".join(facts) if facts else "", note]


def _timeline(incident: Incident) -> list[str]:
    rows = incident.timeline
    skipped = ""
    if len(rows) > MOST_TIMELINE_ROWS:
        half = MOST_TIMELINE_ROWS // 2
        skipped = f"({len(rows) - MOST_TIMELINE_ROWS} rows in the middle are in the log only.)"
        rows = (*rows[:half], *rows[-half:])
    days = len({row.at_ms // _DAY_MS for row in rows})
    lines = [
        f"- {_clock(row.at_ms, dated=days > 1)} {_plain(row.text)}{_by(row.by)} [#{row.seq}]" for row in rows
    ]
    return ["\n".join(lines), skipped]


def _actions(incident: Incident, events: Sequence[Event]) -> list[str]:
    tried = [option for option in incident.options if option.approved_by or option.order]
    if not tried:
        return [f"Nothing was changed by Watchkeeper {_cite(events, EventType.STATUS_CHANGED, last=True)}."]
    return ["\n".join(_action(option, events) for option in tried)]


def _action(option: OptionView, events: Sequence[Event]) -> str:
    kind = EventType.ORDER_FIRED if option.order else EventType.APPROVAL_GRANTED
    who = (
        f"started by standing order {option.order}"
        if option.order
        else f"approved by <@{option.approved_by}>"
    )
    granted = _cite_plan(events, kind, option.plan_hash)
    ended = _cite_plan(events, EventType.EXECUTION_FINISHED, option.plan_hash)
    verified = _cite_plan(events, EventType.VERIFIED, option.plan_hash)
    outcome = {True: f", verified {verified}", False: f", verification failed {verified}", None: ""}
    commands = "; ".join(f"`{' '.join(step['command'])}`" for step in option.plan["steps"])
    return (
        f"- {_plain(str(option.plan['title']))}, {who} {granted}: {commands}. "
        f"Ended {option.state.value} {ended}{outcome[option.verified]}.{_withdrawn(option, events)}"
    )


def _withdrawn(option: OptionView, events: Sequence[Event]) -> str:
    if not option.order_withdrawn:
        return ""
    cited = _cite_plan(events, EventType.ORDER_REVOKED, option.plan_hash)
    return f" The standing order is withdrawn: {_plain(option.order_withdrawn)} {cited}."


def _open_questions(incident: Incident) -> list[str]:
    missing = incident.diagnosis.missing if incident.diagnosis else ()
    lines = [f"- Evidence that could not be had: {_plain(reason)}" for reason in missing]
    return [
        "\n".join(
            [
                *lines,
                "- What went well, what went badly, where were we lucky?",
                "- Follow-up actions with owners.",
            ]
        )
    ]


def _cite(events: Iterable[Event], kind: EventType, *, last: bool = False) -> str:
    found = [event.seq for event in events if event.type is kind]
    if not found:
        return ""
    return f"[#{found[-1] if last else found[0]}]"


def _cite_plan(events: Iterable[Event], kind: EventType, plan_hash: str) -> str:
    found = [event.seq for event in events if event.type is kind and event.body.get("plan_hash") == plan_hash]
    return f"[#{found[-1]}]" if found else ""


def _plain(text: str) -> str:
    """Keep other people's words from becoming Markdown or a mention."""
    kept = text.replace("\n", " ").replace("<", "‹").replace(">", "›").replace("`", "'")
    return kept.replace("[", "(").replace("](", ")(") if "](" in kept else kept


def _by(user: str) -> str:
    return f" — <@{user}>" if user else ""


def _clock(at_ms: int, *, dated: bool) -> str:
    """The time, with its date where the whole takes more than a day."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%m-%d %H:%M:%S" if dated else "%H:%M:%S")


def _day_and_time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _span(milliseconds: int) -> str:
    seconds = max(0, milliseconds // 1000)
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h {seconds % 3600 // 60} min"
