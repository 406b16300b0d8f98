"""parted(): whether the alerts of one incident fall apart into stories that nothing connects, and who belongs to which.

It sees alert counts, places and the dependency graph only, like the first candidate, but all of them at once: while
alerts come in, a service that alerts as on any day may look like the link between two that are really hit. Here only
services that are hit connect: along calls, over one service between, or by a callee most of whose callers are hit.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.domain.candidate import Scene, ServiceSummary, rank_candidates
from bot.domain.landscape import Landscape, landscape_of
from bot.domain.topology import Topology

LEAST_WORTH = 6.0  # In nats: a story of its own is beyond doubt.
LEAST_SHARE = (
    0.15  # Of the alerts; a smaller piece hangs loose because the map lacks an edge, or is not worth a card.
)
LEAST_COVERED = (
    0.9  # Of the alerts of all that is hit; where more hangs loose, what they share is not on the map.
)
MOST_PARTS = 3
LEAST_OWN = 0.6  # Of what depends on a cause, so much must depend on no other.
SAME_PLACE = 0.9
Places = Mapping[str, frozenset[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Parting:
    """`causes` are the first candidates of the parts, the weightiest part first; `part_of` names the cause by service."""

    causes: tuple[str, ...]
    part_of: Mapping[str, str]
    why: str


def parted(
    summaries: Sequence[ServiceSummary], topology: Topology, places: Places | None = None
) -> Parting | None:
    """The parts of one incident, or None where it is one story as far as alerts and map tell.

    `places` are labels of each service that say where it runs: what is hit in one place alone has that in common.
    """
    counted = {one.service: one for one in summaries if one.service and one.count > 0}
    known = [one for name, one in counted.items() if name in topology.nodes()]
    if len(known) < 2:
        return None
    scene, land = Scene(known, topology), landscape_of(topology)
    alerts = {one.service: one.count for one in known}
    parts = _stories(scene, land, alerts)
    if not parts or _one_place(scene.hit, counted, places or {}):
        return None
    causes = [_cause(part, known, topology) for part in parts]
    part_of = _shared_out(sorted(counted), parts, causes, land)
    return Parting(
        tuple(causes), part_of, f"no known call connects what is hit around {_named(causes, part_of)}"
    )


def parted_by(
    causes: Sequence[str], summaries: Sequence[ServiceSummary], topology: Topology
) -> Parting | None:
    """The parts around causes that readings show, or None where the map lets one of them explain another's alerts."""
    counted = {one.service: one for one in summaries if one.service and one.count > 0}
    known = [one for name, one in counted.items() if name in topology.nodes()]
    if len(set(causes)) < 2 or not {one.service for one in known}.issuperset(causes):
        return None
    scene, land = Scene(known, topology), landscape_of(topology)
    reach = {cause: scene.above(cause) & scene.hit for cause in causes}
    total = sum(counted[name].count for name in scene.hit)
    parts = []
    for cause in causes:
        others = set().union(*(reach[one] for one in causes if one != cause))
        own = reach[cause] - others
        alerts = sum(counted[name].count for name in own)
        if cause in others or len(own) < LEAST_OWN * len(reach[cause]) or alerts < LEAST_SHARE * total:
            return None
        parts.append(own)
    part_of = _shared_out(sorted(counted), parts, causes, land)
    return Parting(
        tuple(causes), part_of, f"readings show a cause of its own in each of {_named(causes, part_of)}"
    )


def _stories(scene: Scene, land: Landscape, alerts: Mapping[str, int]) -> list[set[str]]:
    """The pieces, heaviest first, where a few of them are nearly all that is hit; else none."""
    pieces = _components(scene.hit, land)
    size = [sum(alerts[name] for name in piece) for piece in pieces]
    heavy = [
        (count, piece)
        for count, piece in zip(size, pieces, strict=True)
        if count >= LEAST_SHARE * sum(size) and scene.worth(piece) >= LEAST_WORTH
    ]
    if not 2 <= len(heavy) <= MOST_PARTS or sum(count for count, _ in heavy) < LEAST_COVERED * sum(size):
        return []
    return [piece for _, piece in sorted(heavy, key=lambda one: (-one[0], min(one[1])))]


def _components(hit: Iterable[str], land: Landscape) -> list[set[str]]:
    everyone = frozenset(hit)
    left, found = set(everyone), []
    while left:
        part, todo = set(), [min(left)]
        while todo:
            name = todo.pop()
            if name in left:
                left.discard(name)
                part.add(name)
                todo.extend(_related(name, everyone, land) & left)
        found.append(part)
    return found


def _related(name: str, hit: frozenset[str], land: Landscape) -> set[str]:
    """Who is hit and calls it or is called by it, over one other at most, or shares a callee that must be hit.

    A silent callee need not be the cause of what something else that it calls explains.
    """
    callers, callees = land.callers, land.callees
    found: set[str] = set()
    loose = not hit.intersection(callees.get(name, ()))
    for below in callees.get(name, ()):
        found.add(below)
        found.update(callees.get(below, ()))
        siblings = callers.get(below, ())
        sharing = hit.intersection(siblings)
        if loose and below not in hit and 2 * len(sharing) > len(siblings):
            found.update(one for one in sharing if not hit.intersection(callees[one]))
    for above in callers.get(name, ()):
        found.add(above)
        found.update(callers.get(above, ()))
    return found & hit


def _one_place(hit: Iterable[str], counted: Iterable[str], places: Places) -> bool:
    """Whether nearly all that is hit runs in one place, and what alerts as on any day does not."""
    inside = [places[name] for name in hit if name in places]
    outside = [places[name] for name in set(counted).difference(hit) if name in places]
    shared = Counter(place for labels in inside for place in labels)
    elsewhere = Counter(place for labels in outside for place in labels)
    return any(
        count >= SAME_PLACE * len(inside) and 2 * elsewhere[place] < len(outside)
        for place, count in shared.items()
    )


def _cause(part: set[str], summaries: Sequence[ServiceSummary], topology: Topology) -> str:
    return rank_candidates([one for one in summaries if one.service in part], topology)[0].service


def _shared_out(
    services: Sequence[str], parts: Sequence[set[str]], causes: Sequence[str], land: Landscape
) -> dict[str, str]:
    """Who is hit goes with its part; others with the part that they call or are called by, else with the first."""
    home = {name: cause for part, cause in zip(parts, causes, strict=True) for name in part}
    found = {}
    for name in services:
        around = (*land.callees.get(name, ()), *land.callers.get(name, ()))
        near = {home[one] for one in around if one in home}
        found[name] = home.get(name) or min(near, key=causes.index, default=causes[0])
    return found


def _named(causes: Sequence[str], part_of: Mapping[str, str]) -> str:
    size = Counter(part_of.values())
    return " and ".join(f"{one} ({size[one]} {'services' if size[one] > 1 else 'service'})" for one in causes)
