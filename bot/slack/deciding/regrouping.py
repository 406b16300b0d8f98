"""What people decide of which alerts belong together: merge an incident into this one, or give services their own."""

from bot.blocks.answers import said
from bot.blocks.text import safe
from bot.domain.command import Command
from bot.domain.event import EventType, NewEvent
from bot.domain.records import IncidentRow, TaskKind
from bot.pipeline.regroup import merge, split
from bot.ports import Transaction
from bot.slack.deciding.parts import DecidingParts, Decision, Request, implied

MERGE_USAGE = "Say which incident belongs to this one: `/incident merge 12`, here or with `INC-7` before it."
SPLIT_USAGE = "Say which services are another fault: `/incident split checkout cart`."


def merge_by_hand(
    parts: DecidingParts, tx: Transaction, request: Request, command: Command, row: IncidentRow
) -> Decision:
    """`/incident merge N [why]`: everything of INC-N comes here, and the two are remembered as one."""
    first, _, why = command.rest.partition(" ")
    digits = first.lower().lstrip("#").removeprefix("inc-")
    number = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 9 else 0
    if not first and command.number:  # "merge INC-12" in the place of another incident.
        number, row = command.number, implied(tx, request.person) or row
    other = next((one for one in tx.open_incidents() if one.number == number), None)
    if not number or (other is not None and other.id == row.id):
        return Decision("merge refused", said(MERGE_USAGE))
    now, by = parts.clock.now(), request.person.user
    reason = " ".join(why.split())[:300] or "merged by hand"
    if other is None or not merge(tx, row, other, reason=reason, by=by, now=now):
        text = f"INC-{number} cannot be merged: it is closed, or one of its plans is approved or running."
        return Decision("merge refused", said(text))
    task = _look_again(tx, row.id, by, f"INC-{number} was merged into it", now)
    text = (
        f"INC-{number} is part of INC-{row.number} now. Its services join this one when they alert together again; "
        "`/incident split` takes it back."
    )
    return Decision("merged", said(text), (task,))


def split_by_hand(
    parts: DecidingParts, tx: Transaction, request: Request, command: Command, row: IncidentRow
) -> Decision:
    """`/incident split SERVICES`: their alerts get an incident of their own, and are kept apart afterwards."""
    services = [word for word in command.rest.replace(",", " ").split() if word in row.services]
    if not services:
        known = ", ".join(safe(name, 60) for name in row.services[:12]) or "none"
        return Decision("split refused", said(f"{SPLIT_USAGE} Services here: {known}."))
    now, by = parts.clock.now(), request.person.user
    declared = split(
        tx,
        row,
        services,
        incident=parts.new_id(),
        reason=f"split from INC-{row.number} by hand",
        by=by,
        now=now,
        observe_only=parts.observe_only,
    )
    new = tx.incident_row(declared.incident) if declared is not None else None
    if declared is None or new is None:
        return Decision("split refused", said("One service must stay, and those that go must have alerts."))
    task = _look_again(tx, row.id, by, f"INC-{new.number} was split from it", now)
    names = ", ".join(safe(name, 60) for name in services[:6])
    text = (
        f"{names} {'has' if len(services) == 1 else 'have'} an incident of their own now: INC-{new.number}."
    )
    return Decision("split", said(text), (declared.task, task))


def _look_again(tx: Transaction, incident: str, by: str, reason: str, now: float) -> int:
    request = NewEvent(EventType.INVESTIGATION_REQUESTED, {"by": by, "reason": reason})
    tx.append(incident, [request], at_ms=round(now * 1000))
    return tx.add_task(TaskKind.INVESTIGATE, incident, reason, due_at=now)
