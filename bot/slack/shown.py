"""What a message last said, as far as it decides whether an edit is worth making, and when."""

from dataclasses import dataclass

from bot.blocks.shape import Rendered
from bot.domain.canonical import digest
from bot.domain.incident import Incident


@dataclass(frozen=True, slots=True)
class Shown:
    """What a message last said that is worth an early edit, and when; `said` is empty while nobody knows."""

    gist: tuple[str, ...]
    at: float
    edited: bool
    said: str


def said_by(content: Rendered) -> str:
    """What people see and click; ids of blocks count revisions, and nobody sees those."""
    return digest([content.text, *({**block, "block_id": ""} for block in content.blocks)])


def gist_of(incident: Incident, content: Rendered) -> tuple[str, ...]:
    """Headline, state, verdict and plans: where these change, an edit waits for nothing but Slack's limits."""
    conclusion = incident.diagnosis.conclusion.value if incident.diagnosis else ""
    states = ",".join(f"{option.letter}{option.state}{option.verified}" for option in incident.options)
    return content.text, incident.state.value, conclusion, states
