"""Where the click came from and what it names: workspace, channel, card, plan."""

import hashlib
from collections.abc import Mapping
from typing import Any

from bot.domain.canonical import digest
from bot.domain.gate_rules.terms import Click, Facts, Refusal, Rule
from bot.domain.records import PlanRow

_SHARED = Refusal(
    Rule.SHARED_CHANNEL,
    "This channel is shared with another workspace, so nothing is decided in it; stop sharing it first.",
)


def mode(_click: Click, facts: Facts) -> Refusal | None:
    """Nothing is decided while the product only observes."""
    if not facts.observe_only:
        return None
    return Refusal(
        Rule.OBSERVE_ONLY,
        "Watchkeeper runs in observe mode and changes nothing; run the shown command yourself.",
    )


def workspace(click: Click, facts: Facts) -> Refusal | None:
    """The click is from our workspace."""
    if facts.home_team and click.team == facts.home_team:
        return None
    return Refusal(
        Rule.WRONG_WORKSPACE,
        "This click came from another workspace; ask an on-call engineer of ours.",
    )


def shared(click: Click, _facts: Facts) -> Refusal | None:
    """The body does not call its channel shared."""
    if not click.external:
        return None
    return _SHARED


def card(click: Click, facts: Facts) -> Refusal | None:
    """The message is ours and shows this incident's options."""
    if (click.channel, click.message_ts) in facts.cards:
        return None
    return Refusal(
        Rule.CARD_MISMATCH,
        "This button is not on the incident's own card; use the newest card of the incident.",
    )


def channel(_click: Click, facts: Facts) -> Refusal | None:
    """After the card: only then is the channel one in which we post, and may it be named."""
    if facts.channel_ours:
        return None
    if facts.channel_ours is None:
        return Refusal(
            Rule.CHANNEL_UNREADABLE,
            "Slack did not say who shares this channel, so nothing was decided; click again in a minute.",
        )
    return _SHARED


def plan(click: Click, facts: Facts) -> Refusal | None:
    """The stored plan is the one that was shown, and belongs to the incident."""
    if facts.damaged or (facts.row is not None and not intact(facts.row, click.plan_hash)):
        return Refusal(
            Rule.PLAN_CHANGED,
            "The stored plan is not the one that was shown; nothing will run. Ask for new options.",
        )
    if facts.row is None or facts.row.plan.incident != click.incident:
        return Refusal(
            Rule.UNKNOWN_PLAN,
            "This option is not offered in the incident any more; use its newest card.",
        )
    return None


def intact(row: PlanRow, shown_hash: str) -> bool:
    """Whether the stored text, the plan read from it and the row's name all are what `shown_hash` names."""
    stored = hashlib.sha256(row.content).hexdigest()
    return row.hash == stored == row.plan.hash == shown_hash


def shows(content: Mapping[str, Any], plan_hash: str) -> bool:
    """Whether the plan that the card was rendered from is the one that `plan_hash` names."""
    return digest(content) == plan_hash
