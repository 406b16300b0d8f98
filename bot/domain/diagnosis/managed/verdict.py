"""What a rule says: which fault, on what grounds, which symptoms it accounts for and what it rules out."""

from dataclasses import dataclass

from bot.domain.evidence import CauseClass, EvidenceKind, EvidenceRole
from bot.domain.trust import Trust


@dataclass(frozen=True, slots=True)
class Fact:
    """One citable fact before it has a number; `at` in unix seconds, `quote` holds foreign words of that trust."""

    key: str
    kind: EvidenceKind
    role: EvidenceRole
    text: str
    at: float
    source: str
    quote: str = ""
    trust: Trust = Trust.WORKLOAD


@dataclass(frozen=True, slots=True)
class Verdict:
    """A fault that a rule found on one instance.

    `sure` is 0..1 as long as nothing else explains it; `chain` goes from the cause to the symptom; `explains` are
    rules whose verdicts are then symptoms; `look` says what to look at or to do next; `apart` are rules whose verdicts
    happen at the same time and have nothing to do with it.
    """

    rule: str
    service: str
    instance: str
    cause: CauseClass
    claim: str
    sure: float
    facts: tuple[Fact, ...]
    chain: tuple[str, ...] = ()
    explains: tuple[str, ...] = ()
    look: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()

    @property
    def hearsay(self) -> bool:
        """Whether all that it calls the cause is text that outsiders can have written."""
        causes = [fact for fact in self.facts if fact.role is EvidenceRole.CAUSE]
        return bool(causes) and all(fact.trust is Trust.PUBLIC for fact in causes)

    @property
    def told(self) -> bool:
        """Whether such text has a part in it: it may name a class, and never let anything act by itself."""
        return any(fact.role is EvidenceRole.CAUSE and fact.trust is Trust.PUBLIC for fact in self.facts)

    @property
    def name(self) -> str:
        """The rule without its version."""
        return self.rule.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Judgement:
    """Verdicts on one database or namespace, the one that accounts for the most first, and what is not it.

    `covers` are the services that it was enough to judge.
    """

    service: str
    instance: str
    verdicts: tuple[Verdict, ...]
    symptoms: tuple[Verdict, ...]
    ruled_out: tuple[Fact, ...]
    covers: frozenset[str]
