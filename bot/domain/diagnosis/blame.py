"""Whose fault: each service's own trouble (what its callees do not explain) times what depends on it.

A database that one client floods hands its blame to that client; more demand from outside takes it from everybody.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from bot.domain.alert import Alert, AlertSeverity
from bot.domain.candidate import CRITICAL_WEIGHT
from bot.domain.diagnosis import tuning
from bot.domain.diagnosis.changes import NearChange, nearest
from bot.domain.diagnosis.clues import Clue, ClueKind
from bot.domain.diagnosis.graph import Graph
from bot.domain.diagnosis.intrusion import Intrusion
from bot.domain.diagnosis.load import Demand, Driven, driver_of
from bot.domain.diagnosis.novelty import Novelty
from bot.domain.diagnosis.symptoms import Route, ServiceState
from bot.domain.diagnosis.testimony import Testimony
from bot.domain.diagnosis.witness import heard_by
from bot.domain.telemetry import Change, Signal


@dataclass(frozen=True, slots=True)
class Scene:
    """What blame looks at. `witnesses` are the services whose trouble somebody noticed: alerting or unwell
    entries; `entries` are the unwell services that only users call; `errors_felt` says that witnesses complain of
    errors rather than of delay.
    """

    graph: Graph
    states: Mapping[str, ServiceState]
    alerts: Mapping[str, float]
    changes: tuple[Change, ...]
    novelty: Mapping[str, Novelty]
    intrusions: Mapping[str, Intrusion]
    onset_at: float
    witnesses: frozenset[str]
    entries: frozenset[str]
    errors_felt: bool
    testimony: Testimony = field(default_factory=Testimony)


@dataclass(frozen=True, slots=True)
class Suspect:
    """One candidate. `own` is its unexplained trouble (0..1), `reach` the share of all trouble that it accounts for.

    `measured` is False where only alerts say that it is unwell; `hearsay` is by what factor log lines raised the score.
    """

    service: str
    score: float
    own: float
    reach: float
    dependants: tuple[str, ...]
    change: NearChange | None = None
    novelty: Novelty | None = None
    alerts: float = 0.0
    driven: Driven | None = None
    demand: Demand | None = None
    intrusion: Intrusion | None = None
    explained_by: str = ""
    measured: bool = True
    clues: tuple[Clue, ...] = ()
    hearsay: float = 1.0


def alert_weights(alerts: Iterable[Alert]) -> dict[str, float]:
    """Distinct alerts per service, critical ones heavier."""
    weights: dict[str, float] = {}
    for alert in {alert.fingerprint: alert for alert in alerts}.values():
        if alert.service:
            weight = CRITICAL_WEIGHT if alert.severity is AlertSeverity.CRITICAL else 1.0
            weights[alert.service] = weights.get(alert.service, 0.0) + weight
    return weights


def rank(scene: Scene, demand: Demand | None) -> tuple[Suspect, ...]:
    """Suspects best first; ties go by name, so that the result depends on nothing else."""
    unwell = _trouble(scene)
    if demand is not None and not scene.alerts and not scene.entries and not _hot(demand, scene):
        demand = None  # More requests that hurt nobody are no incident.
    telling = scene.testimony.loudest >= tuning.TELLING
    if not scene.witnesses and demand is None and not scene.intrusions and not telling:
        return ()
    total = sum(unwell.values())
    own = {name: _own(name, scene, unwell) for name in unwell}
    worst = sorted(unwell, key=lambda name: (-own[name][0], name))[: tuning.MOST_EXAMINED]
    suspects = {name: _suspect(name, own[name], scene, unwell, total) for name in sorted(worst)}
    _hand_over(suspects, scene)
    if demand is not None:
        _excuse(suspects, demand, scene)
    _testify(suspects, scene, unwell, demand)
    _accuse(suspects, scene)
    loudest = max(scene.alerts.values(), default=1.0)
    lifted = [_lifted(suspect, scene, loudest) for suspect in suspects.values()]
    lifted.sort(key=lambda suspect: (-suspect.score, suspect.service))
    best = lifted[0].score if lifted else 0.0
    worth = [s for s in lifted if s.score > 0 and s.score >= tuning.SUSPECT_LEAST * best]
    return tuple(worth[: tuning.MOST_HYPOTHESES])


def _hot(demand: Demand, scene: Scene) -> bool:
    """Whether anything that the demand reaches is saturated."""
    return any(name in scene.states and scene.states[name].saturated for name in demand.loaded)


def _trouble(scene: Scene) -> dict[str, float]:
    """Symptom of each unwell service; alerts speak where metrics are silent.

    That is for services whose errors and latency nobody measured, and for those that move in load alone while no
    other service is unwell (requests that no longer arrive make no errors).
    """
    unwell = {name: state.symptom for name, state in scene.states.items() if state.symptom > 0}
    loudest = max(scene.alerts.values(), default=1.0)
    nobody = not unwell
    for name, weight in scene.alerts.items():
        state = scene.states.get(name)
        silent = state is None or not state.judged or (nobody and bool(state.anomalies))
        if name not in unwell and silent:
            unwell[name] = tuning.ALERT_ONLY * weight / loudest
    return dict(sorted(unwell.items()))


def _suspect(
    name: str, left: tuple[float, str], scene: Scene, unwell: Mapping[str, float], total: float
) -> Suspect:
    own, explained_by = left
    dependants = scene.graph.dependants(name, unwell)
    reach = (unwell[name] + sum(unwell[other] for other in dependants)) / total
    score = own * (tuning.REACH_FLOOR + (1 - tuning.REACH_FLOOR) * reach)
    score *= _traffic(name, dependants, scene)
    if name in scene.graph.observed:
        score *= tuning.OBSERVED_ONLY
    score *= heard_by(name, dependants, scene.witnesses, scene.graph)
    return Suspect(
        name,
        score,
        own,
        reach,
        dependants,
        alerts=scene.alerts.get(name, 0.0),
        explained_by=explained_by,
        measured=name in scene.states and scene.states[name].symptom > 0,
    )


def _own(name: str, scene: Scene, unwell: Mapping[str, float]) -> tuple[float, str]:
    """What is left of a service's trouble when its unwell callees are taken into account, and the best excuse."""
    state = scene.states.get(name)
    if state is not None and state.symptom <= 0:
        state = None
    # Callees in a cycle with their caller explain nothing: each would excuse the other.
    callees = [
        c for c in scene.graph.calls.get(name, ()) if c in unwell and not scene.graph.in_cycle(c, name)
    ]
    if state is None:
        excuse = max(callees, key=lambda callee: (unwell[callee], callee), default="")
        return max(0.0, unwell[name] - (unwell[excuse] if excuse else 0.0)), excuse
    own, best_excuse, best_share = 0.0, "", 0.0
    for route in (Route.ERROR, Route.LATENCY, Route.SATURATION):
        strength = state.strength(route)
        if strength <= 0:
            continue
        excuse, share = _excuse_for(route, strength, name, callees, scene)
        left = strength * (1 - share)
        if route is Route.LATENCY:
            left *= _weight_above(name, scene) * _on_route(strength, scene)
        own = max(own, left)
        if share > best_share:
            best_excuse, best_share = excuse, share
    return own, best_excuse


def _excuse_for(
    route: Route, strength: float, caller: str, callees: list[str], scene: Scene
) -> tuple[str, float]:
    best, most = "", 0.0
    for callee in callees:
        share = min(1.0, _felt_from(callee, caller, route, scene) / strength)
        if share > most:
            best, most = callee, share
    return best, most


def _felt_from(callee: str, caller: str, route: Route, scene: Scene) -> float:
    """How much trouble of a route a callee can bring its caller."""
    state = scene.states.get(callee)
    if state is None or route is Route.SATURATION:
        return 0.0
    errors = state.strength(Route.ERROR)
    slowness = state.strength(Route.LATENCY) * _material(callee, caller, scene)
    if route is Route.LATENCY:
        return max(slowness, tuning.CROSS_ROUTE * errors)
    return max(errors, tuning.CROSS_ROUTE * _timeouts(slowness))


def _timeouts(slowness: float) -> float:
    """How far a slow service makes its callers give up, 0..1."""
    return max(0.0, slowness - tuning.TIMEOUT_FROM) / (1.0 - tuning.TIMEOUT_FROM)


def _on_route(slowness: float, scene: Scene) -> float:
    """Weight of slowness as a cause: less where people complain of errors and it is too small for timeouts."""
    return max(tuning.OFF_ROUTE, _timeouts(slowness)) if scene.errors_felt else 1.0


def _material(callee: str, caller: str, scene: Scene) -> float:
    """Whether a callee's extra latency is large enough for its caller to notice, 0..1; 1 where nobody knows."""
    slow = scene.states[callee].of(Signal.LATENCY)
    above = scene.states.get(caller)
    usual = above.usual.get(Signal.LATENCY) if above is not None else None
    if slow is None or above is None or not usual:
        return 1.0
    felt = above.of(Signal.LATENCY)
    noticed = max(usual, felt.after - felt.before if felt is not None else 0.0)
    return min(1.0, (slow.after - slow.before) / (tuning.MATERIAL * noticed))


def _traffic(name: str, dependants: tuple[str, ...], scene: Scene) -> float:
    """Whether enough requests pass a service for it to explain what users feel, 0..1; 1 where nobody knows."""
    own = _rate(name, scene)
    users = [_rate(top, scene) for top in dependants if top in scene.entries]
    known = [rate for rate in users if rate]
    if not known or own is None:
        return 1.0
    return min(1.0, own / (tuning.TRAFFIC * min(known)))


def _rate(name: str, scene: Scene) -> float | None:
    state = scene.states.get(name)
    return state.usual.get(Signal.REQUEST_RATE) if state is not None else None


def _weight_above(name: str, scene: Scene) -> float:
    """How much of a service's slowness any caller can notice; a service that nobody calls is its own witness."""
    return max((_material(name, caller, scene) for caller in scene.graph.callers.get(name, ())), default=1.0)


def _hand_over(suspects: dict[str, Suspect], scene: Scene) -> None:
    """Blame of a flooded shared resource goes to the client that flooded it."""
    for resource in [name for name in suspects if scene.graph.shared(name)]:
        driven = driver_of(resource, scene.graph, scene.states)
        if driven is None:
            continue
        flooded = suspects[resource]
        client = suspects.get(driven.client) or Suspect(driven.client, 0.0, 0.0, 0.0, ())
        dependants = tuple(
            dict.fromkeys(name for name in (resource, *flooded.dependants) if name != driven.client)
        )
        suspects[driven.client] = replace(
            client,
            score=max(client.score, flooded.score * driven.share),
            own=max(client.own, flooded.own * driven.share),
            reach=max(client.reach, flooded.reach),
            dependants=dependants,
            driven=driven,
            explained_by="",
            measured=True,
            alerts=scene.alerts.get(driven.client, 0.0),
        )
        suspects[resource] = replace(
            flooded, score=flooded.score * (1 - driven.share) * 0.5, explained_by=driven.client
        )


def _excuse(suspects: dict[str, Suspect], demand: Demand, scene: Scene) -> None:
    """Slowness and saturation under more demand are nobody's fault; the demand itself becomes the suspect.

    It is named after the service that is saturated; where none is, after the one that bears it worst.
    """
    loaded = [suspects[name] for name in demand.loaded if name in suspects and not suspects[name].driven]
    if not loaded and suspects:
        return
    worst = max((suspect.score for suspect in loaded), default=0.5)
    for suspect in loaded:
        suspects[suspect.service] = replace(suspect, score=suspect.score * tuning.EXCUSED)
    named = demand.hottest
    if loaded and demand.planned is None and not (named in scene.states and scene.states[named].saturated):
        named = max(loaded, key=lambda suspect: (suspect.score, suspect.service)).service
    dependants = tuple(sorted(suspect.service for suspect in loaded if suspect.service != named))
    strength = min(1.0, demand.growth)
    suspects[named] = Suspect(
        named, worst * max(0.5, strength), max(0.5, strength), 1.0, dependants, demand=demand
    )


def _testify(
    suspects: dict[str, Suspect], scene: Scene, unwell: Mapping[str, float], demand: Demand | None
) -> None:
    """Clues take the place of what was inferred along the graph, the more so the louder they are."""
    loaded = frozenset(demand.loaded) if demand is not None else frozenset()
    weights = {
        name: scene.testimony.weight(name, scene.states.get(name), loaded=name in loaded)
        for name in sorted(scene.testimony.heard)
    }
    if not weights:
        return
    loudest = max(weights.values())
    near = {name for top in scene.alerts for name in (top, *scene.graph.reachable(top))}
    for name, weight in weights.items():
        known = suspects.get(name)
        if known is None and weight > 0:
            dependants = scene.graph.dependants(name, unwell)
            known = Suspect(
                name, 0.0, 0.0, 0.0, dependants, alerts=scene.alerts.get(name, 0.0), measured=False
            )
        if known is None or known.demand is not None or known.driven is not None:
            continue
        far = tuning.NO_WITNESS if near and name not in near else 1.0
        score = max(weight * far, known.score * (1.0 - loudest))
        sworn = scene.testimony.weight(name, scene.states.get(name), loaded=name in loaded, public=False)
        hearsay = score / max(sworn * far, known.score * (1.0 - loudest), 0.01) if score > 0 else 1.0
        suspects[name] = replace(
            known, score=score, clues=scene.testimony.of(name), hearsay=max(1.0, hearsay)
        )


def _accuse(suspects: dict[str, Suspect], scene: Scene) -> None:
    """Foreign code needs no symptom: a workload that does what it never did is a suspect by that alone."""
    for name, intrusion in scene.intrusions.items():
        known = suspects.get(name) or Suspect(
            name, 0.0, 0.0, 0.0, (), alerts=scene.alerts.get(name, 0.0), measured=False
        )
        suspects[name] = replace(known, score=max(known.score, intrusion.strength), intrusion=intrusion)


def _lifted(suspect: Suspect, scene: Scene, loudest: float) -> Suspect:
    state = scene.states.get(suspect.service)
    onset = (state.onset_at if state is not None else None) or scene.onset_at
    if suspect.driven is not None:
        onset = min(onset, suspect.driven.jump.onset_at)
    change = None if suspect.demand else nearest(scene.changes, suspect.service, onset)
    novelty = scene.novelty.get(suspect.service)
    lift = 1.0 + tuning.ALERT_LIFT * scene.alerts.get(suspect.service, 0.0) / loudest
    lift *= 1.0 + (tuning.CHANGE_LIFT * change.proximity if change else 0.0)
    counted = any(clue.kind is ClueKind.LOG for clue in suspect.clues)
    lift *= 1.0 + (tuning.NOVELTY_LIFT * novelty.strength if novelty and not counted else 0.0)
    lift *= 1.0 + (tuning.INTRUSION_LIFT * suspect.intrusion.strength if suspect.intrusion else 0.0)
    return replace(suspect, score=suspect.score * lift, change=change, novelty=novelty)
