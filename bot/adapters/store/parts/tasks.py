"""Background work as rows: due, claimed under a lease with an epoch, finished or given back."""

from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import Select, bindparam, func, insert, or_, select, union_all, update

from bot.adapters.store import schema
from bot.adapters.store.parts.base import Part
from bot.domain.records import Task, TaskKind

_tasks = schema.tasks
_KINDS = frozenset(kind.value for kind in TaskKind)

_log = structlog.get_logger()


class TasksPart(Part):
    """`bot.ports.Tasks` in SQL. A claimed row's `due_at` is the end of its lease."""

    def add_task(self, kind: TaskKind, incident: str, reason: str, *, due_at: float) -> int:
        statement = insert(_tasks).values(
            tenant=self._tenant,
            kind=kind.value,
            incident=incident,
            reason=reason,
            state="due",
            due_at=due_at,
            epoch=0,
            tries=0,
            note="",
        )
        key = self._connection.execute(statement).inserted_primary_key
        return int(key[0]) if key else 0

    def hasten_tasks(self, incident: str, reason: str, *, now: float) -> None:
        """What waits for `reason` in an incident is due now; what was claimed, or is due already, stays as it is."""
        self._run("hasten tasks", _hastened, of_incident=incident, why=reason, at=now)

    def due_tasks(self, *, now: float) -> Sequence[int]:
        return list(self._run("due tasks", _due, now=now).scalars())

    def next_work_at(self) -> float | None:
        """Since when a payload is pending, or from when on a task is due, whichever is sooner; None without any."""
        at = self._connection.execute(next_work(self._tenant)).scalar_one()
        return None if at is None else float(at)

    def claim_task(self, task_id: int, *, now: float, lease_s: float) -> Task | None:
        """Take a due task; None when another has it. A row of a kind that nobody knows is set aside for good."""
        free = or_(_tasks.c.state == "due", (_tasks.c.state == "claimed") & (_tasks.c.due_at <= now))
        here = (_tasks.c.tenant == self._tenant) & (_tasks.c.id == task_id) & (_tasks.c.due_at <= now) & free
        claimed = self._changed(
            update(_tasks)
            .where(here)
            .values(state="claimed", due_at=now + lease_s, epoch=_tasks.c.epoch + 1, tries=_tasks.c.tries + 1)
        )
        if not claimed:
            return None
        row = self._connection.execute(select(_tasks).where(_tasks.c.id == task_id)).one()
        if row.kind not in _KINDS:
            self._connection.execute(update(_tasks).where(_tasks.c.id == task_id).values(state="quarantined"))
            _log.error("task_quarantined", task=task_id, kind=row.kind[:40])
            return None
        return Task(row.id, TaskKind(row.kind), row.incident, row.reason, row.epoch, row.tries)

    def finish_task(self, task: Task) -> bool:
        return self._leave(task, state="done")

    def release_task(self, task: Task, *, due_at: float, reason: str, counted: bool = True) -> bool:
        """Give it back; one that is not `counted` has not used up a try."""
        tries = _tasks.c.tries if counted else _tasks.c.tries - 1
        return self._leave(task, state="due", due_at=due_at, note=reason[:500], tries=tries)

    def _leave(self, task: Task, **values: object) -> bool:
        here = (
            (_tasks.c.tenant == self._tenant)
            & (_tasks.c.id == task.id)
            & (_tasks.c.epoch == task.epoch)
            & (_tasks.c.state == "claimed")
        )
        return self._changed(update(_tasks).where(here).values(**values))


def _hastened() -> Any:
    return (
        update(_tasks)
        .where(
            _tasks.c.tenant == bindparam("of_tenant"),
            _tasks.c.state == "due",
            _tasks.c.due_at > bindparam("at"),
            _tasks.c.incident == bindparam("of_incident"),
            _tasks.c.reason == bindparam("why"),
        )
        .values(due_at=bindparam("at"))
    )


def next_work(tenant: str) -> Select[Any]:
    """Since when work of `tenant` waits, or when its next task is due; NULL without any."""
    waiting = schema.raw_pending
    open_ones = (_tasks.c.tenant == tenant) & _tasks.c.state.in_(["due", "claimed"])
    both = union_all(
        select(func.min(waiting.c.received_at).label("at")).where(waiting.c.tenant == tenant),
        select(func.min(_tasks.c.due_at).label("at")).where(open_ones),
    ).subquery()
    return select(func.min(both.c.at))


def _due() -> Any:
    return (
        select(_tasks.c.id)
        .where(
            _tasks.c.tenant == bindparam("tenant"),
            _tasks.c.state.in_(["due", "claimed"]),
            _tasks.c.due_at <= bindparam("now"),
        )
        .order_by(_tasks.c.id)
    )
