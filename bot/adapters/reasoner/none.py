"""No model: the engine's own sentences are the explanation."""

from bot.domain.citations import engine_explanation
from bot.domain.evidence import Diagnosis, Explanation
from bot.domain.incident import Incident
from bot.settings import Settings


class NoReasoner:
    """`bot.ports.Reasoner` for installations without a model."""

    name = "none"

    def explain(self, incident: Incident, diagnosis: Diagnosis) -> Explanation:
        """The engine's argument, sentence by sentence."""
        return engine_explanation(diagnosis, "none")


def build(settings: Settings) -> NoReasoner:
    """Needs no setting."""
    return NoReasoner()
