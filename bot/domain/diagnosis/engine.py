"""diagnose(): the order in which the engine thinks. Everything it decides is decided in the modules that it calls."""

from dataclasses import replace

from bot.domain.diagnosis import calibration, tuning
from bot.domain.diagnosis.argument import hypothesis
from bot.domain.diagnosis.blame import Scene, Suspect, alert_weights, rank
from bot.domain.diagnosis.classify import classified
from bot.domain.diagnosis.cluster.merge import with_cluster
from bot.domain.diagnosis.confidence import confidences, solid_confidences
from bot.domain.diagnosis.docket import Docket
from bot.domain.diagnosis.graph import cleaned
from bot.domain.diagnosis.grounds import grounds_of, path_score
from bot.domain.diagnosis.intrusion import intrusions
from bot.domain.diagnosis.load import demand_of
from bot.domain.diagnosis.managed.merge import with_managed
from bot.domain.diagnosis.novelty import novelties
from bot.domain.diagnosis.ruled_out import file_ruled_out
from bot.domain.diagnosis.symptoms import ServiceState, service_states
from bot.domain.diagnosis.testimony import seen_calls, testimony_of
from bot.domain.diagnosis.window import Window, window_of
from bot.domain.diagnosis.witness import entries_of, errors_felt
from bot.domain.evidence import Conclusion, Diagnosis, Hypothesis
from bot.domain.instructions import findings
from bot.domain.telemetry import Telemetry
from bot.domain.trust import Trust


def diagnose(telemetry: Telemetry) -> Diagnosis:
    """Rank the causes of what `telemetry` shows; deterministic, no clock, independent of the order of its parts."""
    scene, suspects, coverage = consider(telemetry)
    docket = Docket()
    hypotheses = _argue(suspects, scene, docket, coverage, telemetry)
    docket.warn(findings(telemetry.logs, telemetry.alerts))
    if suspects:
        file_ruled_out(suspects[0], scene, docket)
    found = Diagnosis(
        conclusion=_conclusion(suspects, hypotheses, scene, coverage, complete=not telemetry.missing),
        hypotheses=hypotheses,
        evidence=tuple(docket.evidence),
        missing=_missing(telemetry, scene),
        engine=tuning.ENGINE,
        calibration=calibration.VERSION,
    )
    judged = with_managed(with_cluster(found, telemetry), telemetry)
    return classified(judged, scene.states, scene.entries, scene.alerts)


def consider(telemetry: Telemetry) -> tuple[Scene, tuple[Suspect, ...], float]:
    """What there is to see, the suspects best first, and the share of the alerting services that can be judged."""
    window = window_of(telemetry)
    scene = _scene(telemetry, window)
    demand = demand_of(telemetry, scene.graph, scene.states, window.since)
    return scene, rank(scene, demand), _coverage(scene)


def _scene(telemetry: Telemetry, window: Window) -> Scene:
    graph = cleaned(seen_calls(telemetry.topology, telemetry.calls))
    alerts = dict(telemetry.weights) or alert_weights(telemetry.alerts)
    states = service_states(telemetry.series, window)
    if alerts and not any(states[name].felt > 0 for name in alerts if name in states):
        states = service_states(telemetry.series, window, share=0.0)
    onset, entries = _onset(states, window), entries_of(graph, states)
    witnesses = frozenset(alerts) | entries
    if not alerts and (not graph.calls if witnesses else telemetry.alerts):
        # Nobody said which service, or nobody knows who depends on whom: whoever is unwell may be meant.
        witnesses = frozenset(name for name, state in states.items() if state.symptom > 0)
    testimony = testimony_of(telemetry.calls, telemetry.log_patterns, telemetry.series, window)
    if telemetry.alerts and not alerts:
        witnesses |= frozenset(testimony.clues)
    changes = sorted(telemetry.changes, key=lambda c: (c.at, c.service, c.kind.value, c.title))
    return Scene(
        graph=graph,
        states=states,
        alerts=alerts,
        changes=tuple(changes),
        novelty=novelties(telemetry.logs, onset_at=onset),
        intrusions=intrusions(telemetry.behaviours, changes, before=window.before),
        onset_at=onset,
        witnesses=witnesses,
        entries=entries,
        errors_felt=errors_felt(states, witnesses, telemetry.alerts),
        testimony=testimony,
    )


def _onset(states: dict[str, ServiceState], window: Window) -> float:
    """The lower quartile of the services' onsets, so that one early stray does not move it."""
    onsets = sorted(state.onset_at for state in states.values() if state.onset_at is not None)
    return min(onsets[len(onsets) // 4], window.now) if onsets else window.since


def _argue(
    suspects: tuple[Suspect, ...], scene: Scene, docket: Docket, coverage: float, telemetry: Telemetry
) -> tuple[Hypothesis, ...]:
    public = bool(telemetry.alerts) and all(alert.trust is Trust.PUBLIC for alert in telemetry.alerts)
    sure = confidences(suspects, coverage=coverage, public_alerts=public)
    solid = solid_confidences(suspects, coverage=coverage, public_alerts=public)
    argued = [
        hypothesis(suspect, scene, docket, confidence, full=place == 0)
        for place, (suspect, confidence) in enumerate(zip(suspects, sure, strict=True))
    ]
    known = frozenset(scene.alerts)
    return tuple(
        replace(
            one,
            solid=figure,
            grounds=grounds_of(suspect),
            path_score=path_score(one.path, scene.states, known),
        )
        for one, figure, suspect in zip(argued, solid, suspects, strict=True)
    )


def _coverage(scene: Scene) -> float:
    """Share of the alerting services that have telemetry; without alerts, whether there is any at all."""
    if not scene.alerts:
        return 1.0 if scene.states else 0.0
    judged = [service for service in scene.alerts if service in scene.states and scene.states[service].judged]
    return len(judged) / len(scene.alerts)


def _conclusion(
    suspects: tuple[Suspect, ...],
    hypotheses: tuple[Hypothesis, ...],
    scene: Scene,
    coverage: float,
    *,
    complete: bool,
) -> Conclusion:
    if not suspects:
        certain = complete and coverage >= 1.0 and scene.states
        return Conclusion.NO_INCIDENT if certain else Conclusion.NOT_CONFIDENT
    if hypotheses[0].confidence < tuning.CAUSE_FOUND_AT:
        return Conclusion.NOT_CONFIDENT
    top = suspects[0]
    if top.demand is not None and top.demand.planned is not None:
        return Conclusion.EXPECTED_LOAD
    return Conclusion.CAUSE_FOUND


def _missing(telemetry: Telemetry, scene: Scene) -> tuple[str, ...]:
    said = [f"{missing.source}: {missing.reason}" for missing in telemetry.missing]
    read = {one.service for one in telemetry.databases if one.series}
    blind = sorted(service for service in scene.alerts if service not in scene.states and service not in read)
    if blind:
        named = ", ".join(blind[:5]) + (" and others" if len(blind) > 5 else "")
        said.append(f"metrics: no usable series for {named}")
    if not telemetry.topology.nodes():
        said.append("topology: none was read, so dependants cannot be told from causes")
    return tuple(dict.fromkeys(said))
