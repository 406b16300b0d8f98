"""A notice: one plain sentence of ours that somebody asked to be posted into an incident's thread."""

from bot.blocks.shape import Place, Rendered, rendered, section
from bot.blocks.text import safe
from bot.domain.incident import Incident


def render(incident: Incident, place: Place, text: str = "") -> Rendered:
    """The sentence."""
    said = safe(text, 1500) or "—"
    return rendered(
        f"{incident.key}: {said}", [section(said)], prefix=f"{incident.id}:notice", revision=incident.seq
    )
