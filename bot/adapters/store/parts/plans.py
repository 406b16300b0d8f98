"""The gate's rows. Every move is one UPDATE ... WHERE state and epoch; nothing is read and then written."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Row, Select, bindparam, case, func, insert, or_, select, update

from bot.adapters.store import schema
from bot.adapters.store.parts.base import Part
from bot.domain.canonical import canonical
from bot.domain.plan import Plan, PlanState, plan_from_json
from bot.domain.records import Grant, PlanRow, StepRow, StepState

_plans, _grants, _steps = schema.plans, schema.grants, schema.steps

_log = structlog.get_logger()


class PlansPart(Part):
    """`bot.ports.Plans` in SQL."""

    def add_plan(self, plan: Plan) -> str:
        statement = insert(_plans).values(
            tenant=self._tenant,
            hash=plan.hash,
            incident=plan.incident,
            content=canonical(plan.to_json()),
            state=PlanState.PROPOSED.value,
            epoch=0,
            holder="",
            lease_until=0.0,
        )
        self._connection.execute(statement)
        return plan.hash

    def plan(self, plan_hash: str) -> PlanRow | None:
        """One plan; raises KeyError, TypeError or ValueError where its row no longer holds one."""
        row = self._connection.execute(select(_plans).where(self._here(plan_hash))).one_or_none()
        return None if row is None else _plan_row(row)

    def plans_of(self, incident: str) -> Sequence[PlanRow]:
        """Every plan of the incident; a row that no longer holds one is left out and logged."""
        query = select(_plans).where(_plans.c.tenant == self._tenant, _plans.c.incident == incident)
        found: list[PlanRow] = []
        for row in self._connection.execute(query):
            try:
                found.append(_plan_row(row))
            except (KeyError, TypeError, ValueError):
                _flag(self._tenant, row.hash)
        return found

    def move_plan(self, plan_hash: str, *, to: PlanState, frm: Sequence[PlanState]) -> bool:
        states = [state.value for state in frm]
        here = self._here(plan_hash) & _plans.c.state.in_(states)
        return self._changed(update(_plans).where(here).values(state=to.value))

    def add_grant(self, grant: Grant) -> None:
        self._connection.execute(insert(_grants).values(tenant=self._tenant, **asdict(grant)))

    def grant(self, plan_hash: str) -> Grant | None:
        query = select(_grants).where(_grants.c.tenant == self._tenant, _grants.c.plan_hash == plan_hash)
        row = self._connection.execute(query).one_or_none()
        if row is None:
            return None
        fields = {name: value for name, value in row._mapping.items() if name != "tenant"}  # noqa: SLF001 - SQLAlchemy's public row mapping
        return Grant(**fields)

    def claim_plan(self, plan_hash: str, *, holder: str, now: float, lease_s: float) -> int | None:
        """Take a granted plan, or a running one whose lease ran out; returns the new epoch or None."""
        taken = self._changed(
            update(_plans)
            .where(self._here(plan_hash) & _claimable(now))
            .values(
                state=PlanState.RUNNING.value,
                holder=holder,
                lease_until=now + lease_s,
                epoch=_plans.c.epoch + 1,
            )
        )
        if not taken:
            return None
        return int(self._connection.execute(select(_plans.c.epoch).where(self._here(plan_hash))).scalar_one())

    def running_plans(self) -> Sequence[str]:
        """The hashes of all plans that run, whether or not their rows can be read."""
        running = _plans.c.state == PlanState.RUNNING.value
        query = select(_plans.c.hash).where(_plans.c.tenant == self._tenant, running).order_by(_plans.c.hash)
        return list(self._connection.execute(query).scalars())

    def claimable_plans(self, *, now: float) -> Sequence[str]:
        return list(self._run("claimable plans", _claimable_now, now=now).scalars())

    def next_plan_at(self) -> float | None:
        """From when on a plan may be claimed, which may be past; None while there is none to claim or to take over."""
        at = self._connection.execute(next_plan(self._tenant)).scalar_one()
        return None if at is None else float(at)

    def renew_plan(self, plan_hash: str, *, epoch: int, now: float, lease_s: float) -> bool:
        return self._changed(
            update(_plans).where(self._mine(plan_hash, epoch)).values(lease_until=now + lease_s)
        )

    def intend_step(self, row: StepRow, *, epoch: int) -> bool:
        """Journal an intent; False when the plan is no longer ours or the step was intended before."""
        if not self._still_mine(row.plan_hash, epoch):
            return False
        statement = self._upsert(_steps).values(tenant=self._tenant, **_step_columns(row))
        return self._changed(statement.on_conflict_do_nothing())

    def settle_step(self, row: StepRow, *, epoch: int) -> bool:
        """Move an intended step on; False when the plan is no longer ours or the step is settled already."""
        if not self._still_mine(row.plan_hash, epoch):
            return False
        here = (
            (_steps.c.tenant == self._tenant)
            & (_steps.c.plan_hash == row.plan_hash)
            & (_steps.c.step == row.step)
            & (_steps.c.phase == row.phase)
            & (_steps.c.state == StepState.INTENDED.value)
        )
        values = {"state": row.state.value, "detail": row.detail, "at_ms": row.at_ms}
        return self._changed(update(_steps).where(here).values(**values))

    def finish_plan(self, plan_hash: str, *, to: PlanState, epoch: int) -> bool:
        return self._changed(update(_plans).where(self._mine(plan_hash, epoch)).values(state=to.value))

    def steps(self, plan_hash: str) -> Sequence[StepRow]:
        query = (
            select(_steps)
            .where(_steps.c.tenant == self._tenant, _steps.c.plan_hash == plan_hash)
            .order_by(_steps.c.at_ms, _steps.c.step)
        )
        return [_step_row(row) for row in self._connection.execute(query)]

    def _still_mine(self, plan_hash: str, epoch: int) -> bool:
        """Hold the plan row for this transaction, so that no later owner can slip in before the commit."""
        return self._changed(update(_plans).where(self._mine(plan_hash, epoch)).values(epoch=epoch))

    def _here(self, plan_hash: str) -> ColumnElement[bool]:
        return (_plans.c.tenant == self._tenant) & (_plans.c.hash == plan_hash)

    def _mine(self, plan_hash: str, epoch: int) -> ColumnElement[bool]:
        running = _plans.c.state == PlanState.RUNNING.value
        return self._here(plan_hash) & running & (_plans.c.epoch == epoch)


def _claimable_now() -> Any:
    return select(_plans.c.hash).where(_plans.c.tenant == bindparam("tenant"), _claimable(bindparam("now")))


def next_plan(tenant: str) -> Select[Any]:
    """From when on a plan of `tenant` may be claimed, at once if it is granted; NULL without any."""
    at = case((_plans.c.state == PlanState.GRANTED.value, 0.0), else_=_plans.c.lease_until)
    live = _plans.c.state.in_([PlanState.GRANTED.value, PlanState.RUNNING.value])
    return select(func.min(at)).where(_plans.c.tenant == tenant, live)


def _claimable(now: Any) -> ColumnElement[bool]:
    orphaned = (_plans.c.state == PlanState.RUNNING.value) & (_plans.c.lease_until < now)
    return or_(_plans.c.state == PlanState.GRANTED.value, orphaned)


def _plan_row(row: Row[Any]) -> PlanRow:
    try:
        plan = plan_from_json(json.loads(row.content))
    except (AttributeError, RecursionError) as error:
        message = f"not a plan: {type(error).__name__}"
        raise ValueError(message) from error
    return PlanRow(row.hash, plan, row.content, PlanState(row.state), row.epoch)


@lru_cache(maxsize=1024)
def _flag(tenant: str, plan_hash: str) -> None:
    """Say once in a process that a row is damaged: the rows are read every second."""
    _log.error("plan_row_damaged", tenant=tenant, plan=plan_hash)


def _step_columns(row: StepRow) -> dict[str, object]:
    return {
        "plan_hash": row.plan_hash,
        "step": row.step,
        "phase": row.phase,
        "state": row.state.value,
        "token": row.token,
        "before": json.dumps(dict(row.before), sort_keys=True),
        "detail": row.detail,
        "at_ms": row.at_ms,
    }


def _step_row(row: Row[Any]) -> StepRow:
    return StepRow(
        plan_hash=row.plan_hash,
        step=row.step,
        phase=row.phase,
        state=StepState(row.state),
        token=row.token,
        before=json.loads(row.before),
        detail=row.detail,
        at_ms=row.at_ms,
    )
