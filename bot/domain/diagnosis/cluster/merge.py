"""with_cluster(): what the cluster itself shows, put before what metrics alone suggest.

A direct fault of a suspect, or of something that a suspect depends on, outranks a shifted metric: it says why. A fault
elsewhere in the namespace stays a remark with less confidence. Without a state of the cluster nothing changes.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from bot.domain.diagnosis import tuning
from bot.domain.diagnosis.cluster.finding import SEEN, SHOWN, Finding
from bot.domain.diagnosis.cluster.judge import findings
from bot.domain.diagnosis.cluster.state import ClusterState, LogSample
from bot.domain.diagnosis.docket import cite
from bot.domain.evidence import (
    CauseClass,
    Conclusion,
    Diagnosis,
    Evidence,
    EvidenceKind,
    EvidenceRole,
    Hypothesis,
)
from bot.domain.telemetry import LogLine, Telemetry

BELOW = tuning.CAUSE_FOUND_AT - 0.01  # What rests on words that outsiders can have written gets no further.
ELSEWHERE = 0.5  # What is left of a fault that nothing unwell depends on.
EXPLAINED = 0.8  # What a fault below leaves of the suspicion of those above.
MOST_LINES = 500
_TROUBLE = re.compile(
    r"error|fail|exception|denied|refused|fatal|timeout|no such host|read[- ]?only|too many|in use",
    re.IGNORECASE,
)
# A rollout, foreign code or a plan says more of the class of an incident than what it did to the cluster.
_STRONGER = (CauseClass.DEPLOY, CauseClass.SECURITY, CauseClass.PLANNED)


def with_cluster(diagnosis: Diagnosis, telemetry: Telemetry) -> Diagnosis:
    """The diagnosis with the cluster's own faults in their place; the same one where there are none."""
    if telemetry.cluster is None:
        return diagnosis
    state = _completed(telemetry.cluster, telemetry)
    found = [(_service(state, one, telemetry), one) for one in _worth_saying(state, diagnosis)]
    if not found:
        return diagnosis
    near = _near(diagnosis, telemetry, state)
    if diagnosis.conclusion is Conclusion.NO_INCIDENT and near:
        found = [(service, one) for service, one in found if service in near]
    evidence = list(diagnosis.evidence)
    merged = list(diagnosis.hypotheses)
    for service, one in found[: tuning.MOST_HYPOTHESES]:
        sure = one.weight * (1.0 if not near or service in near else ELSEWHERE)
        argued = _hypothesis(service, one, sure, evidence, telemetry)
        known = next((at for at, other in enumerate(merged) if other.service == service), None)
        if known is None:
            merged.append(argued)
        elif not merged[known].rules:
            merged[known] = _both(merged[known], argued)
    merged = [_explained(one, merged, telemetry) for one in merged]
    merged.sort(key=lambda one: (-one.confidence, not one.rules))
    ranked = tuple(merged[: tuning.MOST_HYPOTHESES])
    if not found:
        return diagnosis
    return replace(
        diagnosis,
        conclusion=_conclusion(diagnosis, ranked),
        hypotheses=ranked,
        evidence=tuple(evidence),
    )


def _worth_saying(state: ClusterState, diagnosis: Diagnosis) -> list[Finding]:
    """What was seen to have an effect; where nobody else has a candidate, a mere contradiction is one, and unsure."""
    every = findings(state)
    seen = [one for one in every if one.weight >= SEEN]
    alone = not diagnosis.hypotheses and diagnosis.conclusion is not Conclusion.NO_INCIDENT
    return seen or (list(every) if alone else [])


def _completed(state: ClusterState, telemetry: Telemetry) -> ClusterState:
    """The state with the logs and calls that other sources read."""
    names = {one.service: one.name for one in state.workloads}
    calls = {
        names.get(caller, caller): tuple(names.get(callee, callee) for callee in callees)
        for caller, callees in telemetry.topology.calls.items()
    }
    return replace(state, logs=state.logs or tuple(_samples(telemetry, names)), calls=state.calls or calls)


def _samples(telemetry: Telemetry, names: dict[str, str]) -> Iterator[LogSample]:
    """Troubled lines since the incident opened, like ones counted together, the most frequent of each service."""
    lines = [one for one in telemetry.logs if one.at >= telemetry.opened_at - tuning.GUARD_S]
    totals: dict[str, int] = {}
    kinds: dict[tuple[str, str], list[LogLine]] = {}
    for one in lines:
        totals[one.service] = totals.get(one.service, 0) + 1
        if _TROUBLE.search(one.text):
            kinds.setdefault((one.service, re.sub(r"\d+", "#", one.text)), []).append(one)
    best = sorted(kinds.items(), key=lambda pair: (-len(pair[1]), pair[0]))[:MOST_LINES]
    for (service, _), alike in best:
        text = min(one.text for one in alike)
        yield LogSample(names.get(service, service), text, len(alike), len(alike) / totals[service])


def _service(state: ClusterState, one: Finding, telemetry: Telemetry) -> str:
    """The service that a reader knows: the workload's own, or for a node or quota the one hurt that people notice."""
    if one.kind == "workload":
        workload = state.workload(one.name)
        return workload.service or workload.name if workload is not None else one.name
    services = {other.name: other.service or other.name for other in state.workloads}
    hurt = [services.get(name, name) for name in one.hurts]
    alerting = telemetry.alerting().intersection(hurt)
    return next(iter(sorted(alerting) or sorted(hurt)), one.name)


def _near(diagnosis: Diagnosis, telemetry: Telemetry, state: ClusterState) -> frozenset[str]:
    """Services that are unwell and what they depend on; empty where nobody said what is unwell."""
    unwell = set(telemetry.alerting())
    unwell |= {one.service for one in diagnosis.hypotheses}
    ahead, seen = sorted(unwell), set(unwell)
    services = {other.name: other.service or other.name for other in state.workloads}
    calls: dict[str, set[str]] = {
        caller: set(callees) for caller, callees in telemetry.topology.calls.items()
    }
    for caller, callees in state.calls.items():
        calls.setdefault(services.get(caller, caller), set()).update(
            services.get(one, one) for one in callees
        )
    while ahead:
        for callee in sorted(calls.get(ahead.pop(), ())):
            if callee not in seen:
                seen.add(callee)
                ahead.append(callee)
    return frozenset(seen)


def _hypothesis(
    service: str, one: Finding, sure: float, evidence: list[Evidence], telemetry: Telemetry
) -> Hypothesis:
    number = f"E{len(evidence) + 1}"
    quote = one.quote[: tuning.QUOTE_CHARS]
    kind = EvidenceKind.LOG if one.hearsay else EvidenceKind.TOPOLOGY
    evidence.append(
        Evidence(
            number, kind, EvidenceRole.CAUSE, service, telemetry.now, one.because, "cluster state", quote=quote,
            value={"object": f"{one.kind}/{one.name}", "cause": one.cause.value, "weight": round(one.weight, 3)},
        )
    )  # fmt: skip
    sentence = f"{one.because[:1].upper()}{one.because[1:]}{cite(number)}."
    confidence = round(min(BELOW if one.hearsay else tuning.CEILING, sure), 3)
    return Hypothesis(
        service=service,
        cause=one.cause.incident_class,
        confidence=confidence,
        because=(sentence,),
        evidence=(number,),
        path=_path(service, telemetry.alerting(), telemetry),
        solid=0.0 if one.hearsay else confidence,
        rules=(f"{one.rule}/{one.version}",),
    )


def _path(service: str, alerting: Iterable[str], telemetry: Telemetry) -> tuple[str, ...]:
    """From the blamed service up to the farthest one that alerts and depends on it."""
    tops = sorted(set(alerting) - {service, ""})[: tuning.MOST_PATHS]
    walks = [walk for walk in (telemetry.topology.path(top, [service]) for top in tops) if walk]
    return tuple(reversed(max(walks, key=lambda walk: (len(walk), walk), default=(service,))))


def _both(known: Hypothesis, rule: Hypothesis) -> Hypothesis:
    """A metric's suspect that the cluster shows broken: both arguments, the cluster's first.

    What only a workload's own words say never decides the class, nor lifts the other over the line.
    """
    own_words = rule.solid < rule.confidence
    sure = _either(known.confidence, rule.confidence)
    return replace(
        known,
        cause=known.cause if known.cause in _STRONGER or own_words else rule.cause,
        confidence=max(known.confidence, min(sure, BELOW)) if own_words else sure,
        solid=_either(known.solid, rule.solid),
        because=(*rule.because, *known.because),
        evidence=tuple(dict.fromkeys((*rule.evidence, *known.evidence))),
        path=known.path or rule.path,
        rules=(*known.rules, *rule.rules),
    )


def _either(one: float, other: float) -> float:
    return round(min(tuning.CEILING, 1.0 - (1.0 - one) * (1.0 - other)), 3)


def _explained(one: Hypothesis, others: Iterable[Hypothesis], telemetry: Telemetry) -> Hypothesis:
    """A shifted metric above a service that the cluster shows broken is its symptom: less sure than the fault."""
    if one.rules:
        return one
    below = [
        other.confidence
        for other in others
        if other.rules and other.solid >= SHOWN and telemetry.topology.path(one.service, [other.service])
    ]
    most = round(EXPLAINED * max(below, default=1.0 / EXPLAINED), 3)
    return replace(one, confidence=min(one.confidence, most), solid=min(one.solid, most))


def _conclusion(diagnosis: Diagnosis, ranked: tuple[Hypothesis, ...]) -> Conclusion:
    if diagnosis.conclusion is Conclusion.EXPECTED_LOAD:
        return diagnosis.conclusion
    sure = bool(ranked) and ranked[0].confidence >= tuning.CAUSE_FOUND_AT
    return Conclusion.CAUSE_FOUND if sure else Conclusion.NOT_CONFIDENT
