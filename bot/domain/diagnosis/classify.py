"""classified(): what kind of incident a diagnosis tells of, whom it hurts and how badly, each with its reasons.

The class is that of the cause where one was found; otherwise it is unknown, and the best guess stays a guess.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from bot.domain.diagnosis.symptoms import Anomaly, Route, ServiceState
from bot.domain.evidence import (
    CauseClass,
    Classification,
    Conclusion,
    Diagnosis,
    EvidenceRole,
    Hypothesis,
    Impact,
)

_MOST_SERVICES = 10
_TELLING = (EvidenceRole.CAUSE, EvidenceRole.MECHANISM)
# Lines of severity: share of failed requests, latency ratio, services. The senders' own words are judged elsewhere.
_MOST_FAIL, _MANY_FAIL, _SOME_FAIL = 0.5, 0.05, 0.01
_SLOWER, _WIDE, _SEVERAL = 2.0, 5, 2
_SURE = (Conclusion.CAUSE_FOUND, Conclusion.EXPECTED_LOAD)


def classified(
    diagnosis: Diagnosis, states: Mapping[str, ServiceState], entries: Iterable[str], alerting: Iterable[str]
) -> Diagnosis:
    """The diagnosis with its classification; `entries` are unwell services that only users call."""
    impact = impact_of(states, sorted(entries), sorted(alerting))
    cause, because = _class(diagnosis)
    severity, reason = _severity(diagnosis, impact)
    return replace(diagnosis, classification=Classification(cause, because, severity, reason, impact))


def impact_of(states: Mapping[str, ServiceState], entries: list[str], alerting: list[str]) -> Impact:
    """Services that suffer, and what users get; alerting services stand in where nothing was measured."""
    unwell = sorted(
        (state for state in states.values() if state.felt > 0), key=lambda one: (-one.felt, one.service)
    )
    suffering = [state.service for state in unwell] or [name for name in alerting if name]
    seen = [states[name] for name in entries if name in states]
    failing = [found.after if found.rising else 1.0 - found.after for found in _felt(seen, Route.ERROR)]
    slower = [found.ratio for found in _felt(seen, Route.LATENCY)]
    return Impact(
        tuple(suffering[:_MOST_SERVICES]),
        tuple(entries[:_MOST_SERVICES]),
        round(min(1.0, max(failing, default=0.0)), 4),
        round(min(1000.0, max(slower, default=0.0)), 2),
        len(unwell),
        len(states) if unwell else 0,
    )


def _felt(states: list[ServiceState], route: Route) -> list[Anomaly]:
    return [found for state in states if (found := state.strongest(route)) is not None]


def _class(diagnosis: Diagnosis) -> tuple[CauseClass, tuple[str, ...]]:
    if diagnosis.conclusion is Conclusion.NO_INCIDENT:
        return CauseClass.UNKNOWN, ("nothing is wrong, so that there is nothing to classify",)
    if diagnosis.conclusion not in _SURE or not diagnosis.hypotheses:
        guess = diagnosis.hypotheses[0].cause if diagnosis.hypotheses else CauseClass.UNKNOWN
        named = (
            ""
            if guess is CauseClass.UNKNOWN
            else f"; the best guess would make it {guess.value.replace('_', ' ')}"
        )
        return CauseClass.UNKNOWN, (f"no cause is sure enough{named}",)
    top = diagnosis.hypotheses[0]
    return top.cause, _reasons(diagnosis, top)


def _reasons(diagnosis: Diagnosis, top: Hypothesis) -> tuple[str, ...]:
    """The sentences that cite what caused it or how it works; of a cause without a class, why it has none."""
    if top.cause is CauseClass.UNKNOWN:
        return (
            "no change, load, saturation or rule accounts for the trouble of the service that it began in",
        )
    telling = {item.id for item in diagnosis.evidence if item.role in _TELLING}
    found = [
        text
        for text in top.because
        if any(f"{number}]" in text or f"{number}," in text for number in telling)
    ]
    return tuple((found or list(top.because))[:2])


def _severity(diagnosis: Diagnosis, impact: Impact) -> tuple[int, str]:
    if diagnosis.conclusion in (Conclusion.NO_INCIDENT, Conclusion.EXPECTED_LOAD):
        return 4, "nothing is broken"
    if (
        diagnosis.conclusion is Conclusion.CAUSE_FOUND
        and diagnosis.hypotheses[0].cause is CauseClass.SECURITY
    ):
        return 2, "foreign code runs in production"
    where = f" at {impact.entries[0]}" if impact.entries else ""
    users = f"{impact.errors * 100:.0f} % of users' requests fail{where}"
    count = len(impact.services)
    wide = f"{impact.measured} of {impact.seen} services suffer"
    lines = (
        (impact.errors >= _MOST_FAIL, 1, users),
        (impact.errors >= _MANY_FAIL, 2, users),
        (impact.measured >= _WIDE, 2, wide),
        (impact.errors >= _SOME_FAIL, 3, users),
        (impact.slower >= _SLOWER, 3, f"users wait {impact.slower:.1f} times as long"),
        (
            count >= _SEVERAL,
            3,
            f"{wide if impact.measured else f'{count} services alert'}, users next to nothing",
        ),
        (count > 0, 4, "one service suffers, users next to nothing"),
    )
    return next(((severity, why) for holds, severity, why in lines if holds), (0, "no impact was measured"))
