"""What a message last said, as far as it decides whether an edit is worth making, and when."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.blocks.shape import Rendered
from bot.domain.canonical import digest
from bot.domain.incident import Incident

FIRST_EDIT_S = 1.0
_YOUNG_S, _YOUNG_EDIT_S, _EDIT_S = 10.0, 3.0, 10.0
# So long after the last alert a storm is over; so late what came last may be folded in.
_QUIET_S, _FOLDED_S = 0.1, 1.0
_MOST_HASTENED = 2


@dataclass(frozen=True, slots=True)
class Shown:
    """What a message last said that is worth an early edit, and when; `said` is empty while nobody knows."""

    gist: tuple[str, ...]
    at: float
    edited: bool
    said: str
    hastened: int = 0

    def ripe(self, now: float, posted_at: float, quiet_s: Callable[[], float]) -> bool:
        """Whether a mere counter may be shown again; `quiet_s` tells for how long no alert came in.

        While they come it waits for its turn. Once they have ended, what they came to is shown within a second: right
        after the post, and a few times later, so that many small storms do not become an edit each.
        """
        since = now - self.at
        if since >= self._turn_s(now, posted_at):
            return True
        if since < FIRST_EDIT_S or self.hastened >= _MOST_HASTENED:
            return False
        quiet = quiet_s()
        return quiet >= _QUIET_S and (not self.edited or quiet < since + _FOLDED_S)

    def early(self, now: float, posted_at: float) -> bool:
        """Whether another edit now comes before its turn."""
        return self.edited and now - self.at < self._turn_s(now, posted_at)

    def _turn_s(self, now: float, posted_at: float) -> float:
        return _YOUNG_EDIT_S if not self.edited or now - posted_at < _YOUNG_S else _EDIT_S


def said_by(content: Rendered) -> str:
    """What people see and click; ids of blocks count revisions, and nobody sees those."""
    return digest([content.text, *({**block, "block_id": ""} for block in content.blocks)])


def gist_of(incident: Incident, content: Rendered) -> tuple[str, ...]:
    """Headline, state, verdict and plans: where these change, an edit waits for nothing but Slack's limits."""
    conclusion = incident.diagnosis.conclusion.value if incident.diagnosis else ""
    states = ",".join(f"{option.letter}{option.state}{option.verified}" for option in incident.options)
    return content.text, incident.state.value, conclusion, states
