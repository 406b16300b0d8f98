"""What else may hold a plan back: freeze windows, executions counted against the caps, counted refusals, the database's clock."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import distinct, func, insert, select, text, update

from bot.adapters.store import schema
from bot.adapters.store.parts.base import Part
from bot.domain.freeze import FreezeWindow, Switch
from bot.domain.plan import PlanState

_freezes, _executions, _refusals, _plans = (
    schema.freezes,
    schema.executions,
    schema.refusals,
    schema.plans,
)
_ADMISSION = "admission"


class GatingPart(Part):
    """`bot.ports.Gating` in SQL."""

    def add_freeze(self, window: FreezeWindow) -> bool:
        """Enter a window; False when it is there already."""
        statement = self._upsert(_freezes).values(tenant=self._tenant, **asdict(window))
        added = self._changed(statement.on_conflict_do_nothing())
        # As with a switch: an intent that is being written commits before this does, or it sees the window.
        running = (_plans.c.tenant == self._tenant) & (_plans.c.state == PlanState.RUNNING.value)
        self._connection.execute(update(_plans).where(running).values(epoch=_plans.c.epoch))
        return added

    def freezes(self, *, after: float) -> Sequence[FreezeWindow]:
        """Every window that ends later than `after`, the first to begin first."""
        here = (_freezes.c.tenant == self._tenant) & (_freezes.c.ends_at > after)
        query = select(_freezes).where(here).order_by(_freezes.c.starts_at, _freezes.c.id)
        return [
            FreezeWindow(row.id, row.scope, row.starts_at, row.ends_at, row.reason, row.by)
            for row in self._connection.execute(query)
        ]

    def frozen_by(self, scopes: Sequence[str], *, now: float) -> FreezeWindow | None:
        """The window that freezes one of `scopes` now; of several the one that ends last."""
        covering = [window for window in self.freezes(after=now) if window.covers(scopes, now)]
        return max(covering, key=lambda window: window.ends_at, default=None)

    def switches_on(self) -> Sequence[Switch]:
        """Every switch that is on, the oldest first."""
        table = schema.switches
        query = select(table).where(table.c.tenant == self._tenant, table.c.on.is_(True))
        return [
            Switch(row.scope, row.by, row.at)
            for row in self._connection.execute(query.order_by(table.c.at, table.c.scope))
        ]

    def lift_freeze(self, window_id: str, *, at: float) -> bool:
        """End a window now; False when it has ended already."""
        here = (_freezes.c.tenant == self._tenant) & (_freezes.c.id == window_id) & (_freezes.c.ends_at > at)
        return self._changed(update(_freezes).where(here).values(ends_at=at))

    def lock_admission(self) -> None:
        """Let no other transaction count executions until this one commits."""
        table = schema.leases
        row = {"holder": "", "epoch": 0, "expires_at": 0.0}
        statement = self._upsert(table).values(tenant=self._tenant, name=_ADMISSION, **row)
        self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["tenant", "name"], set_={"epoch": table.c.epoch + 1}
            )
        )

    def admit(self, plan_hash: str, names: Sequence[str], *, at: float) -> None:
        """Count an execution under each of `names`."""
        rows = [
            {"tenant": self._tenant, "plan_hash": plan_hash, "name": name, "at": at} for name in set(names)
        ]
        self._connection.execute(insert(_executions), rows)

    def admitted(self, plan_hash: str) -> bool:
        """Whether this plan was counted before."""
        here = (_executions.c.tenant == self._tenant) & (_executions.c.plan_hash == plan_hash)
        return self._connection.execute(select(_executions.c.name).where(here).limit(1)).first() is not None

    def admissions(self, name: str, *, since: float) -> int:
        """How many executions were counted under `name` later than `since`."""
        here = (_executions.c.tenant == self._tenant) & (_executions.c.name == name)
        query = select(func.count()).select_from(_executions).where(here, _executions.c.at > since)
        return int(self._connection.execute(query).scalar_one())

    def running_admitted(self) -> int:
        """How many counted executions run now."""
        joined = _executions.join(
            _plans, (_plans.c.tenant == _executions.c.tenant) & (_plans.c.hash == _executions.c.plan_hash)
        )
        running = (_executions.c.tenant == self._tenant) & (_plans.c.state == PlanState.RUNNING.value)
        query = select(func.count(distinct(_plans.c.hash))).select_from(joined).where(running)
        return int(self._connection.execute(query).scalar_one())

    def count_refusal(self, incident: str, user: str, *, now: float, window_s: float) -> tuple[int, int]:
        """(refusals of this person in this incident in the window that runs, those of the one before it).

        A window begins with its first refusal; the second number is 0 unless this refusal begins one.
        """
        here = (
            (_refusals.c.tenant == self._tenant)
            & (_refusals.c.incident == incident)
            & (_refusals.c.user == user)
        )
        row = self._connection.execute(select(_refusals.c.since, _refusals.c.times).where(here)).one_or_none()
        same = row is not None and 0 <= now - row.since < window_s
        since, times = (row.since, row.times + 1) if row is not None and same else (now, 1)
        values = {"since": since, "times": times}
        statement = self._upsert(_refusals).values(
            tenant=self._tenant, incident=incident, user=user, **values
        )
        self._connection.execute(
            statement.on_conflict_do_update(index_elements=["tenant", "incident", "user"], set_=values)
        )
        return times, 0 if row is None or same else row.times

    def database_now(self, *, now: float) -> float | None:
        """The database's own unix time; None where it has no other clock than this host's, which says `now`.

        There it is the latest moment that any process of ours has lived through, where that lies after `now`: a
        clock that was set back must not bring back what has expired.
        """
        if self._connection.dialect.name == "postgresql":
            known = self._connection.execute(text("SELECT extract(epoch FROM clock_timestamp())"))
            return float(known.scalar_one())
        beats = schema.beats
        latest = (beats.c.tenant == self._tenant) & (beats.c.process == schema.LATEST_BEAT)
        seen = self._connection.execute(select(beats.c.at).where(latest & (beats.c.at > now))).scalar()
        return None if seen is None else float(seen)
