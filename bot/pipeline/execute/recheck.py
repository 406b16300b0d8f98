"""Everything that must still be true before an approved plan starts, asked of the store by the executor itself.

The web process checked most of it at the click; this process trusts none of that.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.actions.table import action_of
from bot.domain.binding import is_bound_from
from bot.domain.canonical import canonical, without_floats
from bot.domain.catalogue import rederived
from bot.domain.errors import Permanent, Refused
from bot.domain.gate import GRANT_LIFETIME_S, MAX_SKEW_S, grant_is_genuine
from bot.domain.incident import IncidentState
from bot.domain.plan import ActionClass, Plan, plan_from_json
from bot.domain.playbook import Playbook
from bot.domain.records import Grant, PlanRow, StepRow
from bot.domain.undo import undo_plan
from bot.pipeline.execute.journal import Run
from bot.pipeline.execute.terms import Means
from bot.pipeline.forbid import overtaken, read_only
from bot.pipeline.orders import order_refusal
from bot.pipeline.tiers import observed
from bot.ports import Transaction

MAX_PLAN_LIFETIME_MS = 15 * 60 * 1000
GROUP_MAX_AGE_S = 120.0
_RANK = {ActionClass.SAFE: 0, ActionClass.RISKY: 1, ActionClass.DESTRUCTIVE: 2}


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store says about a plan at the moment of starting; `running` holds None for an unreadable one."""

    grant: Grant | None
    incident: IncidentState | None
    running: Sequence[Plan | None]
    original: PlanRow | None
    original_journal: Sequence[StepRow]
    forbidden: str | None
    overtaken: str
    approvers: frozenset[str] | None
    observed: str
    database_now: float | None
    now: float


def recheck(run: Run, *, resumed: bool) -> None:
    """Raise Refused with the first rule that says no. A plan that had begun in time is not stopped by expiry."""
    stored = run.means.store.read(lambda tx: _stored(tx, run))
    plan = _content(run)
    _mode(run.means)
    _grant(run, plan, stored.grant, resumed=resumed)
    if not resumed:
        _clocks(run, stored)
        _in_time(plan, stored)
        _people(plan, stored)
        _world(plan, stored)
    _steps(run, plan)
    if plan.undoes:
        _undo(run, plan, stored)
    else:
        _playbook(run, plan)


def _stored(tx: Transaction, run: Run) -> Stored:
    plan = run.row.plan
    incident = tx.incident_row(plan.incident)
    known = tx.database_now(now=run.now())
    now = run.now() if known is None else known
    held = (run.held(tx, step) for step in plan.steps)
    return Stored(
        grant=tx.grant(run.hash),
        incident=incident.state if incident else None,
        running=[_running(tx, found) for found in tx.running_plans() if found != run.hash],
        original=tx.plan(plan.undoes) if plan.undoes else None,
        original_journal=tx.steps(plan.undoes) if plan.undoes else (),
        forbidden=next((one for one in held if one is not None), None),
        overtaken=overtaken(tx, plan, now=now),
        approvers=_approvers(tx, now),
        observed=observed(tx, plan),
        database_now=known,
        now=now,
    )


def _approvers(tx: Transaction, now: float) -> frozenset[str] | None:
    """The approver group as web read it from Slack lately; None where that is too long ago."""
    kept = tx.approvers()
    return kept[0] if kept is not None and abs(now - kept[1]) <= GROUP_MAX_AGE_S else None


def _running(tx: Transaction, plan_hash: str) -> Plan | None:
    try:
        row = tx.plan(plan_hash)
    except (KeyError, TypeError, ValueError):
        return None
    return row.plan if row else None


def _no(rule: str, message: str) -> Refused:
    return Refused(message, rule=rule)


def _content(run: Run) -> Plan:
    """The plan read again from the stored bytes, which must be canonical and hash to the approved name."""
    try:
        data = json.loads(run.row.content)
        plan = plan_from_json(data)
    except (ValueError, KeyError, TypeError) as error:
        raise _no("plan_changed", "the stored plan cannot be read back") from error
    same = canonical(plan.to_json()) == run.row.content and plan.hash == run.hash and plan == run.row.plan
    if not same or not without_floats(data) or plan.tenant != run.means.store.tenant:
        raise _no("plan_changed", "the stored plan is not the one that was approved")
    return plan


def _mode(means: Means) -> None:
    if means.mode != "supervised":
        raise _no("observe_only", "Watchkeeper runs in observe mode and changes nothing")


def _grant(run: Run, plan: Plan, grant: Grant | None, *, resumed: bool) -> None:
    if grant is None or grant.plan_hash != run.hash:
        raise _no("no_grant", "there is no recorded approval of this plan")
    if not grant_is_genuine(grant, run.means.grant_key):
        raise _no("forged_grant", "the recorded approval does not carry our signature")
    lifetime_ms = GRANT_LIFETIME_S[plan.klass] * 1000
    if grant.expires_ms - grant.granted_ms > lifetime_ms:
        raise _no("grant_too_long", "the recorded approval is valid for longer than its class allows")
    if grant.order_hash:
        means = run.means
        held = means.store.read(lambda tx: order_refusal(tx, means, grant, plan, resumed=resumed))
        if held is not None:
            raise _no(held.rule, held.text)
    elif not grant.approver:
        raise _no("no_grant", "the recorded approval names nobody")
    elif plan.klass is ActionClass.DESTRUCTIVE and grant.seconded_by in ("", grant.approver):
        raise _no("second_approver", "a destructive plan needs two people, the recorded approval names one")


def _people(plan: Plan, stored: Stored) -> None:
    """Both people of a destructive plan are in the approver group still; a group not read lately means no."""
    grant = stored.grant
    if plan.klass is not ActionClass.DESTRUCTIVE or grant is None:
        return
    if stored.approvers is None:
        raise _no("group_unreadable", "the approver group was not read from Slack in the last two minutes")
    if not {grant.approver, grant.seconded_by} <= stored.approvers:
        raise _no("not_in_group", "one of the two people is not in the approver group any more")


def _clocks(run: Run, stored: Stored) -> None:
    known = stored.database_now
    if known is not None and abs(known - run.now()) > MAX_SKEW_S:
        apart = abs(known - run.now())
        raise _no(
            "clock", f"the clocks of this host and of the database are {apart:.0f} s apart; correct them"
        )


def _in_time(plan: Plan, stored: Stored) -> None:
    grant, now_ms = stored.grant, stored.now * 1000
    if plan.expires_ms - plan.created_ms > MAX_PLAN_LIFETIME_MS:
        raise _no("plan_too_long", "the plan is valid for longer than 15 minutes")
    if now_ms >= plan.expires_ms:
        raise _no("plan_expired", "the plan expired before it could start; ask for new options")
    if grant is None or now_ms >= grant.expires_ms:
        raise _no("grant_expired", "the approval expired before the plan could start; approve again")
    if now_ms < max(plan.created_ms, grant.granted_ms) - MAX_SKEW_S * 1000:
        raise _no("clock", "plan and approval lie in the future; check the clocks of the hosts")


def _world(plan: Plan, stored: Stored) -> None:
    if stored.observed:
        raise _no("observe_only", f"the tier of {stored.observed} is observe, so that nothing changes there")
    if stored.forbidden is not None:
        raise _no("frozen", f"changes are frozen ({stored.forbidden})")
    if stored.overtaken:
        message = f"the planned event “{stored.overtaken}” began or was entered after the plan was made"
        raise _no("planned_event", message)
    if not read_only(plan) and any(_in_the_way(plan, other) for other in stored.running):
        message = "another plan of this incident or on the same target is running; wait until it has ended"
        raise _no("another_running", message)
    closed = stored.incident is None or not stored.incident.open
    if closed and not plan.undoes:
        raise _no("incident_closed", "the incident was closed after the approval")


def _in_the_way(plan: Plan, other: Plan | None) -> bool:
    """Whether a running plan could undo what this one does; one that cannot be read could."""
    if other is None:
        return True
    targets = {step.target.uid for step in plan.steps}
    near = other.incident == plan.incident or any(step.target.uid in targets for step in other.steps)
    return near and not read_only(other)


def _steps(run: Run, plan: Plan) -> None:
    """Every step is the catalogue's own, with its bounds, its command and somebody to run it."""
    rank = 0
    for step in plan.steps:
        try:
            action = action_of(step.action)
            same = rederived(action, step) == step
        except Permanent as error:
            raise _no("outside_catalogue", str(error)) from error
        if not same:
            raise _no("command_changed", f"the command of step {step.id} is not what the catalogue derives")
        if action.executor not in run.means.executors:
            raise _no("no_executor", f"no executor is configured for {step.action}")
        rank = max(rank, _RANK[action.klass])
    if not plan.steps or _RANK[plan.klass] < rank:
        raise _no("class_changed", "the plan claims to be less dangerous than its steps")


def _playbook(run: Run, plan: Plan) -> None:
    """The reviewed file that the plan was bound from is loaded, unchanged, and says the same."""
    playbook = playbook_of(run.means, plan)
    if not is_bound_from(playbook, plan.steps) or plan.on_failure != playbook.on_failure:
        raise _no("playbook_changed", f"the plan's steps are not those of playbook {plan.playbook}")
    _checks(plan, playbook)
    _caps(plan, playbook)


def playbook_of(means: Means, plan: Plan) -> Playbook:
    """The playbook of the plan; raises Refused where it is gone or another file now."""
    playbook = next((book for book in means.playbooks.all() if book.id == plan.playbook), None)
    if playbook is None or playbook.digest != plan.playbook_digest:
        raise _no("playbook_changed", f"playbook {plan.playbook} is not the one that the plan was made from")
    return playbook


def _checks(plan: Plan, playbook: Playbook) -> None:
    """Each check of the playbook is in the plan for at least one service; only its window may be shorter."""
    windows = {(check.signal, check.below_milli): check.within_s for check in playbook.verify}
    known = all(check.within_s <= windows.get((check.signal, check.below_milli), -1) for check in plan.checks)
    if not known or {(check.signal, check.below_milli) for check in plan.checks} != set(windows):
        raise _no("playbook_changed", f"the plan's checks are not those of playbook {plan.playbook}")


def _caps(plan: Plan, playbook: Playbook) -> None:
    for name, amount in plan.blast_radius.items():
        cap = playbook.blast_radius.get(name)
        if cap is None or amount > cap:
            raise _no(
                "blast_radius", f"the plan touches {amount} {name}, playbook {plan.playbook} allows {cap}"
            )


def _undo(run: Run, plan: Plan, stored: Stored) -> None:
    """An undo must be exactly what the original and its journal give, and be asked for in time."""
    if stored.original is None:
        raise _no("undo_changed", "the plan that is to be undone does not exist")
    ended_ms = max((row.at_ms for row in stored.original_journal), default=plan.created_ms)
    if plan.created_ms - ended_ms > run.means.undo_max_age_s * 1000:
        raise _no("undo_too_old", "what is to be undone ran too long ago")
    try:
        expected = undo_plan(
            stored.original.plan, stored.original_journal, now_ms=plan.created_ms, nonce=plan.nonce
        )
    except Permanent as error:
        raise _no("undo_changed", str(error)) from error
    if expected.hash != plan.hash:
        raise _no("undo_changed", "the undo is not the inverse of what was done")
