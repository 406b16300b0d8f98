"""Who clicked: the account, the group, and what the plan's class asks of that person."""

from collections.abc import Mapping

from bot.domain.gate_rules.terms import Click, Facts, Refusal, Rule
from bot.domain.identity import IdentityKind
from bot.domain.plan import ActionClass

LEAST_REASON_CHARS = 3
MOST_REASON_CHARS = 300

_KIND_REFUSALS: Mapping[IdentityKind, Refusal] = {
    IdentityKind.UNREADABLE: Refusal(
        Rule.USER_UNREADABLE,
        "Slack did not say who you are, so nothing was decided; click again in a minute.",
    ),
    IdentityKind.DEACTIVATED: Refusal(
        Rule.DEACTIVATED, "This account is deactivated; an active on-call engineer must decide."
    ),
    IdentityKind.BOT: Refusal(Rule.BOT, "Bots and workflows cannot decide; an on-call engineer must click."),
    IdentityKind.STRANGER: Refusal(
        Rule.STRANGER, "Accounts of other workspaces cannot decide; an on-call engineer of ours must click."
    ),
    IdentityKind.GUEST: Refusal(Rule.GUEST, "Guests cannot decide; ask an on-call engineer to click."),
}


def account(click: Click, facts: Facts) -> Refusal | None:
    """Slack positively says that this is a full member of ours."""
    identity = facts.identity
    if identity.kind is not IdentityKind.MEMBER:
        return _KIND_REFUSALS[identity.kind]
    if identity.user != click.user:
        return _KIND_REFUSALS[IdentityKind.UNREADABLE]
    if identity.team != facts.home_team:
        return _KIND_REFUSALS[IdentityKind.STRANGER]
    return None


def group(click: Click, facts: Facts) -> Refusal | None:
    """The person is in the approver group, which could be read."""
    if facts.members is None:
        return Refusal(
            Rule.GROUP_UNREADABLE,
            "The approver group could not be read from Slack, so nothing was decided; click again in a minute.",
        )
    if click.user in facts.members:
        return None
    return Refusal(
        Rule.NOT_IN_GROUP,
        "You are not in the approver group; ask one of its members to decide.",
    )


def asked_for_it(click: Click, facts: Facts) -> Refusal | None:
    """Whoever asked for a destructive plan is neither of the two people."""
    if not facts.destructive or click.user not in facts.requesters:
        return None
    return Refusal(Rule.REQUESTER, "Whoever asked for a destructive plan cannot approve it; ask two others.")


def typed_name(click: Click, facts: Facts) -> Refusal | None:
    """A destructive plan asks for the name of its target, typed by hand."""
    if facts.plan is None or not facts.destructive:
        return None
    if click.typed_name in {step.target.name for step in facts.plan.steps}:
        return None
    return Refusal(
        Rule.TYPED_NAME, "The typed name is not the target's; press Review and type it exactly as shown."
    )


def reason(click: Click, facts: Facts) -> Refusal | None:
    """A risky plan asks for a written reason."""
    if facts.plan is None or facts.plan.klass is not ActionClass.RISKY:
        return None
    words = sum(map(str.isalnum, click.reason))  # Blanks that nobody sees, or dots, are no reason.
    if words >= LEAST_REASON_CHARS and len(click.reason.strip()) <= MOST_REASON_CHARS:
        return None
    return Refusal(
        Rule.NO_REASON,
        f"A risky plan needs a reason in words, {LEAST_REASON_CHARS} to {MOST_REASON_CHARS} characters; "
        "press Review and write why.",
    )


def second(click: Click, facts: Facts) -> Refusal | None:
    """Asked last: everything else is in order, and only the other person is missing."""
    if not facts.destructive or facts.earlier - {click.user} - facts.requesters:
        return None
    return Refusal(
        Rule.SECOND_APPROVER,
        "Noted; a destructive plan needs a second, different approver before it expires.",
    )
