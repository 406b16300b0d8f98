"""What a rule says: whom it blames for what, how sure, and the words of the cluster that show it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bot.domain.diagnosis.cluster.cause import Cause
from bot.domain.diagnosis.cluster.state import ClusterState

# How directly the evidence names the cause: what the judge orders by.
SAID = 0.95  # A control plane or kernel named this cause, and it still holds.
SHOWN = 0.85  # A configuration contradicts itself, and its effect is seen.
SEEN = 0.65  # The effect is seen and this cause is the likeliest of several.
HINTED = 0.45  # One symptom that other causes make too.
LATENT = 0.25  # A contradiction whose effect is not seen.


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause for one object: `kind` is workload, node or namespace; `weight` 0..1 orders findings.

    `quote` are the cluster's own words; `hurts` names workloads that the fault takes down beyond the blamed one.
    """

    rule: str
    version: int
    kind: str
    name: str
    cause: Cause
    weight: float
    because: str
    quote: str = ""
    hurts: tuple[str, ...] = ()

    @property
    def hearsay(self) -> bool:
        """Whether it rests on words that a workload wrote, and outsiders may have put there."""
        return self.rule in _FROM_LOGS


_FROM_LOGS = frozenset({"database/refused", "database/link", "address/name", "crash/files", "crash/port"})

Look = Callable[[ClusterState], Iterator[Finding]]
