"""Where an incident lives in Slack: a channel of its own for the bad ones, a thread in the alerts channel for the rest."""

import re
import unicodedata
from dataclasses import dataclass

from bot.blocks.shape import Place
from bot.domain.incident import Incident
from bot.domain.records import IncidentRow, Message, MessageKind
from bot.ports import Chat

_IN_CHANNEL = (MessageKind.PROPOSAL, MessageKind.RESOLVED)


@dataclass(frozen=True, slots=True)
class Spot:
    """Where one message goes; an empty `thread_ts` is the channel itself."""

    channel: str
    thread_ts: str = ""


def spot_of(
    kind: MessageKind, incident: Incident, row: IncidentRow, card: Message | None, alerts_channel: str
) -> Spot | None:
    """Where a new message belongs, or None while it must wait for the card or for the channel."""
    if kind is MessageKind.CARD:
        if not incident.channel_wanted:
            return Spot(row.channel or alerts_channel)
        return Spot(row.channel) if row.channel else None
    if card is None or not card.ts:
        return None
    if kind in (MessageKind.ANNOUNCEMENT, MessageKind.MOVED):
        return Spot(alerts_channel)
    # A decision must be seen by people who do not follow the thread.
    if incident.channel_wanted and kind in _IN_CHANNEL:
        return Spot(card.channel)
    return Spot(card.channel, card.ts)


def place_of(incident: Incident, row: IncidentRow, group: str) -> Place:
    """What the messages say about where the incident lives."""
    return Place(row.channel, incident.channel_wanted and bool(row.channel), group)


def channel_name(incident: Incident) -> str:
    """inc-142-checkout-errors: lower-case ASCII letters, digits and hyphens, at most 80 characters."""
    # The count after the name grows old, and CamelCase cannot be read in lower case.
    title = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", re.sub(r" and \d+ more services?$", "", incident.title))
    flat = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", flat).strip("-")[:60].strip("-")
    return f"inc-{incident.number}-{slug}".strip("-")


def topic_of(incident: Incident) -> str:
    """SEV1 | Investigating | INC-142."""
    return f"{incident.severity.label} | {incident.state.value.capitalize()} | {incident.key}"


def furnish(chat: Chat, incident: Incident, *, channel: str, card_ts: str, group: str) -> None:
    """Pin, topic and people, after the card, which nobody should wait for; may be repeated."""
    chat.pin(channel=channel, ts=card_ts)
    chat.set_topic(channel=channel, topic=topic_of(incident))
    chat.invite(channel=channel, users=chat.group_members(group))
