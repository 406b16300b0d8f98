"""A reasoner that says what it was told to say: for tests and rehearsals, through the same checks as a real model."""

from collections.abc import Sequence

from bot.domain.citations import checked, engine_explanation
from bot.domain.evidence import Diagnosis, Explanation, Sentence
from bot.domain.incident import Incident
from bot.settings import Settings


class ScriptedReasoner:
    """`bot.ports.Reasoner` with fixed sentences, or with a fixed failure status and none."""

    name = "scripted"

    def __init__(self, sentences: Sequence[Sentence] = (), *, status: str = "ok") -> None:
        self._sentences = tuple(sentences)
        self._status = status

    def explain(self, incident: Incident, diagnosis: Diagnosis) -> Explanation:
        """The script's sentences that survive the checks; the engine's when none does."""
        kept, dropped = checked(self._sentences, diagnosis)
        if self._status != "ok" or not kept:
            return engine_explanation(diagnosis, self._status, dropped=dropped)
        return Explanation(self.name, "ok", kept, dropped)


def build(settings: Settings) -> ScriptedReasoner:
    """A script without lines."""
    return ScriptedReasoner()
