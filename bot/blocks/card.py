"""The incident card: the one living message that answers what is going on, what caused it and what can be done.

It fits one phone screen; everything longer is in its thread.
"""

from bot.blocks import cause, demotion, options
from bot.blocks.ids import MENU, REVIEW, Reference, action_id
from bot.blocks.shape import (
    Block,
    Place,
    Rendered,
    actions,
    button,
    context,
    header,
    plain_text,
    rendered,
    section,
)
from bot.blocks.text import code, group_mention, line, moment, number, safe, severity_word
from bot.domain.evidence import EvidenceKind, EvidenceRole
from bot.domain.incident import Incident, IncidentState, OptionView
from bot.domain.plan import PlanState

_STATE_WORDS = {
    IncidentState.INVESTIGATING: "🔎 Investigating",
    IncidentState.IDENTIFIED: "🎯 Identified",
    IncidentState.MITIGATING: "🛠️ Mitigating",
    IncidentState.MONITORING: "👀 Monitoring",
    IncidentState.RESOLVED: "✅ Resolved",
    IncidentState.CANCELLED: "✖️ Cancelled",
}
_WRITTEN = {EvidenceKind.LOG: "a log line", EvidenceKind.ALERT: "an alert's own words"}
_MENU_ENTRIES = (
    ("timeline", "Timeline"),
    ("diagnose", "Investigate again"),
    ("stop", "Stop all runs of this incident"),
    ("regroup", "Merge or split…"),
    ("resolve", "Resolve"),
)


def render(incident: Incident, place: Place) -> Rendered:
    """The card at this revision."""
    blocks = [
        header(f"{severity_word(incident.severity)} · {incident.key} · {line(incident.title, 110)}"),
        section("\n".join(["*What's going on?*", *_going_on(incident), *_raised(incident)])),
        section("\n".join(["*What caused it?*", *cause.lines(incident)])),
        *_warning(incident),
        section("\n".join([_question(incident), *_can_do(incident)])),
        *_buttons(incident),
        context(_context(incident, place)),
    ]
    return rendered(lock_screen(incident), blocks, prefix=f"{incident.id}:card", revision=incident.seq)


def lock_screen(incident: Incident) -> str:
    """One line for phones: severity, number, title, and whether somebody is needed."""
    waiting = len(options.decidable(incident))
    need = (
        f" · {waiting} {'options need' if waiting > 1 else 'option needs'} you"
        if waiting and not incident.observe_only
        else ""
    )
    known = cause.headline(incident) if incident.state.open else _STATE_WORDS[incident.state]
    return f"{severity_word(incident.severity)} {incident.key} {safe(incident.title, 120)} — {known}{need}"


def state_words(incident: Incident) -> str:
    """Mark and word of an incident's state."""
    if incident.state is IncidentState.INVESTIGATING and not incident.looked_into:
        return "🗒️ Only counted"
    return _STATE_WORDS[incident.state]


def _going_on(incident: Incident) -> list[str]:
    services = sorted((incident.services or {}).items(), key=lambda item: (-item[1], item[0]))
    if not incident.alerts_total:
        return [f"Declared by hand at {moment(incident.opened_ms)}; no alert has joined yet."]
    firing = (
        f"{number(incident.alerts_firing)} still firing" if incident.alerts_firing else "none firing any more"
    )
    alerts = "1 alert" if incident.alerts_total == 1 else f"*{number(incident.alerts_total)} alerts*"
    count = len(services)
    where = f"*{count} services*" if count > 1 else "1 service"
    shown = [f"{alerts} from {where} folded in since {moment(incident.opened_ms)}, {firing}."]
    put_down = demotion.lines(incident)
    if put_down:
        shown += put_down
    elif services:
        names = ", ".join(code(name, 40) for name, _ in services[:4])
        more = f" and {count - 4} more" if count > 4 else ""
        shown.append(f"Loudest: {names}{more}")
    return shown


def _raised(incident: Incident) -> list[str]:
    if not incident.raised_because:
        return []
    return [f"Raised to {incident.severity.label}: {safe(incident.raised_because, 120)}"]


def _warning(incident: Incident) -> list[Block]:
    """Orders that somebody wrote into the evidence: said out loud, quoted inertly, followed by nobody."""
    found = [
        item
        for item in (incident.diagnosis.evidence if incident.diagnosis else ())
        if item.role is EvidenceRole.WARNING
    ]
    if not found:
        return []
    where = " and ".join(f"{_WRITTEN.get(one.kind, 'a text')} [{safe(one.id, 8)}]" for one in found[:2])
    said = f"⚠️ *The evidence gives orders:* {where}. Nothing follows from them."
    quote = code(found[0].quote, 120)
    return [section(f"{said}\n{quote}")]


def _question(incident: Incident) -> str:
    if incident.observe_only:
        return "*What can I do?* (observe only: Watchkeeper changes nothing)"
    return "*What can I do?*"


def _can_do(incident: Incident) -> list[str]:
    shown = options.current(incident)
    if incident.queued and incident.state.open:
        waits = "⏳ Options wait: enough proposals are open in this channel; they follow when one is decided."
        return [*(_option_line(incident, option) for option in shown), waits]
    if shown:
        return [_option_line(incident, option) for option in shown]
    if incident.withheld:
        return [
            f"No playbook is offered: {safe(reason, 160)} ({safe(name, 60)})"
            for name, reason in incident.withheld[:2]
        ]
    if not incident.state.open:
        return ["Nothing is left to do."]
    if not incident.looked_into or cause.expected(incident):
        return [_nothing_offered(incident)]
    if cause.answered(incident) and not incident.investigating and cause.top_cause(incident) is None:
        return ["Nothing is offered while no cause is sure; the evidence is in the thread."]
    if cause.answered(incident) and not incident.investigating:
        unread = [f"Could not be read: {safe(gap, 120)}" for gap in cause.unread(incident)[:2]]
        return ["No playbook fits this cause; the evidence is in the thread.", *unread]
    return ["_Options follow when the cause is known._"]


def _nothing_offered(incident: Incident) -> str:
    if incident.loose_ends and not incident.looked_into:
        return "Nobody has looked into these: see the loudest, or have them investigated."
    return "Nothing needs doing; no restart and no rollback is offered."


def _option_line(incident: Incident, option: OptionView) -> str:
    facts = options.facts_words(option)
    letter = safe(option.letter, 3)
    name = options.title(option) if options.is_undo(option) else f"*{letter}*  {options.title(option)}"
    if option.state is PlanState.PROPOSED and not incident.state.open:
        return f"{name} — not decided; the incident is closed"
    if option.state is PlanState.PROPOSED:
        would = "would propose · " if incident.observe_only else ""
        pending = options.agreed_words(option)
        return "\n".join([f"{name} — {would}{facts}", *([pending] if pending else [])])
    return f"{name} — {options.state_words(option)}"


def _buttons(incident: Incident) -> list[Block]:
    if not incident.state.open:
        return []
    elements: list[Block] = []
    if not incident.observe_only:
        elements = [
            button(
                f"Review {option.letter}",
                action_id(REVIEW, option.letter, option.plan_hash),
                Reference(incident.id, option.plan_hash, incident.seq).value(),
                style="primary" if at == 0 else "",
                label=f"Review option {option.letter}",
            )
            for at, option in enumerate(options.reviewable(incident)[:3])
        ]
    return [actions(*elements, _menu(incident))]


def _menu(incident: Incident) -> Block:
    reference = Reference(incident.id, "", incident.seq).value()
    entries = [
        {"text": plain_text(words, 75), "value": f"{verb}|{reference}"[:150]} for verb, words in _MENU_ENTRIES
    ]
    return {"type": "overflow", "action_id": MENU, "options": entries}


def _context(incident: Incident, place: Place) -> str:
    last_ms = incident.timeline[-1].at_ms if incident.timeline else incident.opened_ms
    mode = "👁️ observe only" if incident.observe_only else "🔐 supervised"
    on_call = f"On call {group_mention(place.group)}" if place.group else "IC not assigned"
    parts = [
        state_words(incident),
        on_call,
        mode,
        f"log {incident.seq}·{incident.head[:8]}",
        f"updated {moment(last_ms)}",
    ]
    if incident.diagnosis is not None and incident.diagnosis.evidence:
        parts.append("evidence in the thread")
    return " · ".join(parts)
