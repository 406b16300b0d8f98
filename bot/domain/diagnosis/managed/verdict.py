"""What a rule says: which fault, on what grounds, which symptoms it accounts for and what it rules out."""

from dataclasses import dataclass

from bot.domain.evidence import CauseClass, EvidenceKind, EvidenceRole


@dataclass(frozen=True, slots=True)
class Fact:
    """One citable fact before it has a number; `at` in unix seconds, `quote` holds foreign words."""

    key: str
    kind: EvidenceKind
    role: EvidenceRole
    text: str
    at: float
    source: str
    quote: str = ""


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
