"""What was considered and set aside, each with its reason: changes elsewhere, loud victims, the flooded resource."""

from bot.domain.diagnosis import tuning
from bot.domain.diagnosis.blame import Scene, Suspect
from bot.domain.diagnosis.docket import Docket, clock
from bot.domain.evidence import EvidenceKind, EvidenceRole
from bot.domain.telemetry import Change


def file_ruled_out(top: Suspect, scene: Scene, docket: Docket) -> None:
    """File at most MOST_RULED_OUT refuted theories, the most tempting first."""
    for change in _other_changes(top, scene)[: tuning.MOST_RULED_OUT - 1]:
        docket.file(
            f"not {change.service} {change.at} {change.title}", EvidenceKind.CHANGE, EvidenceRole.RULED_OUT,
            change.service, change.at,
            f"{change.kind.noun} of {change.service} at {clock(change.at)} is not the cause: "
            f"{_why_not(change, top, scene)}",
            source="changes", quote=change.title, link=change.link,
        )  # fmt: skip
    _file_loudest(top, scene, docket)


def _other_changes(top: Suspect, scene: Scene) -> list[Change]:
    chosen = top.change.change if top.change else None
    others = [change for change in scene.changes if change != chosen]
    return sorted(others, key=lambda change: (abs(scene.onset_at - change.at), change.service, change.title))


def _why_not(change: Change, top: Suspect, scene: Scene) -> str:
    if change.at > scene.onset_at + tuning.CHANGE_AFTER_S:
        return "it came after the trouble had begun"
    if top.demand is not None and change.service == top.service:
        return "errors per request are steady, the load comes from outside"
    state = scene.states.get(change.service)
    if state is not None and state.symptom <= 0:
        return f"{change.service} shows no trouble of its own"
    if change.service in top.dependants:
        return f"the trouble of {change.service} comes from {top.service}, which it depends on"
    if scene.onset_at - change.at > tuning.CHANGE_FULL_S:
        return "it came long before the trouble"
    if state is None:
        return f"nothing measured or reported about {change.service} points at it"
    return f"{top.service} explains more of the trouble"


def _file_loudest(top: Suspect, scene: Scene, docket: Docket) -> None:
    """The service with the most alerts, where it is a victim, and the resource that was flooded."""
    if top.driven is not None:
        resource = top.driven.resource
        docket.file(
            f"not {resource}", EvidenceKind.TOPOLOGY, EvidenceRole.RULED_OUT, resource, scene.onset_at,
            f"{resource} is where it hurts, not where it began: its load came from {top.service}",
            source="engine",
        )  # fmt: skip
    loudest = max(scene.alerts, key=lambda name: (scene.alerts[name], name), default="")
    if loudest in top.dependants and top.demand is None:
        docket.file(
            f"not {loudest}", EvidenceKind.ALERT, EvidenceRole.RULED_OUT, loudest, scene.onset_at,
            f"{loudest} has the heaviest alerts and is a victim: it depends on {top.service}",
            source="engine",
        )  # fmt: skip
