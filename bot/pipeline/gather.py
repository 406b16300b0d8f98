"""gather: the facts on which the gate judges one click: Slack's answers first, then the store's in one transaction."""

from dataclasses import dataclass

from bot.domain.errors import WatchkeeperError
from bot.domain.gate import Click, Facts, Verb, freeze_scopes, shows
from bot.domain.identity import UNREADABLE, Identity, IdentityKind, identity_of, ours_alone
from bot.domain.incident import Incident, OptionView
from bot.domain.incident_fold import option_of
from bot.domain.plan import ActionClass
from bot.domain.records import MessageKind, PlanRow
from bot.pipeline.forbid import forbidden, overtaken, read_only
from bot.pipeline.tiers import observed
from bot.ports import Chat, Clock, Store, Transaction

CARDS = (MessageKind.PROPOSAL, MessageKind.CARD)
# The first yes to an undo has no plan of its own yet whose expiry could end it.
_AGREED_MS = 15 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Caller:
    """What Slack says about who clicked and where; `earlier` said yes before, and still may decide."""

    identity: Identity
    members: frozenset[str] | None
    channel_ours: bool | None
    earlier: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gate:
    """What the gate is told by the process that it runs in."""

    clock: Clock
    grant_key: bytes
    home_team: str
    observe_only: bool
    undo_max_age_s: float


def call_slack(store: Store, chat: Chat, click: Click, *, group: str, now: float) -> Caller:
    """Ask Slack who this is; trouble makes an unreadable answer, never an error.

    A destructive plan is decided on a group and on accounts that are read now, those of the first person too.
    """
    incident = store.read(lambda tx: tx.incident(click.incident))
    option = option_of(incident, click.plan_hash) if incident else None
    destructive = option is not None and option.plan.get("klass") == ActionClass.DESTRUCTIVE.value
    members = _members(chat, group, fresh=destructive)
    earlier = _agreed(option, click.verb, now) if option is not None and destructive else ()
    still = tuple(
        user
        for user in earlier
        if user in (members or ()) and _identity(chat, user).kind is IdentityKind.MEMBER
    )
    return Caller(_identity(chat, click.user), members, _ours(chat, click.channel), still)


def facts_of(tx: Transaction, click: Click, caller: Caller, gate: Gate) -> tuple[Facts, Incident | None]:
    """Everything that the rules ask for, read in the transaction that decides."""
    now = gate.clock.now()
    incident = tx.incident(click.incident)
    row, damaged = _stored(tx, click.plan_hash)
    shown = option_of(incident, click.plan_hash) if incident else None
    if shown is None:
        row, damaged = None, False
    elif not shows(shown.plan, click.plan_hash):
        damaged = True
    database_now = tx.database_now(now=now)
    true_now = now if database_now is None else database_now
    return Facts(
        now=now,
        identity=caller.identity,
        members=caller.members,
        channel_ours=caller.channel_ours,
        home_team=gate.home_team,
        cards=_cards(tx, click.incident),
        row=row,
        observe_only=gate.observe_only or (row is not None and bool(observed(tx, row.plan))),
        damaged=damaged,
        frozen=_frozen(tx, row, true_now),
        overtaken=overtaken(tx, row.plan, now=true_now) if row else "",
        earlier=frozenset(caller.earlier) & frozenset(_agreed(shown, click.verb, now) if shown else ()),
        requesters=frozenset(shown.requesters if shown else ()),
        closed=incident is not None and not incident.state.open,
        database_now=database_now,
        ended_at=shown.ended_ms / 1000 if shown and shown.ended_ms else None,
        undo_max_age_s=gate.undo_max_age_s,
    ), incident


def _frozen(tx: Transaction, row: PlanRow | None, now: float) -> str | None:
    if row is None:
        return None
    return forbidden(tx, freeze_scopes(row.plan), now=now, looks_only=read_only(row.plan))


def _agreed(option: OptionView, verb: Verb, now: float) -> tuple[str, ...]:
    oldest_ms = now * 1000 - _AGREED_MS
    return tuple(yes.by for yes in option.agreed if yes.verb == verb.value and yes.at_ms >= oldest_ms)


def _identity(chat: Chat, user: str) -> Identity:
    try:
        return identity_of(chat.user(user))
    except WatchkeeperError:
        return UNREADABLE


def _members(chat: Chat, group: str, *, fresh: bool) -> frozenset[str] | None:
    try:
        return frozenset(chat.group_members(group, fresh=fresh))
    except WatchkeeperError:
        return None


def _ours(chat: Chat, channel: str) -> bool | None:
    try:
        return ours_alone(chat.channel(channel))
    except WatchkeeperError:
        return None


def _stored(tx: Transaction, plan_hash: str) -> tuple[PlanRow | None, bool]:
    """The row, and whether there is one that no longer reads as a plan."""
    try:
        return tx.plan(plan_hash), False
    except (KeyError, TypeError, ValueError):
        return None, True


def _cards(tx: Transaction, incident: str) -> frozenset[tuple[str, str]]:
    messages = [tx.message(incident, kind) for kind in CARDS]
    return frozenset((message.channel, message.ts) for message in messages if message and message.ts)
