"""What words and forms may change: incidents opened and closed, switches, planned events, notes. Each is one log event."""

from bot.blocks.answers import said
from bot.blocks.text import channel_link, day_and_time, safe
from bot.domain.canonical import digest
from bot.domain.event import TENANT_CHAIN, EventType, NewEvent
from bot.domain.event_words import EventWords
from bot.domain.incident import Severity
from bot.domain.records import MessageKind, TaskKind
from bot.domain.telemetry import PlannedEvent
from bot.pipeline.declare import declare_by_hand
from bot.pipeline.planned import added
from bot.pipeline.resolve import resolve
from bot.pipeline.switch import switch_in
from bot.ports import Transaction
from bot.slack.deciding.parts import DecidingParts, Decision, refresh


def open_incident(
    parts: DecidingParts, tx: Transaction, title: str, severity: Severity, *, by: str
) -> Decision:
    """Declare an incident by hand."""
    declared = declare_by_hand(
        tx,
        incident=parts.new_id(),
        title=title,
        severity=severity,
        by=by,
        now=parts.clock.now(),
        observe_only=parts.observe_only,
    )
    row = tx.incident_row(declared.incident)
    where = "a channel of its own" if severity.own_channel else "the alerts channel"
    text = f"INC-{row.number if row else 0} is open as {severity.label}; its card appears in {where}."
    return Decision("declared", said(text), tasks=(declared.task,))


def close_incident(tx: Transaction, incident: str, key: str, *, by: str, now: float) -> Decision:
    """Resolve an incident; its post-mortem is drafted."""
    task = resolve(tx, incident, reason="resolved by hand", by=by, now=now)
    if not task:
        return Decision("not resolved", said(f"{key} is closed already."))
    refresh(tx, incident, now=now)
    return Decision(
        "resolved", said(f"{key} is resolved; the post-mortem draft follows in its thread."), (task,)
    )


def stop_incident(tx: Transaction, incident: str, *, by: str, now: float) -> Decision:
    """Stop every run of an incident before its next step, and keep new ones from starting."""
    row = tx.incident_row(incident)
    if row is None:
        return Decision("no such incident", said("This incident does not exist any more."))
    switch_in(tx, f"incident:{row.number}", on=True, by=by, now=now)
    key = f"INC-{row.number}"
    return Decision(
        "stop", said(f"Stopped: no further step of {key} starts. `/incident unfreeze` allows changes again.")
    )


def add_event(tx: Transaction, words: EventWords, *, by: str, now: float) -> Decision:
    """Enter a planned event; entering the same one again changes nothing."""
    content = [words.title, str(words.starts_at), str(words.ends_at), words.effect.value, *words.services]
    event = PlannedEvent(
        digest(content)[:16],
        words.title,
        words.starts_at,
        words.ends_at,
        words.services,
        entered_by=by,
        entered_at=now,
        effect=words.effect,
    )
    tx.add_planned_event(event)
    tx.append(TENANT_CHAIN, [added(event, by=by)], at_ms=round(now * 1000))
    scope = ", ".join(safe(name, 60) for name in event.services[:6]) or "all services"
    span = f"{day_and_time(int(event.starts_at * 1000))} to {day_and_time(int(event.ends_at * 1000))}"
    return Decision(
        "event added", said(f"Planned event “{safe(event.title, 120)}” is entered: {span}, {scope}.")
    )


def add_note(tx: Transaction, incident: str, key: str, text: str, *, by: str, now: float) -> Decision:
    """Add a person's words to the timeline."""
    body = {"by": by, "text": text[:1000]}
    tx.append(incident, [NewEvent(EventType.NOTE_ADDED, body)], at_ms=round(now * 1000))
    tx.want_message(incident, MessageKind.CARD, now=now)
    return Decision("noted", said(f"Noted in the timeline of {key}."))


def investigate_again(
    tx: Transaction, incident: str, key: str, *, by: str, channel: str, now: float
) -> Decision:
    """Ask for another investigation; whoever asks may not approve a destructive plan that comes of it."""
    request = NewEvent(EventType.INVESTIGATION_REQUESTED, {"by": by, "reason": "asked for by hand"})
    tx.append(incident, [request], at_ms=round(now * 1000))
    task = tx.add_task(TaskKind.INVESTIGATE, incident, f"asked by {by}", due_at=now)
    where = f" in {channel_link(channel)}" if channel else ""
    return Decision("diagnose", said(f"Investigating {key} again; follow its card{where}."), (task,))
