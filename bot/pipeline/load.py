"""load: no more open proposals in one channel than people can weigh; what comes on top waits, and the card says so.

Nothing is kept of a proposal that waits: its plans would grow stale. It is made anew once there is room.
"""

from bot.domain.event import EventType, NewEvent
from bot.domain.plan import PlanState
from bot.domain.records import IncidentRow, MessageKind, TaskKind
from bot.pipeline.propose import Proposed, record_proposal
from bot.ports import Store, Transaction

MOST_OPEN = 5


def record_or_queue(
    tx: Transaction, incident: str, proposed: Proposed, *, now: float, most: int = MOST_OPEN
) -> int:
    """Record the options where their channel has room for a proposal; returns how many are offered."""
    tx.lock_admission()  # Of two investigations that end together, one counts the other's proposal.
    row = tx.incident_row(incident)
    waiting = 0 if row is None or not proposed.options else open_beside(tx, row, now=now)
    if waiting < most:
        record_proposal(tx, incident, proposed, now=now)
        return len(proposed.options)
    # The older offer of this incident, if there is one, goes: it says what was true before.
    record_proposal(tx, incident, Proposed((), proposed.withheld), now=now)
    queued = NewEvent(EventType.OPTIONS_QUEUED, {"open": waiting, "most": most})
    tx.append(incident, [queued], at_ms=round(now * 1000))
    return 0


def release_queued(store: Store, *, now: float, most: int = MOST_OPEN) -> list[int]:
    """Ask for a fresh investigation where a proposal waits and its channel has room now; returns the tasks."""
    if not store.read(lambda tx: any(_queued(tx, row) for row in tx.open_incidents())):
        return []

    def work(tx: Transaction) -> list[int]:
        tasks = []
        asked: list[IncidentRow] = []
        for row in tx.open_incidents():
            beside = sum(_same_channel(row, other) for other in asked)
            if _queued(tx, row) and open_beside(tx, row, now=now) + beside < most:
                asked.append(row)
                body = {"by": "", "reason": "there is room for its proposal"}
                event = NewEvent(EventType.INVESTIGATION_REQUESTED, body)
                tx.append(row.id, [event], at_ms=round(now * 1000))
                tx.want_message(row.id, MessageKind.CARD, now=now)
                tasks.append(tx.add_task(TaskKind.INVESTIGATE, row.id, "there is room", due_at=now))
        return tasks

    return store.transact(work)


def open_beside(tx: Transaction, row: IncidentRow, *, now: float) -> int:
    """How many other incidents of the same channel have a proposal that waits for a decision."""
    others = (other for other in tx.open_incidents() if other.id != row.id and _same_channel(row, other))
    return sum(_has_open_proposal(tx, other, now) for other in others)


def _same_channel(one: IncidentRow, other: IncidentRow) -> bool:
    """Before its card is posted, an incident without a channel of its own will be in the alerts channel."""
    if one.channel and other.channel:
        return one.channel == other.channel
    return not one.severity.own_channel and not other.severity.own_channel


def _has_open_proposal(tx: Transaction, row: IncidentRow, now: float) -> bool:
    return any(
        plan.state is PlanState.PROPOSED and plan.plan.expires_ms > now * 1000 for plan in tx.plans_of(row.id)
    )


def _queued(tx: Transaction, row: IncidentRow) -> bool:
    incident = tx.incident(row.id)
    return incident is not None and incident.queued
