"""with_managed(): what the rules on managed databases add to a diagnosis that topology and metrics alone have reached.

A verdict about a service that is a candidate already strengthens it; one that is new takes its place by confidence.
Where nothing is wrong with the databases that alert, and nothing else is suspect, there is no incident.
"""

from collections.abc import Sequence
from dataclasses import replace

from bot.domain.diagnosis import tuning
from bot.domain.diagnosis.docket import cite
from bot.domain.diagnosis.managed.judge import judge
from bot.domain.diagnosis.managed.verdict import Fact, Judgement, Verdict
from bot.domain.diagnosis.managed.workload_judge import judge_workloads
from bot.domain.evidence import (
    CauseClass,
    Conclusion,
    Diagnosis,
    Evidence,
    EvidenceKind,
    EvidenceRole,
    Ground,
    Hypothesis,
)
from bot.domain.telemetry import Telemetry

_MOST_FACTS = 16
_BELOW = tuning.CAUSE_FOUND_AT - 0.01
# What a change, an intrusion or a plan says about the class of an incident goes before what its database shows.
_STRONGER = (CauseClass.DEPLOY, CauseClass.CONFIGURATION, CauseClass.SECURITY, CauseClass.PLANNED)


class _File:
    """Evidence with numbers that go on from those of the diagnosis; nothing is filed twice."""

    def __init__(self, evidence: Sequence[Evidence]) -> None:
        self.evidence = list(evidence)
        self._known: dict[str, str] = {}

    def put(self, fact: Fact, service: str, role: EvidenceRole | None = None) -> str:
        if fact.key in self._known:
            return self._known[fact.key]
        if len(self._known) >= _MOST_FACTS:
            return ""
        number = f"E{len(self.evidence) + 1}"
        quote = fact.quote[: tuning.QUOTE_CHARS]
        said = fact.text, fact.source, fact.trust, quote
        self.evidence.append(Evidence(number, fact.kind, role or fact.role, service, fact.at, *said))
        self._known[fact.key] = number
        return number


def with_managed(diagnosis: Diagnosis, telemetry: Telemetry) -> Diagnosis:
    """The diagnosis with the verdicts on `telemetry.databases`; the same one where there are none."""
    if not telemetry.databases and telemetry.cluster is None:
        return diagnosis
    alerting = telemetry.alerting()
    judgements = sorted(
        _judgements(telemetry), key=lambda one: (one.service not in alerting, one.service, one.instance)
    )
    file = _File(diagnosis.evidence)
    hypotheses = _grounded(diagnosis, judgements)
    for judgement in judgements:
        hypotheses = _joined(hypotheses, _argued(judgement, file, telemetry))
    for judgement in judgements:
        for fact in judgement.ruled_out:
            file.put(fact, judgement.service)
    return replace(
        diagnosis,
        conclusion=_conclusion(diagnosis, hypotheses, judgements, alerting),
        hypotheses=hypotheses,
        evidence=tuple(file.evidence),
    )


def _judgements(telemetry: Telemetry) -> list[Judgement]:
    claims = tuple(f"{alert.name} {alert.summary}" for alert in telemetry.alerts)
    found = [judge(database, claims) for database in telemetry.databases]
    # Where metrics say what is unwell, words in logs and pods that run add nothing to what the cluster itself shows.
    if telemetry.cluster is not None and not telemetry.series:
        found.append(judge_workloads(telemetry.cluster, telemetry.logs, telemetry.alerts, telemetry.now))
    return found


def _grounded(diagnosis: Diagnosis, judgements: list[Judgement]) -> tuple[Hypothesis, ...]:
    """Without those that better readings leave no ground for.

    An alert does not confirm itself, and new log lines of a service whose state was read and found well are its
    ordinary life.
    """
    kinds = {item.id: item.kind for item in diagnosis.evidence}
    covered = frozenset(name for one in judgements for name in one.covers)
    well = frozenset(name for one in judgements if not one.verdicts for name in one.covers)
    kept = []
    for one in diagnosis.hypotheses:
        rests_on = {kinds[number] for number in one.evidence if number in kinds}
        alert_only = one.service in covered and rests_on <= {EvidenceKind.ALERT}
        words_only = one.service in well and rests_on <= {EvidenceKind.ALERT, EvidenceKind.LOG}
        if not alert_only and not (words_only and one.confidence < tuning.CAUSE_FOUND_AT):
            kept.append(one)
    return tuple(kept)


def _argued(judgement: Judgement, file: _File, telemetry: Telemetry) -> list[Hypothesis]:
    """A hypothesis for each verdict; what the first one explains is told with it."""
    found = []
    for place, verdict in enumerate(judgement.verdicts):
        numbers = [file.put(fact, verdict.service) for fact in verdict.facts]
        because = [f"{_capital(verdict.claim)}{cite(*numbers)}."]
        if verdict.chain:
            because.append(f"From cause to symptom: {' → '.join(verdict.chain)}{cite(*numbers[:2])}.")
        cited = [number for number in numbers if number]
        if place == 0:
            for symptom in judgement.symptoms:
                shown = [file.put(fact, verdict.service, EvidenceRole.SYMPTOM) for fact in symptom.facts[:2]]
                cited += [number for number in shown if number and number not in cited]
                because.append(f"{_capital(symptom.claim)}: {_relation(verdict, symptom)}{cite(*shown)}.")
        confidence = round(min(tuning.CEILING, verdict.sure * (1.0 if place == 0 else 0.8)), 3)
        below = min(confidence, _BELOW)
        found.append(
            Hypothesis(
                verdict.service, verdict.cause, below if verdict.hearsay else confidence, tuple(because), tuple(cited),
                _path(verdict.service, telemetry), 0.0 if verdict.hearsay else below if verdict.told else confidence,
                (verdict.rule,), verdict.look,
                (Ground(f"rule {verdict.rule}", 1.0, verdict.sure),),
            )
        )  # fmt: skip
    return found


def _relation(verdict: Verdict, symptom: Verdict) -> str:
    if symptom.name in verdict.apart:
        return "causally independent of it: other work that runs at the same time, a confounder and not the cause"
    if symptom.name in verdict.explains:
        return "a symptom of the same root, not a cause of its own"
    return "causally independent of it, or a side effect; it explains nothing that hurts here"


def _joined(hypotheses: tuple[Hypothesis, ...], found: list[Hypothesis]) -> tuple[Hypothesis, ...]:
    """The first verdict joins what is known of its service; a second one is a second fault and stands by itself."""
    merged = list(hypotheses)
    for at, one in enumerate(found):
        place = next((where for where, known in enumerate(merged) if known.service == one.service), None)
        if at or place is None:
            merged.append(one)
        elif merged[place].rules:
            merged[place] = _again(merged[place], one)
        else:
            merged[place] = _both(merged[place], one)
    merged.sort(key=lambda one: -one.confidence)
    return tuple(merged[: tuning.MOST_HYPOTHESES])


def _again(known: Hypothesis, rule: Hypothesis) -> Hypothesis:
    """Two rules on the same readings are one signal: the surer one leads and its confidence stays."""
    first, second = (rule, known) if rule.confidence > known.confidence else (known, rule)
    return replace(
        first,
        because=(*first.because, *second.because),
        evidence=tuple(dict.fromkeys((*first.evidence, *second.evidence))),
        rules=(*first.rules, *second.rules),
        look=(*first.look, *second.look),
        grounds=(*first.grounds, *second.grounds),
    )


def _both(known: Hypothesis, rule: Hypothesis) -> Hypothesis:
    """Independent signals about the same service: noisy-or, and the class of whichever says more.

    What rests on public text alone never lifts the other over the line.
    """
    sure = _either(known.confidence, rule.confidence)
    lifted = rule.solid > 0 or known.confidence >= tuning.CAUSE_FOUND_AT
    return replace(
        known,
        cause=known.cause if known.cause in _STRONGER else rule.cause,
        confidence=sure if lifted else min(sure, _BELOW),
        solid=_either(known.solid, rule.solid),
        because=(*rule.because, *known.because),
        evidence=tuple(dict.fromkeys((*rule.evidence, *known.evidence))),
        path=known.path or rule.path,
        rules=(*known.rules, *rule.rules),
        look=(*known.look, *rule.look),
        grounds=(*rule.grounds, *known.grounds),
    )


def _either(one: float, other: float) -> float:
    return round(min(tuning.CEILING, 1.0 - (1.0 - one) * (1.0 - other)), 3)


def _path(service: str, telemetry: Telemetry) -> tuple[str, ...]:
    """From the database up to the farthest service that alerts and depends on it."""
    tops = sorted(telemetry.alerting() - {service})[: tuning.MOST_PATHS]
    walks = [walk for walk in (telemetry.topology.path(top, [service]) for top in tops) if walk]
    return tuple(reversed(max(walks, key=lambda walk: (len(walk), walk), default=(service,))))


def _conclusion(
    diagnosis: Diagnosis,
    hypotheses: tuple[Hypothesis, ...],
    judgements: list[Judgement],
    alerting: frozenset[str],
) -> Conclusion:
    if diagnosis.conclusion is Conclusion.EXPECTED_LOAD:
        return diagnosis.conclusion
    if hypotheses:
        sure = hypotheses[0].confidence >= tuning.CAUSE_FOUND_AT
        return Conclusion.CAUSE_FOUND if sure else Conclusion.NOT_CONFIDENT
    judged = frozenset(name for judgement in judgements for name in judgement.covers)
    return Conclusion.NO_INCIDENT if alerting and alerting <= judged else diagnosis.conclusion


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
