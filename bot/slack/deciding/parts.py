"""What decisions are made with and what they come to: notes for the row, private answers, tasks, a modal."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.blocks.ids import TIER_RAISE, UNFREEZE, modal_place_of
from bot.blocks.shape import Rendered
from bot.domain.errors import WatchkeeperError
from bot.domain.gate import UNDO_MAX_AGE_S, Verb
from bot.domain.identity import UNREADABLE, Identity, IdentityKind, identity_of
from bot.domain.incident import Incident
from bot.domain.playbook import Playbook
from bot.domain.records import IncidentRow, MessageKind
from bot.pipeline.order_desk import Signing
from bot.ports import Chat, Clock, JobQueue, Store, Transaction
from bot.slack.listening import nobody_waits

_NOT_OURS = {
    IdentityKind.GUEST: "Guests cannot use Watchkeeper; ask an on-call engineer.",
    IdentityKind.STRANGER: "Accounts of other workspaces cannot use Watchkeeper; ask an on-call engineer of ours.",
    IdentityKind.BOT: "Bots and workflows cannot use Watchkeeper.",
    IdentityKind.DEACTIVATED: "This account is deactivated.",
}


@dataclass(frozen=True, slots=True)
class DecidingParts:
    """Everything that the deciding loop uses; the executor is not among it: it polls for grants by itself.

    `say` tells a person what was decided and returns at once.
    """

    store: Store
    chat: Chat
    clock: Clock
    queue: JobQueue
    grant_key: bytes
    approver_group: str
    home_team: str
    observe_only: bool
    new_id: Callable[[], str]
    say: Callable[["Person", "Decision"], None]
    playbooks: Sequence[Playbook] = ()
    undo_max_age_s: float = UNDO_MAX_AGE_S
    make_way: Callable[[], None] = nobody_waits


@dataclass(frozen=True, slots=True)
class Person:
    """Who did something, and where; `reply_url` is a secret, and shown nowhere."""

    user: str
    team: str
    channel: str
    thread_ts: str
    trigger_id: str = ""
    reply_url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a row came to. `note` is kept with the row; `answer` is for the person alone.

    `answering` makes an answer that asks Slack for something, after the transaction.
    """

    note: str
    answer: Rendered | None = None
    tasks: tuple[int, ...] = ()
    view: Mapping[str, Any] | None = None
    gate: "GateRequest | None" = None
    answering: Callable[[Chat], Rendered] | None = None


@dataclass(frozen=True, slots=True)
class GateRequest:
    """Words or a form that the gate must judge like a click; `order` says that a standing order is signed, not a plan."""

    verb: Verb
    incident: str
    plan_hash: str
    channel: str
    message_ts: str
    reason: str = ""
    typed_name: str = ""
    order: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """One row with what Slack says about the person; `in_group` None means that the group is unreadable."""

    person: Person
    identity: Identity
    in_group: bool | None
    payload: Mapping[str, Any] = field(default_factory=dict)
    received_at: float = 0.0


def signing_of(parts: DecidingParts) -> Signing:
    """What signing a standing order needs of these parts."""
    return Signing(
        store=parts.store,
        chat=parts.chat,
        clock=parts.clock,
        grant_key=parts.grant_key,
        approver_group=parts.approver_group,
        home_team=parts.home_team,
        playbooks=parts.playbooks,
    )


def person_of(payload: Mapping[str, Any]) -> Person:
    """Who and where; raises KeyError or ValueError for a row that does not say."""
    place = modal_place_of(str(payload["metadata"])) if "metadata" in payload else None
    return Person(
        user=str(payload["user"]),
        team=str(payload["team"]),
        channel=place.channel if place else str(payload.get("channel", "")),
        thread_ts=place.thread_ts if place else str(payload.get("thread_ts", "")),
        trigger_id=str(payload.get("trigger_id", "")),
        reply_url=str(payload.get("reply_url", "")),
    )


def request_of(parts: DecidingParts, payload: Mapping[str, Any], received_at: float) -> Request:
    """Read who the person is now; trouble with Slack makes an unreadable person, never an error."""
    person = person_of(payload)
    try:
        identity = identity_of(parts.chat.user(person.user))
    except WatchkeeperError:
        identity = UNREADABLE
    try:
        # What lifts a freeze is decided on a group that is read now.
        fresh = payload.get("action") in (UNFREEZE, TIER_RAISE)
        in_group: bool | None = person.user in parts.chat.group_members(parts.approver_group, fresh=fresh)
    except WatchkeeperError:
        in_group = None
    return Request(person, identity, in_group, payload, received_at)


def refused(request: Request, home_team: str) -> str:
    """Why this person may use nothing at all, in one sentence, or an empty string."""
    # In a shared channel the event may name no workspace but ours; the account itself always does.
    if request.person.team != home_team or request.identity.team not in ("", home_team):
        return _NOT_OURS[IdentityKind.STRANGER]
    return _NOT_OURS.get(request.identity.kind, "")


def known_member(request: Request) -> bool:
    """Whether Slack positively says that this is a full member."""
    return request.identity.kind is IdentityKind.MEMBER


def implied(tx: Transaction, person: Person, number: int = 0) -> IncidentRow | None:
    """The incident that is meant: the named one, the channel's or thread's own, or the only open one."""
    if number:
        return next((row for row in tx.all_incidents(limit=1, up_to=number) if row.number == number), None)
    here = tx.incident_at(person.channel, person.thread_ts)
    if here is not None:
        return here
    rows = list(tx.open_incidents())
    return rows[0] if len(rows) == 1 else None


def card_place(tx: Transaction, incident: str) -> tuple[str, str]:
    """(channel, ts) of our message that shows the options, or of the card; empty strings before either is posted."""
    for kind in (MessageKind.PROPOSAL, MessageKind.CARD):
        message = tx.message(incident, kind)
        if message is not None and message.ts:
            return message.channel, message.ts
    return "", ""


def refresh(tx: Transaction, incident: str, *, now: float) -> None:
    """Ask for the card and the proposal to show the newest state, where they exist."""
    for kind in (MessageKind.CARD, MessageKind.PROPOSAL):
        if tx.message(incident, kind) is not None:
            tx.want_message(incident, kind, now=now)


def folded(tx: Transaction, row: IncidentRow) -> Incident:
    """The incident behind a row; raises LookupError when its log is gone."""
    incident = tx.incident(row.id)
    if incident is None:
        message = f"incident {row.id} has no log"
        raise LookupError(message)
    return incident
