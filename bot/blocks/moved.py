"""What is left of a message whose incident got a channel of its own: where it is now, and no button."""

from bot.blocks.shape import Place, Rendered, rendered, section
from bot.blocks.text import channel_link
from bot.domain.incident import Incident


def render(incident: Incident, place: Place) -> Rendered:
    """One line."""
    where = channel_link(place.channel) if place.channel else "a channel of its own"
    said = f"{incident.key} was raised to {incident.severity.label} and goes on in {where}."
    return rendered(said, [section(f"➡️ {said}")], prefix=f"{incident.id}:moved", revision=incident.seq)
