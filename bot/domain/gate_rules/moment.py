"""Whether now is the time: incident, freezes, planned events, clocks, expiry, and what was decided before."""

from bot.domain.gate_rules.terms import MAX_SKEW_S, Click, Facts, Refusal, Rule
from bot.domain.plan import PlanState

_EXPIRED = Refusal(Rule.EXPIRED, "This option has expired; ask for new ones with /incident diagnose.")
_ENDED = (PlanState.DONE, PlanState.FAILED, PlanState.STOPPED)


def life(_click: Click, facts: Facts) -> Refusal | None:
    """The incident is open."""
    if not facts.closed:
        return None
    return Refusal(Rule.INCIDENT_CLOSED, "The incident is over, so its options are closed; declare it anew.")


def freeze(_click: Click, facts: Facts) -> Refusal | None:
    """No switch and no freeze window covers the plan."""
    if facts.frozen is None:
        return None
    return Refusal(
        Rule.FROZEN,
        f"Changes are frozen ({facts.frozen}); nothing runs until the freeze ends or `/incident unfreeze` lifts it.",
    )


def planned_event(_click: Click, facts: Facts) -> Refusal | None:
    """No planned event came up after the plan was made."""
    if not facts.overtaken:
        return None
    return Refusal(
        Rule.PLANNED_EVENT,
        f"The planned event “{facts.overtaken}” began or was entered after this option was made; "
        "ask for new options with /incident diagnose.",
    )


def clocks(click: Click, facts: Facts) -> Refusal | None:
    """Neither the database's clock nor the time that Slack signed is far from ours."""
    skews = {}
    if facts.database_now is not None:
        skews["the database"] = abs(facts.database_now - facts.now)
    if click.slack_at:
        skews["Slack"] = abs(click.slack_at - click.at)
    for other, skew in skews.items():
        if skew > MAX_SKEW_S:
            return Refusal(
                Rule.CLOCK,
                f"The clocks of this host and of {other} are {skew:.0f} s apart, so nothing was decided; "
                "correct the host's time, then click again.",
            )
    return None


def fresh(click: Click, facts: Facts) -> Refusal | None:
    """The click is not old."""
    if abs(facts.now - click.at) <= MAX_SKEW_S:
        return None
    return Refusal(
        Rule.STALE_CLICK,
        "This click is more than two minutes away from the clock; click again, and check the host's time.",
    )


def expiry(_click: Click, facts: Facts) -> Refusal | None:
    """The plan's time is not over, and has begun."""
    plan, now_ms = facts.plan, facts.true_now * 1000
    if plan is not None and plan.created_ms - MAX_SKEW_S * 1000 <= now_ms < plan.expires_ms:
        return None
    return _EXPIRED


def undecided(_click: Click, facts: Facts) -> Refusal | None:
    """Nobody decided about the plan yet."""
    if facts.state is PlanState.PROPOSED:
        return None
    if facts.state is PlanState.EXPIRED:
        return _EXPIRED
    return Refusal(
        Rule.ALREADY_DECIDED, f"This option is already {facts.state}; see the card for who decided."
    )


def undoable(_click: Click, facts: Facts) -> Refusal | None:
    """The plan ran, and some of its steps have an inverse."""
    if facts.state in _ENDED and facts.plan is not None and facts.plan.undoable:
        return None
    return Refusal(
        Rule.NOTHING_TO_UNDO,
        "Only a finished plan with a step that has an inverse can be undone; look at the card for what is possible.",
    )


def recent(_click: Click, facts: Facts) -> Refusal | None:
    """The run ended so lately that what it put aside is still the right thing to go back to."""
    if facts.ended_at is None or facts.true_now - facts.ended_at <= facts.undo_max_age_s:
        return None
    hours = facts.undo_max_age_s / 3600
    return Refusal(
        Rule.UNDO_TOO_OLD,
        f"This ran more than {hours:.3g} h ago, too long to put back what was there then; ask for new options.",
    )
