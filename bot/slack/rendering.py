"""Which message is drawn by which pure function; the order of `MessageKind` is not the order of posting."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from bot.blocks import announcement, card, evidence, hypothesis, moved, notice, postmortem, proposal, resolved
from bot.blocks.shape import Place, Rendered, section, with_blocks
from bot.blocks.text import safe
from bot.blocks.validate import rendered_faults
from bot.domain.incident import Incident
from bot.domain.records import MessageKind

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Content:
    """Everything that a message is drawn from."""

    incident: Incident
    place: Place
    text: str = ""
    postmortem: str = ""
    names: Mapping[str, str] = field(default_factory=dict)


_RENDERERS: Mapping[MessageKind, Callable[[Content], Rendered]] = {
    MessageKind.ANNOUNCEMENT: lambda content: announcement.render(content.incident, content.place),
    MessageKind.CARD: lambda content: card.render(content.incident, content.place),
    MessageKind.EVIDENCE: lambda content: evidence.render(content.incident, content.place),
    MessageKind.PROPOSAL: lambda content: proposal.render(content.incident, content.place),
    MessageKind.HYPOTHESIS: lambda content: hypothesis.render(content.incident, content.place),
    MessageKind.RESOLVED: lambda content: resolved.render(content.incident, content.place),
    MessageKind.POSTMORTEM: lambda content: postmortem.render(
        content.incident, content.place, content.postmortem, content.names
    ),
    MessageKind.MOVED: lambda content: moved.render(content.incident, content.place),
    MessageKind.NOTICE: lambda content: notice.render(content.incident, content.place, content.text),
}


def render(kind: MessageKind, content: Content) -> Rendered:
    """The message; where our own validator finds a fault, its one line alone, so that it is never lost."""
    message = _RENDERERS[kind](content)
    found = rendered_faults(message)
    if not found:
        return message
    _log.error("message_over_limits", kind=kind.value, incident=content.incident.id, faults=found[:5])
    return with_blocks(message, [section(safe(message.text, 300))])
