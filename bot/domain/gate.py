"""The gate: who may decide about a plan, in one fixed order of named rules.

Pure: `pipeline/approve` reads Slack and the store and hands in the facts; the executor re-checks the grant with
the same functions. Every rule denies unless its condition is positively met, and unreadable means no. The rules
stand in `domain/gate_rules`, the grant's signature in `domain/grants`; this module is the door to both.
"""

from collections.abc import Callable, Mapping

from bot.domain.gate_rules import moment, person, place
from bot.domain.gate_rules.place import intact, shows
from bot.domain.gate_rules.terms import (
    MAX_SKEW_S,
    UNDO_MAX_AGE_S,
    WARN_SKEW_S,
    Click,
    Facts,
    Refusal,
    Rule,
    Verb,
)
from bot.domain.grants import GRANT_LIFETIME_S, grant_expiry_ms, grant_is_genuine, sign_grant
from bot.domain.plan import Plan

__all__ = [
    "GRANT_LIFETIME_S",
    "MAX_SKEW_S",
    "UNDO_MAX_AGE_S",
    "WARN_SKEW_S",
    "Click",
    "Facts",
    "Refusal",
    "Rule",
    "Verb",
    "freeze_scopes",
    "grant_expiry_ms",
    "grant_is_genuine",
    "intact",
    "refusal_of",
    "shows",
    "sign_grant",
]

Check = Callable[[Click, Facts], Refusal | None]
_WHO: tuple[Check, ...] = (
    place.mode,
    place.workspace,
    place.shared,
    place.card,
    place.channel,
    place.plan,
    person.account,
    person.group,
)
_CLASS: tuple[Check, ...] = (person.asked_for_it, person.typed_name, person.reason)
_CHECKS: Mapping[Verb, tuple[Check, ...]] = {
    Verb.APPROVE: (
        *_WHO,
        *_CLASS,
        moment.life,
        moment.freeze,
        moment.planned_event,
        moment.clocks,
        moment.fresh,
        moment.expiry,
        moment.undecided,
        person.second,
    ),
    Verb.REJECT: (*_WHO, moment.clocks, moment.fresh, moment.undecided),
    Verb.UNDO: (
        *_WHO,
        moment.freeze,
        moment.clocks,
        moment.fresh,
        moment.undoable,
        moment.recent,
        person.second,
    ),
}


def refusal_of(click: Click, facts: Facts) -> Refusal | None:
    """The first rule that denies this click, or None; the order is that of `Rule`."""
    for check in _CHECKS[click.verb]:
        refusal = check(click, facts)
        if refusal is not None:
            return refusal
    return None


def freeze_scopes(plan: Plan) -> tuple[str, ...]:
    """The switches that stop this plan, widest first: the tenant, its incident, its services, its actions."""
    services = sorted({f"service:{step.target.service}" for step in plan.steps})
    actions = sorted({f"action:{step.action}" for step in plan.steps})
    return ("tenant", f"incident:{plan.incident}", *services, *actions)
