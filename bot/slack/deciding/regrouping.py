"""What people decide of which alerts belong together: merge an incident into this one, or give services their own."""

from collections.abc import Sequence

from bot.blocks import regrouping as form
from bot.blocks.answers import said
from bot.blocks.ids import ModalPlace, Reference, modal_place_of, reference_of
from bot.blocks.text import safe
from bot.domain.command import Command
from bot.domain.event import EventType, NewEvent
from bot.domain.records import IncidentRow, TaskKind
from bot.pipeline.regroup import merge, split
from bot.ports import Transaction
from bot.slack.deciding.parts import DecidingParts, Decision, Request, folded, implied, known_member

MERGE_USAGE = "Say which incident belongs to this one: `/incident merge 12`, here or with `INC-7` before it."
_CANNOT = "INC-{} cannot be merged: it is closed, or one of its plans is approved or running."
SPLIT_USAGE = "Say which services are another fault: `/incident split checkout cart`."


def merge_by_hand(
    parts: DecidingParts, tx: Transaction, request: Request, command: Command, row: IncidentRow
) -> Decision:
    """`/incident merge N [why]`: everything of INC-N comes here, and the two are remembered as one."""
    first, _, why = command.rest.partition(" ")
    if not first and not command.number and request.person.trigger_id:
        return asked(parts, tx, request, row)
    digits = first.lower().lstrip("#").removeprefix("inc-")
    number = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 9 else 0
    if not first and command.number:  # "merge INC-12" in the place of another incident.
        number, row = command.number, implied(tx, request.person) or row
    other = next((one for one in tx.open_incidents() if one.number == number), None)
    if not number or (other is not None and other.id == row.id):
        return Decision("merge refused", said(MERGE_USAGE))
    if other is None:
        return Decision("merge refused", said(_CANNOT.format(number)))
    return _merged(parts, tx, row, other, by=request.person.user, why=why)


def split_by_hand(
    parts: DecidingParts, tx: Transaction, request: Request, command: Command, row: IncidentRow
) -> Decision:
    """`/incident split SERVICES`: their alerts get an incident of their own, and are kept apart afterwards."""
    if not command.rest and request.person.trigger_id:
        return asked(parts, tx, request, row)
    services = [word for word in command.rest.replace(",", " ").split() if word in row.services]
    if not services:
        known = ", ".join(safe(name, 60) for name in row.services[:12]) or "none"
        return Decision("split refused", said(f"{SPLIT_USAGE} Services here: {known}."))
    return _split(parts, tx, row, services, by=request.person.user, why="")


def asked(_parts: DecidingParts, tx: Transaction, request: Request, row: IncidentRow) -> Decision:
    """Open the form that merges this incident into another one or splits it."""
    others = [one for one in reversed(tx.open_incidents()) if one.id != row.id]
    counts = folded(tx, row).services or {}
    loudest = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    if not row.state.open or (not others and len(loudest) < 2):
        why = "it is closed" if not row.state.open else "it is the only open one, and has not two services"
        text = f"There is nothing to merge or split in INC-{row.number}: {why}."
        return Decision("nothing to regroup", said(text))
    person = request.person
    place = ModalPlace(Reference(row.id, "", 0).value(), person.channel, "", person.thread_ts)
    return Decision("regroup form", view=form.regroup(place, row, others, loudest))


def submitted(parts: DecidingParts, tx: Transaction, request: Request) -> Decision:
    """Do what the form says: exactly one of the two."""
    values = request.payload["values"]
    row = tx.incident_row(reference_of(modal_place_of(str(request.payload["metadata"])).reference).incident)
    into, services = str(values.get("into", "")), str(values.get("services", "")).split("\n")
    wanted = [name for name in services if row is not None and name in row.services]
    if not known_member(request):
        return Decision("unreadable", said("Slack did not say who you are; try again in a minute."))
    if row is None or bool(into) == bool(wanted):
        text = "Nothing was changed: choose one incident that this is part of, or services that are another fault."
        return Decision("regroup refused", said(text))
    by, why = request.person.user, str(values.get("why", ""))
    if wanted:
        return _split(parts, tx, row, wanted, by=by, why=why)
    other = tx.incident_row(into)
    if other is None or other.id == row.id:
        return Decision("merge refused", said(MERGE_USAGE))
    return _merged(parts, tx, other, row, by=by, why=why)


def _merged(
    parts: DecidingParts, tx: Transaction, row: IncidentRow, other: IncidentRow, *, by: str, why: str
) -> Decision:
    """Everything of `other` goes to `row`."""
    now = parts.clock.now()
    reason = " ".join(why.split())[:300] or "merged by hand"
    if not merge(tx, row, other, reason=reason, by=by, now=now):
        return Decision("merge refused", said(_CANNOT.format(other.number)))
    task = _look_again(tx, row.id, by, f"INC-{other.number} was merged into it", now)
    text = (
        f"INC-{other.number} is part of INC-{row.number} now. Its services join this one when they alert together "
        "again; `/incident split` takes it back."
    )
    return Decision("merged", said(text), (task,))


def _split(
    parts: DecidingParts, tx: Transaction, row: IncidentRow, services: Sequence[str], *, by: str, why: str
) -> Decision:
    now = parts.clock.now()
    declared = split(
        tx,
        row,
        services,
        incident=parts.new_id(),
        reason=" ".join(why.split())[:300] or f"split from INC-{row.number} by hand",
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
