"""The gate: who may decide about a plan, in one fixed order of named rules, and what a grant's signature covers.

Pure: `pipeline/approve` reads Slack and the store and hands in the facts; the executor re-checks the grant with
the same functions. Every rule denies unless its condition is positively met, and unreadable means no.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bot.domain.canonical import canonical, digest
from bot.domain.identity import Identity, IdentityKind
from bot.domain.plan import ActionClass, Plan, PlanState
from bot.domain.records import Grant, PlanRow
from bot.domain.scope import scope_words

MAX_SKEW_S = 120.0
GRANT_LIFETIME_S: Mapping[ActionClass, int] = {
    ActionClass.SAFE: 600,
    ActionClass.RISKY: 600,
    ActionClass.DESTRUCTIVE: 300,
}
_GRANT_DOMAIN = b"watchkeeper-grant-1\x00"


class Verb(StrEnum):
    """What a person may do with an offered plan."""

    APPROVE = "approve"
    REJECT = "reject"
    UNDO = "undo"


class Rule(StrEnum):
    """Stable names of the rules, in the order in which they are asked; they stand in the log."""

    OBSERVE_ONLY = "observe_only"
    WRONG_WORKSPACE = "wrong_workspace"
    SHARED_CHANNEL = "shared_channel"
    CARD_MISMATCH = "card_mismatch"
    CHANNEL_UNREADABLE = "channel_unreadable"
    UNKNOWN_PLAN = "unknown_plan"
    PLAN_CHANGED = "plan_changed"
    USER_UNREADABLE = "user_unreadable"
    DEACTIVATED = "deactivated"
    BOT = "bot"
    STRANGER = "stranger"
    GUEST = "guest"
    GROUP_UNREADABLE = "group_unreadable"
    NOT_IN_GROUP = "not_in_group"
    REQUESTER = "requester"
    TYPED_NAME = "typed_name"
    SECOND_APPROVER = "second_approver"
    INCIDENT_CLOSED = "incident_closed"
    FROZEN = "frozen"
    STALE_CLICK = "stale_click"
    EXPIRED = "expired"
    ALREADY_DECIDED = "already_decided"
    NOTHING_TO_UNDO = "nothing_to_undo"


@dataclass(frozen=True, slots=True)
class Click:
    """One button press or modal submission, with the fields of the verified Slack body only.

    `at` is unix seconds at which it was received; `external` says that the body itself calls the channel shared
    with another workspace, which interactions seldom do (`Facts.channel_ours` is what counts); `typed_name` is the target name that a destructive plan asks for.
    """

    user: str
    team: str
    channel: str
    message_ts: str
    plan_hash: str
    incident: str
    verb: Verb
    at: float
    reason: str = ""
    typed_name: str = ""
    external: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What Slack and the store say at the moment of deciding; `members` None means that the group is unreadable.

    `channel_ours` says whether the click's channel belongs to our workspace alone; None means unreadable.
    `cards` are the (channel, ts) of our own messages that show this incident's options; `earlier` are those who
    already confirmed a plan that needs two people; `frozen` is the switch that is on, or None; `damaged` says that
    the stored plan could not be read back as one, `closed` that the incident is over. Times in seconds.
    """

    now: float
    identity: Identity
    members: frozenset[str] | None
    channel_ours: bool | None
    home_team: str
    cards: frozenset[tuple[str, str]]
    row: PlanRow | None
    observe_only: bool
    damaged: bool = False
    frozen: str | None = None
    earlier: frozenset[str] = frozenset()
    requester: str = ""
    closed: bool = False

    @property
    def plan(self) -> Plan | None:
        """The stored plan, where there is one."""
        return self.row.plan if self.row else None

    @property
    def state(self) -> PlanState | None:
        """The stored plan's state, where there is one."""
        return self.row.state if self.row else None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A rule that said no, and one sentence for the person who clicked: why, and what to do."""

    rule: Rule
    text: str


def refusal_of(click: Click, facts: Facts) -> Refusal | None:
    """The first rule that denies this click, or None; the order is that of `Rule`."""
    for check in _CHECKS[click.verb]:
        refusal = check(click, facts)
        if refusal is not None:
            return refusal
    return None


def _mode(_click: Click, facts: Facts) -> Refusal | None:
    if not facts.observe_only:
        return None
    return Refusal(
        Rule.OBSERVE_ONLY,
        "Watchkeeper runs in observe mode and changes nothing; run the shown command yourself.",
    )


def _workspace(click: Click, facts: Facts) -> Refusal | None:
    if facts.home_team and click.team == facts.home_team:
        return None
    return Refusal(
        Rule.WRONG_WORKSPACE,
        "This click came from another workspace; ask an on-call engineer of ours.",
    )


_SHARED = Refusal(
    Rule.SHARED_CHANNEL,
    "This channel is shared with another workspace, so nothing is decided in it; stop sharing it first.",
)


def _shared(click: Click, _facts: Facts) -> Refusal | None:
    if not click.external:
        return None
    return _SHARED


def _card(click: Click, facts: Facts) -> Refusal | None:
    if (click.channel, click.message_ts) in facts.cards:
        return None
    return Refusal(
        Rule.CARD_MISMATCH,
        "This button is not on the incident's own card; use the newest card of the incident.",
    )


def _channel(_click: Click, facts: Facts) -> Refusal | None:
    """After the card: only then is the channel one in which we post, and may it be named."""
    if facts.channel_ours:
        return None
    if facts.channel_ours is None:
        return Refusal(
            Rule.CHANNEL_UNREADABLE,
            "Slack did not say who shares this channel, so nothing was decided; click again in a minute.",
        )
    return _SHARED


def _plan(click: Click, facts: Facts) -> Refusal | None:
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


def freeze_scopes(plan: Plan) -> tuple[str, ...]:
    """The switches that stop this plan, widest first: the tenant, its incident, its services, its actions."""
    services = sorted({f"service:{step.target.service}" for step in plan.steps})
    actions = sorted({f"action:{step.action}" for step in plan.steps})
    return ("tenant", f"incident:{plan.incident}", *services, *actions)


_EXPIRED = Refusal(Rule.EXPIRED, "This option has expired; ask for new ones with /incident options.")
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


def _account(click: Click, facts: Facts) -> Refusal | None:
    identity = facts.identity
    if identity.kind is not IdentityKind.MEMBER:
        return _KIND_REFUSALS[identity.kind]
    if identity.user != click.user:
        return _KIND_REFUSALS[IdentityKind.UNREADABLE]
    if identity.team != facts.home_team:
        return _KIND_REFUSALS[IdentityKind.STRANGER]
    return None


def _group(click: Click, facts: Facts) -> Refusal | None:
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


def _two_people(click: Click, facts: Facts) -> Refusal | None:
    plan = facts.plan
    if plan is None or plan.klass is not ActionClass.DESTRUCTIVE:
        return None
    if click.user == facts.requester:
        return Refusal(
            Rule.REQUESTER, "Whoever asked for a destructive plan cannot approve it; ask two others."
        )
    if click.typed_name not in {step.target.name for step in plan.steps}:
        return Refusal(
            Rule.TYPED_NAME, "The typed name is not the target's; type it exactly as the card shows it."
        )
    if not facts.earlier - {click.user, facts.requester}:
        return Refusal(Rule.SECOND_APPROVER, "Noted; a destructive plan needs a second, different approver.")
    return None


def _life(_click: Click, facts: Facts) -> Refusal | None:
    if not facts.closed:
        return None
    return Refusal(Rule.INCIDENT_CLOSED, "The incident is over, so its options are closed; declare it anew.")


def _freeze(_click: Click, facts: Facts) -> Refusal | None:
    if facts.frozen is None:
        return None
    return Refusal(
        Rule.FROZEN,
        f"Changes are frozen ({scope_words(facts.frozen)}); nothing runs until `/incident unfreeze` lifts the freeze.",
    )


def _clock(click: Click, facts: Facts) -> Refusal | None:
    if abs(facts.now - click.at) <= MAX_SKEW_S:
        return None
    return Refusal(
        Rule.STALE_CLICK,
        "This click is more than two minutes away from the clock; click again, and check the host's time.",
    )


def _expiry(_click: Click, facts: Facts) -> Refusal | None:
    plan, now_ms = facts.plan, facts.now * 1000
    if plan is not None and plan.created_ms - MAX_SKEW_S * 1000 <= now_ms < plan.expires_ms:
        return None
    return _EXPIRED


def _open(_click: Click, facts: Facts) -> Refusal | None:
    if facts.state is PlanState.PROPOSED:
        return None
    if facts.state is PlanState.EXPIRED:
        return _EXPIRED
    return Refusal(
        Rule.ALREADY_DECIDED, f"This option is already {facts.state}; see the card for who decided."
    )


def _undoable(_click: Click, facts: Facts) -> Refusal | None:
    ended = (PlanState.DONE, PlanState.FAILED, PlanState.STOPPED)
    if facts.state in ended and facts.plan is not None and facts.plan.reversible:
        return None
    return Refusal(
        Rule.NOTHING_TO_UNDO,
        "Only a finished plan whose every step has an inverse can be undone; look at the card for what is possible.",
    )


Check = Callable[[Click, Facts], Refusal | None]
_WHO: tuple[Check, ...] = (_mode, _workspace, _shared, _card, _channel, _plan, _account, _group)
_CHECKS: Mapping[Verb, tuple[Check, ...]] = {
    Verb.APPROVE: (*_WHO, _two_people, _life, _freeze, _clock, _expiry, _open),
    Verb.REJECT: (*_WHO, _clock, _open),
    Verb.UNDO: (*_WHO, _two_people, _freeze, _clock, _undoable),
}


def sign_grant(
    *,
    plan_hash: str,
    approver: str,
    team: str,
    channel: str,
    message_ts: str,
    granted_ms: int,
    expires_ms: int,
    nonce: str,
    key: bytes,
) -> Grant:
    """A grant whose MAC covers every other field; raises ValueError for a key under 32 bytes."""
    if len(key) < 32:
        message = "the grant key must have at least 32 bytes"
        raise ValueError(message)
    blank = Grant(plan_hash, approver, team, channel, message_ts, granted_ms, expires_ms, nonce, b"")
    return Grant(
        plan_hash, approver, team, channel, message_ts, granted_ms, expires_ms, nonce, _mac(blank, key)
    )


def grant_is_genuine(grant: Grant, key: bytes) -> bool:
    """Whether the MAC is that of the key over exactly these fields; says nothing about expiry."""
    return hmac.compare_digest(_mac(grant, key), grant.mac)


def grant_expiry_ms(klass: ActionClass, granted_ms: int) -> int:
    """When a grant given now stops counting, in unix milliseconds."""
    return granted_ms + GRANT_LIFETIME_S[klass] * 1000


def _mac(grant: Grant, key: bytes) -> bytes:
    return hmac.new(key, _GRANT_DOMAIN + canonical(grant.signed_fields()), hashlib.sha256).digest()
