"""One line in the alerts channel about an incident that has a channel of its own; edited to the end."""

from bot.blocks import cause
from bot.blocks.card import lock_screen, state_words
from bot.blocks.shape import Place, Rendered, rendered, section
from bot.blocks.text import channel_link, duration, moment, safe, severity_word
from bot.domain.incident import Incident


def render(incident: Incident, place: Place) -> Rendered:
    """Severity, number, title, state and where to go."""
    where = f" · {channel_link(place.channel)}" if place.channel else ""
    first = f"{severity_word(incident.severity)} *{incident.key}* {safe(incident.title, 120)}{where}"
    if incident.state.open:
        known = cause.headline(incident)
        second = f"{state_words(incident)} since {moment(incident.opened_ms)}"
        second += f" · {known}" if known != cause.WORKING else ""
    else:
        took = duration((incident.resolved_ms - incident.opened_ms) / 1000)
        second = f"{state_words(incident)} after {took} · {_cause(incident)}"
    blocks = [section(f"{first}\n{second}")]
    return rendered(
        lock_screen(incident), blocks, prefix=f"{incident.id}:announcement", revision=incident.seq
    )


def _cause(incident: Incident) -> str:
    top = cause.top_cause(incident)
    if top is None:
        return "no cause was established"
    return f"cause: {cause.named(top)}"
