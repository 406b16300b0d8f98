"""The argument for one suspect: its evidence filed in order of importance, and sentences that cite it."""

from dataclasses import dataclass

from bot.domain.canonical import Json
from bot.domain.diagnosis import tuning
from bot.domain.diagnosis.blame import Scene, Suspect
from bot.domain.diagnosis.changes import CLASS_OF
from bot.domain.diagnosis.clues import SAYS, ClueKind, filed_as
from bot.domain.diagnosis.docket import Docket, cite, clock
from bot.domain.diagnosis.intrusion import Intrusion
from bot.domain.diagnosis.symptoms import FELT, Anomaly, Route, ServiceState
from bot.domain.evidence import CauseClass, EvidenceKind, EvidenceRole, Hypothesis
from bot.domain.telemetry import Signal
from bot.domain.topology import Topology
from bot.domain.trust import Trust


@dataclass(slots=True)
class Argument:
    """Sentences and the ids that they cite, in filing order."""

    because: list[str]
    cited: list[str]

    def say(self, sentence: str, *ids: str) -> None:
        """Add a sentence when at least one of its facts is on file."""
        known = [number for number in ids if number]
        if known:
            self.because.append(f"{sentence}{cite(*known)}.")
            self.cited.extend(number for number in known if number not in self.cited)


def hypothesis(
    suspect: Suspect, scene: Scene, docket: Docket, confidence: float, *, full: bool
) -> Hypothesis:
    """Argue for a suspect; `full` files everything, otherwise only what is needed to tell it apart."""
    argument = Argument([], [])
    if suspect.demand is not None:
        _argue_demand(suspect, scene, docket, argument)
    if suspect.intrusion is not None:
        _argue_intrusion(suspect.intrusion, docket, argument)
    _argue_change(suspect, docket, argument)
    _argue_driven(suspect, scene, docket, argument)
    _argue_clues(suspect, docket, argument, most=3 if full else 1)
    _argue_novelty(suspect, docket, argument)
    _argue_own(suspect, scene, docket, argument, most=2 if full else 1)
    path = path_of(suspect, scene)
    if full:
        _argue_reach(suspect, scene, docket, argument, path)
        _argue_alerts(suspect, scene, docket, argument)
    if suspect.explained_by:
        excuse = scene.states.get(suspect.explained_by)
        worst = next((found for found in excuse.anomalies if found.route in FELT), None) if excuse else None
        number = docket.metric(worst, EvidenceRole.MECHANISM) if worst else ""
        argument.say(f"Against it: {suspect.explained_by} explains part of its trouble", number)
    return Hypothesis(
        suspect.service, classify(suspect, scene), confidence,
        tuple(argument.because), tuple(argument.cited), path,
    )  # fmt: skip


def classify(suspect: Suspect, scene: Scene) -> CauseClass:
    """The class that playbooks match on."""
    if suspect.intrusion is not None and not suspect.intrusion.released:
        return CauseClass.SECURITY
    if suspect.demand is not None:
        return CauseClass.PLANNED if suspect.demand.planned is not None else CauseClass.CAPACITY
    if suspect.driven is not None:
        return CauseClass.DATABASE_LOAD
    if suspect.change is not None and suspect.change.proximity >= tuning.CHANGE_NEAR:
        return CLASS_OF[suspect.change.change.kind]
    return _class_without_change(suspect.service, scene)


def _class_without_change(service: str, scene: Scene) -> CauseClass:
    state = scene.states.get(service) or ServiceState(service)
    loaded = state.strongest(Route.LOAD, rising=True) is not None
    memory = state.of(Signal.MEMORY)
    if memory is not None and memory.rising and memory.after >= tuning.SATURATED and not loaded:
        return CauseClass.MEMORY
    if not state.saturated and any(clue.kind is ClueKind.NETWORK for clue in scene.testimony.of(service)[:1]):
        return CauseClass.NETWORK
    if scene.graph.shared(service):
        return CauseClass.DATABASE_LOAD if loaded or state.saturated else CauseClass.DEPENDENCY
    if service in scene.graph.observed:
        return CauseClass.DEPENDENCY
    return CauseClass.CAPACITY if state.saturated or _starved(state) else CauseClass.UNKNOWN


def _starved(state: ServiceState) -> bool:
    """Whether a resource that ran up says the most of all that is wrong with it, more demand aside."""
    own = [found for found in state.anomalies if found.route is not Route.LOAD]
    return bool(own) and own[0].route is Route.SATURATION and own[0].rising


def path_of(suspect: Suspect, scene: Scene) -> tuple[str, ...]:
    """From the cause up to the farthest unwell caller that everybody sees, along calls."""
    below = suspect.driven.resource if suspect.driven else suspect.service
    tops = [name for name in suspect.dependants if not _unwell_callers(name, suspect, scene)]
    graph = Topology(calls=scene.graph.calls)
    farthest = (tops or list(suspect.dependants))[-tuning.MOST_PATHS :]
    walks = [walk for walk in (graph.path(top, [below]) for top in farthest) if walk]
    walk = max(walks, key=lambda found: (len(found), found), default=(below,))
    upward = tuple(reversed(walk))
    return (
        upward
        if below == suspect.service
        else (suspect.service, *(n for n in upward if n != suspect.service))
    )


def _unwell_callers(name: str, suspect: Suspect, scene: Scene) -> bool:
    return any(caller in suspect.dependants for caller in scene.graph.callers.get(name, ()))


def _argue_demand(suspect: Suspect, scene: Scene, docket: Docket, argument: Argument) -> None:
    demand = suspect.demand
    if demand is None:
        return
    if demand.planned is not None:
        event = demand.planned
        number = docket.file(
            f"planned {event.id}", EvidenceKind.PLANNED, EvidenceRole.CAUSE, suspect.service, event.starts_at,
            f"a planned event covers {suspect.service} from {clock(event.starts_at)} to {clock(event.ends_at)}",
            source="planned events", trust=Trust.OPERATOR, quote=event.title,
        )  # fmt: skip
        argument.say("The load was announced", number)
    loads = [scene.states[name].strongest(Route.LOAD, rising=True) for name in demand.entries]
    growth: dict[str, Json] = {"growth_percent": round(demand.growth * 100)}
    numbers = [docket.metric(load, EvidenceRole.CAUSE, growth) for load in loads[:2] if load is not None]
    argument.say(
        f"More demand: requests rose by {demand.growth * 100:.0f} % with steady errors per request", *numbers
    )
    heat = (
        scene.states[demand.hottest].strongest(Route.SATURATION) if demand.hottest in scene.states else None
    )
    if heat is not None:
        argument.say(
            f"It shows as utilisation of {demand.hottest}", docket.metric(heat, EvidenceRole.MECHANISM)
        )


def _argue_intrusion(intrusion: Intrusion, docket: Docket, argument: Argument) -> None:
    """One fact an instance, so that what is done about it can name the instances; foreign words stand as quotes."""
    numbers = []
    for one in intrusion.sightings[: tuning.MOST_SIGHTINGS]:
        did = [
            words for words, seen in (("runs a process", one.processes), ("calls out", one.remotes)) if seen
        ]
        number = docket.file(
            f"behaviour {intrusion.service} {one.instance}", EvidenceKind.BEHAVIOUR, EvidenceRole.CAUSE,
            intrusion.service, one.first_at,
            f"{one.instance} of {intrusion.service} {' and '.join(did)} outside its baseline since "
            f"{clock(one.first_at)}",
            source="runtime sensor", quote="; ".join((*one.processes, *one.remotes)),
            value={"instance": one.instance, "processes": len(one.processes), "remotes": len(one.remotes)},
        )  # fmt: skip
        numbers.append(number)
    running = sum(bool(one.processes) for one in intrusion.sightings)
    calling = sum(bool(one.remotes) for one in intrusion.sightings)
    argument.say(
        f"A process that {intrusion.service} never ran before appeared on {running} of its instances",
        *numbers,
    )
    if calling:
        argument.say(
            f"{calling} of them opened outbound connections that the baseline does not have", *numbers
        )
    if intrusion.released:
        argument.say("Against it: a release came just before and may have brought them", *numbers)


def _argue_change(suspect: Suspect, docket: Docket, argument: Argument) -> None:
    near = suspect.change
    if near is None:
        return
    change = near.change
    lead = f"{near.lead_s:.0f} s before" if near.lead_s > 0 else "together with"
    number = docket.file(
        f"change {change.service} {change.at} {change.title}", EvidenceKind.CHANGE, EvidenceRole.CAUSE,
        change.service, change.at, f"{change.kind.noun} of {change.service} at {clock(change.at)}{_moved(suspect)}",
        source="changes", quote=change.title, link=change.link,
        value={"before": change.before, "after": change.after, "lead_s": round(near.lead_s)},
    )  # fmt: skip
    argument.say(f"A {change.kind.noun} of {change.service} came {lead} its trouble", number)


def _moved(suspect: Suspect) -> str:
    change = suspect.change.change if suspect.change else None
    return f", from {change.before} to {change.after}" if change and change.before and change.after else ""


def _argue_driven(suspect: Suspect, scene: Scene, docket: Docket, argument: Argument) -> None:
    driven = suspect.driven
    if driven is None:
        return
    jump = docket.metric(
        driven.jump,
        EvidenceRole.CAUSE,
        {"share_percent": round(driven.share * 100), "resource": driven.resource},
    )
    argument.say(
        f"{driven.client} brought {driven.share * 100:.0f} % of the extra load on {driven.resource}", jump
    )
    state = scene.states.get(driven.resource)
    worst = [docket.metric(found, EvidenceRole.MECHANISM) for found in (state.anomalies[:3] if state else ())]
    argument.say(f"{driven.resource} suffers under it", *worst)


def _argue_clues(suspect: Suspect, docket: Docket, argument: Argument, *, most: int) -> None:
    """What its calls say of it; weak clues only where there is nothing else."""
    told = [clue for clue in suspect.clues if clue.strength >= tuning.TOLD_FROM] or list(suspect.clues[:1])
    for clue in told[:most]:
        kind, source, trust = filed_as(clue.kind)
        number = docket.file(
            f"clue {clue.kind.value} {clue.service} {clue.about}", kind, EvidenceRole.MECHANISM,
            clue.service, clue.at, clue.text, source=source, trust=trust, quote=clue.quote, link=clue.link,
            value={"strength": round(clue.strength, 3), **clue.value},
        )  # fmt: skip
        argument.say(SAYS[clue.kind].format(clue.service), number)


def _argue_novelty(suspect: Suspect, docket: Docket, argument: Argument) -> None:
    novelty = suspect.novelty
    if novelty is None:
        return
    number = docket.file(
        f"log {novelty.service} {novelty.template}", EvidenceKind.LOG, EvidenceRole.MECHANISM, novelty.service,
        novelty.first_at, f"{novelty.service} began to write lines of a new kind at {clock(novelty.first_at)} "
        f"({novelty.lines} read)", source="logs", trust=novelty.example.trust, quote=novelty.example.text,
        value={"lines": novelty.lines, "strength": round(novelty.strength, 3)},
    )  # fmt: skip
    argument.say(f"{novelty.service} writes log lines that it did not write before", number)


def _argue_own(suspect: Suspect, scene: Scene, docket: Docket, argument: Argument, *, most: int) -> None:
    state = scene.states.get(suspect.service)
    if state is None or suspect.demand is not None:
        return
    own: list[Anomaly] = [found for found in state.anomalies if found.route is not Route.LOAD][:most]
    numbers = [docket.metric(found, EvidenceRole.MECHANISM) for found in own]
    unexplained = "" if suspect.explained_by or suspect.driven else ", and nothing that it calls explains it"
    argument.say(f"{suspect.service} itself is unwell{unexplained}", *numbers)


def _argue_reach(
    suspect: Suspect, scene: Scene, docket: Docket, argument: Argument, path: tuple[str, ...]
) -> None:
    felt = [scene.states[name] for name in suspect.dependants if name in scene.states]
    felt = sorted(felt, key=lambda state: (-state.symptom, state.service))[: tuning.MOST_SYMPTOMS]
    numbers = [docket.metric(state.anomalies[0], EvidenceRole.SYMPTOM) for state in felt if state.anomalies]
    if len(path) > 1:
        numbers.append(
            docket.file(
                "path " + " ".join(path), EvidenceKind.TOPOLOGY, EvidenceRole.MECHANISM, suspect.service,
                scene.onset_at, f"the trouble travels {' → '.join(path)}", source="topology",
                value={"path": list(path), "reach": round(suspect.reach, 3), "unwell": len(suspect.dependants)},
            )
        )  # fmt: skip
    count = len(suspect.dependants)
    if suspect.demand is not None:
        argument.say(f"The load passes on to {count} more", *numbers)
        return
    noun = "service that depends" if count == 1 else "services that depend"
    argument.say(f"It accounts for {count} unwell {noun} on it", *numbers)


def _argue_alerts(suspect: Suspect, scene: Scene, docket: Docket, argument: Argument) -> None:
    reached = [name for name in (suspect.service, *suspect.dependants) if name in scene.alerts]
    if not reached:
        return
    number = docket.file(
        "alerts", EvidenceKind.ALERT, EvidenceRole.SYMPTOM, suspect.service, scene.onset_at,
        f"{len(reached)} of {len(scene.alerts)} alerting services {_tie(suspect)}",
        source="alerts", value={"reached": len(reached), "alerting": len(scene.alerts)},
    )  # fmt: skip
    argument.say("Alerts agree", number)


def _tie(suspect: Suspect) -> str:
    if suspect.demand is not None:
        return "got more requests or serve those that did"
    return f"are {suspect.service} or depend on it"
