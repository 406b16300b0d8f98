"""What may stand in a standing order, and whether one covers a plan at hand: rules with stable names, all pure.

The same lint is asked when an order is drafted, when it is signed, when it fires and when its plan starts. Every rule
denies unless its condition is positively met. Only the engine's own figures are read here, never a model's words.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.domain.actions.table import ACTIONS
from bot.domain.catalogue import NAME, Action
from bot.domain.diagnosis import tuning
from bot.domain.evidence import Conclusion
from bot.domain.incident import Incident, IncidentState
from bot.domain.plan import ActionClass, Plan, PlannedStep, PlanState
from bot.domain.playbook import Input, Playbook, PlaybookStep, Tier
from bot.domain.standing_order import (
    MOST_DAYS,
    SIGNERS,
    OrderRow,
    OrderSignature,
    OrderState,
    StandingOrder,
    TierRow,
    days,
    order_text,
    signature_is_genuine,
    target_name,
)

MAX_SKEW_MS = 120_000
SIGN_WITHIN_MS = 24 * 3_600_000
MOST_SERVICES = 20
MOST_RUNS_PER_HOUR = 10
MOST_RUNS_PER_DAY = 50
MOST_TEXT = 2900
_TARGET = re.compile(r"[a-z0-9.]{1,60}:[A-Za-z0-9._/-]{1,255}/[A-Za-z0-9][A-Za-z0-9._:/-]{0,254}")
_LEAST_MILLI, _MOST_MILLI = round(tuning.CAUSE_FOUND_AT * 1000), round(tuning.CEILING * 1000)
BEFORE_FIX = (IncidentState.INVESTIGATING, IncidentState.IDENTIFIED)
_UNTOUCHED = (PlanState.PROPOSED, PlanState.EXPIRED)


@dataclass(frozen=True, slots=True)
class Held:
    """A rule that keeps an order from firing, with one sentence that says why."""

    rule: str
    text: str


@dataclass(frozen=True, slots=True)
class Around:
    """What the store says at the moment of asking; `now` in unix seconds.

    `tiers` are the rows for the tenant, the plan's services and its playbook; `hour` and `day` count earlier runs of
    the order; `planned` is a planned event under way on a service of the plan; `frozen` a switch or window that is on.
    """

    now: float
    tiers: Sequence[TierRow] = ()
    hour: int = 0
    day: int = 0
    planned: str = ""
    frozen: str = ""


def draft_faults(order: StandingOrder, playbook: Playbook | None) -> list[str]:
    """Everything that forbids this order, each in a sentence; empty where it may be signed."""
    if playbook is None or (order.playbook, order.playbook_digest) != (playbook.id, playbook.digest):
        return [f"playbook {order.playbook} is not loaded, or its file has changed since"]
    return [*_playbook_faults(playbook), *_scope_faults(order), *_cap_faults(order, playbook)]


def allowed_bounds(playbook: Playbook) -> dict[str, tuple[int, int]]:
    """The widest range of each whole-number parameter, from the playbook's own inputs and constants."""
    inputs = {item.name: item for item in playbook.inputs}
    found: dict[str, tuple[int, int]] = {}
    for step, action in _actions(playbook):
        for name, given in step.arguments.items():
            if name in action.params and action.params[name].kind == "integer":
                low, high = _range(given, inputs)
                key = f"{action.id}.{name}"
                before = found.get(key, (low, high))
                found[key] = (min(low, before[0]), max(high, before[1]))
    return found


@dataclass(frozen=True, slots=True)
class Stored:
    """An order with its signatures, and what they are checked with."""

    row: OrderRow
    signatures: Sequence[OrderSignature]
    key: bytes
    tenant: str


def held_back(
    order: Stored, plan: Plan, playbook: Playbook | None, incident: Incident, around: Around
) -> Held | None:
    """The first rule that keeps the order from starting this plan now, or None."""
    return (
        unauthentic(order)
        or not_in_force(order.row, around)
        or uncovered(order.row.order, plan, playbook)
        or uncaused(order.row.order, playbook, incident)
        or untimely(incident, plan, around)
        or over_caps(order.row.order, around)
    )


def unauthentic(stored: Stored) -> Held | None:
    """Whether two people who did not draft it signed exactly these bytes; looks at no clock and no state."""
    row, order = stored.row, stored.row.order
    if not row.intact or order.tenant != stored.tenant:
        return Held("order_changed", f"the stored text of {order.id} is not what was signed")
    genuine = [
        one
        for one in stored.signatures
        if one.order_hash == row.hash
        and signature_is_genuine(one, stored.key)
        and one.signer
        and one.signer != order.drafter
        and order.created_ms - MAX_SKEW_MS <= one.signed_ms <= order.created_ms + SIGN_WITHIN_MS
    ]
    if len({one.signer for one in genuine}) < SIGNERS or len({one.team for one in genuine}) != 1:
        return Held(
            "not_signed", f"{order.id} does not carry the signatures of two people who did not draft it"
        )
    return None


def not_in_force(row: OrderRow, around: Around) -> Held | None:
    """Whether the order is live, in its time, and its scope has not been lowered since it was signed."""
    order, now_ms = row.order, around.now * 1000
    if row.state is not OrderState.LIVE or row.live_seq <= 0:
        return Held("not_live", f"{order.id} is {row.state.value}")
    if not order.created_ms - MAX_SKEW_MS <= now_ms < order.expires_ms:
        return Held("order_expired", f"{order.id} is outside of the time for which it was signed")
    for tier in around.tiers:
        if tier.tier == Tier.OBSERVE or (tier.tier == Tier.SUPERVISED and tier.seq > row.live_seq):
            return Held("tier_lowered", f"the tier of {tier.scope.replace(':', ' ')} is {tier.tier}")
    return None


def uncovered(order: StandingOrder, plan: Plan, playbook: Playbook | None) -> Held | None:
    """Whether the plan is the ordered playbook's, inside the order's scope, bounds and caps, and can be undone."""
    faults = draft_faults(order, playbook)
    if faults:
        return Held("order_unsound", faults[0])
    if (plan.playbook, plan.playbook_digest) != (order.playbook, order.playbook_digest) or plan.undoes:
        return Held("other_playbook", f"the plan is not one of playbook {order.playbook} as it was signed")
    if plan.tenant != order.tenant or plan.klass is ActionClass.DESTRUCTIVE or plan.on_failure != "rollback":
        return Held("class", "the plan is destructive, or does not roll back when it fails")
    if not plan.checks or not plan.steps:
        return Held("class", "the plan has no step or no check")
    reasons = [_step_uncovered(order, step) for step in plan.steps]
    return next((held for held in reasons if held is not None), _too_wide(order, plan))


def uncaused(order: StandingOrder, playbook: Playbook | None, incident: Incident) -> Held | None:
    """Whether the engine alone has found the cause, surely enough, in the order's scope; a model's words are not read."""
    diagnosis = incident.diagnosis
    if diagnosis is None or diagnosis.conclusion is not Conclusion.CAUSE_FOUND or not diagnosis.hypotheses:
        return Held("no_cause", "the engine has not found a cause")
    top = diagnosis.hypotheses[0]
    # Both figures: evidence that outsiders can write counts in the first and not in the second.
    if not min(top.confidence, top.solid) * 1000 >= order.confidence_milli:
        return Held("confidence", f"the engine is less sure than {order.confidence_milli / 10:g} %")
    if top.service not in order.services:
        return Held("scope", f"the cause lies in {top.service}, which {order.id} does not cover")
    if playbook is None or top.cause not in playbook.causes:
        return Held("cause", "the playbook does not answer this cause")
    return None


def untimely(incident: Incident, plan: Plan, around: Around) -> Held | None:
    """Whether this is a moment to act: open, nobody has decided anything in it, no freeze, no planned event."""
    if incident.observe_only or incident.state not in BEFORE_FIX or incident.investigating:
        return Held(
            "incident_state", f"{incident.key} is {incident.state.value}, or is being investigated again"
        )
    if any(option.state not in _UNTOUCHED for option in incident.options):
        return Held("decided", f"somebody has decided about an option of {incident.key} already")
    offered = [option for option in incident.options if option.plan_hash == plan.hash]
    if len(offered) != 1 or offered[0].state is not PlanState.PROPOSED or plan.incident != incident.id:
        return Held("not_offered", f"the plan is not an open option of {incident.key}")
    if not plan.created_ms - MAX_SKEW_MS <= around.now * 1000 < plan.expires_ms:
        return Held("plan_expired", "the plan has expired")
    return _quiet(incident, around)


def over_caps(order: StandingOrder, around: Around) -> Held | None:
    """Whether another run would pass what the order allows in an hour or a day."""
    if around.hour >= order.runs_per_hour:
        return Held("runs_per_hour", f"{order.id} has had its {order.runs_per_hour} runs of this hour")
    if around.day >= order.runs_per_day:
        return Held("runs_per_day", f"{order.id} has had its {order.runs_per_day} runs of 24 hours")
    return None


def tier_scopes(plan: Plan) -> tuple[str, ...]:
    """The scopes whose tier counts for this plan."""
    return (
        "tenant",
        f"playbook:{plan.playbook}",
        *sorted({f"service:{s.target.service}" for s in plan.steps}),
    )


def _quiet(incident: Incident, around: Around) -> Held | None:
    if incident.planned_event or around.planned:
        return Held("planned_event", f"planned event: {incident.planned_event or around.planned}")
    if around.frozen:
        return Held("frozen", f"changes are frozen ({around.frozen})")
    return None


def _too_wide(order: StandingOrder, plan: Plan) -> Held | None:
    for unit, count in plan.blast_radius.items():
        if type(count) is not int or count > order.blast_radius.get(unit, -1):
            return Held("blast_radius", f"the plan touches {count} {unit}, {order.id} allows fewer")
    return None


def _step_uncovered(order: StandingOrder, step: PlannedStep) -> Held | None:
    action = ACTIONS.get(step.action)
    if action is None or action.klass is ActionClass.DESTRUCTIVE:
        return Held("class", f"step {step.id} is destructive or unknown")
    if step.undo_params is None or (not action.nothing_to_undo and not step.undo_command):
        return Held("irreversible", f"step {step.id} cannot be undone")
    target = step.target
    if target.service not in order.services or (order.targets and target_name(target) not in order.targets):
        return Held("scope", f"{target.name} of {target.service} is outside of {order.id}")
    for name, value in step.params.items():
        if action.params[name].kind == "integer":
            low, high = order.bounds.get(f"{action.id}.{name}", (1, 0))
            if type(value) is not int or not low <= value <= high:
                return Held("bounds", f"{name} would be {value}, {order.id} allows {low} to {high}")
    return None


def _playbook_faults(playbook: Playbook) -> list[str]:
    faults = []
    if playbook.tier is not Tier.AUTO:
        faults.append(f"playbook {playbook.id} has tier {playbook.tier.value}; only tier auto may be ordered")
    if playbook.on_failure != "rollback" or not playbook.verify:
        faults.append("the playbook must check its effect and roll back where that fails")
    known = list(_actions(playbook))
    if len(known) != len(playbook.steps):
        faults.append("the playbook uses an action that is not in the catalogue")
    if any(step.irreversible for step, _action in known):
        faults.append("the playbook has a step that cannot be undone")
    if any(action.klass is ActionClass.DESTRUCTIVE for _step, action in known):
        faults.append("the playbook has a destructive step")
    return faults


def _scope_faults(order: StandingOrder) -> list[str]:
    faults = []
    names = order.services
    if not 1 <= len(names) <= MOST_SERVICES or len(set(names)) != len(names):
        faults.append(f"name 1 to {MOST_SERVICES} services, each once")
    if any(not re.fullmatch(NAME, name) for name in names):
        faults.append("a service is named exactly, without wildcards")
    if any(not _TARGET.fullmatch(name) for name in order.targets):
        faults.append("a target is named KIND:SCOPE/NAME")
    if not order.drafter:
        faults.append("the drafter is missing")
    return faults


def _cap_faults(order: StandingOrder, playbook: Playbook) -> list[str]:
    faults = []
    if not 1 <= order.runs_per_hour <= min(MOST_RUNS_PER_HOUR, order.runs_per_day) or not (
        order.runs_per_day <= MOST_RUNS_PER_DAY
    ):
        faults.append(f"1 to {MOST_RUNS_PER_HOUR} runs an hour, at most {MOST_RUNS_PER_DAY} a day")
    if not _LEAST_MILLI <= order.confidence_milli <= _MOST_MILLI:
        faults.append(f"the confidence must be {_LEAST_MILLI / 10:g} to {_MOST_MILLI / 10:g} %")
    if not 0 < days(order) <= MOST_DAYS:
        faults.append(f"an order is valid for at most {MOST_DAYS} days")
    if not _inside(order.bounds, allowed_bounds(playbook)):
        faults.append("the bounds must name each whole-number parameter and lie inside the playbook's own")
    caps = playbook.blast_radius
    if set(order.blast_radius) != set(caps) or any(
        not 0 <= most <= caps[unit] for unit, most in order.blast_radius.items()
    ):
        faults.append("the caps on the blast radius must be those of the playbook or tighter")
    if len(order_text(order.content)) > MOST_TEXT:
        faults.append("the order is too long to be shown whole")
    return faults


def _inside(bounds: Mapping[str, tuple[int, int]], allowed: Mapping[str, tuple[int, int]]) -> bool:
    return set(bounds) == set(allowed) and all(
        allowed[name][0] <= low <= high <= allowed[name][1] for name, (low, high) in bounds.items()
    )


def _actions(playbook: Playbook) -> list[tuple[PlaybookStep, Action]]:
    named = [(step, ACTIONS.get(step.uses.partition("@")[0])) for step in playbook.steps]
    return [(step, action) for step, action in named if action is not None]


def _range(given: str | int, inputs: Mapping[str, Input]) -> tuple[int, int]:
    if not isinstance(given, str):
        return given, given
    item = inputs[given.removeprefix("inputs.")]
    return item.minimum or 0, item.maximum if item.maximum is not None else 0
