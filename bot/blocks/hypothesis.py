"""A change of the leading cause, as a thread reply: a needed second look must be a new message, edits notify nobody."""

from bot.blocks import cause
from bot.blocks.shape import Place, Rendered, rendered, section
from bot.blocks.text import safe
from bot.domain.incident import Incident


def render(incident: Incident, place: Place) -> Rendered:
    """Which cause leads now, against which, and why."""
    diagnosis = incident.diagnosis
    hypotheses = diagnosis.hypotheses if diagnosis else ()
    shown = ["🔀 *The leading cause changed.*"]
    for at, hypothesis in enumerate(hypotheses[:2]):
        word = "Now first" if at == 0 else "Behind it"
        shown.append(f"{word}: {cause.named(hypothesis)} ({hypothesis.confidence:.2f})")
    if hypotheses:
        shown += cause.sentences(incident, hypotheses[0], 1)
    text = f"{incident.key}: {cause.headline(incident)}, {safe(incident.title, 120)}"
    blocks = [section("\n".join(shown))]
    return rendered(text, blocks, prefix=f"{incident.id}:hypothesis", revision=incident.seq)
