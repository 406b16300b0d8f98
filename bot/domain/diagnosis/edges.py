"""What lies between two services: a caller that waits longer than its callee works, and calls that stopped.

The gap between the two sides of a call is time on the way or in a queue. Whoever most of the widened gaps have in
common is named; a caller whose calls stop, while it still runs, is named for the steps that it no longer takes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import log

from bot.domain.calls import Calls, EdgeSeries
from bot.domain.diagnosis import tuning
from bot.domain.diagnosis.clues import Clue, ClueKind, Move, Split, Splits, exceeded, moved, quantile, total
from bot.domain.diagnosis.window import Window

Edge = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Widened:
    """An edge whose gap moved, or whose calls stopped; `strength` 0..1, 0 for one that is as it was.

    `weight` is how much happened: seconds of waiting added to a call, or calls that are missing.
    """

    edge: Edge
    strength: float
    weight: float
    move: Move | None
    at: float
    link: str = ""
    calls: float = 0.0


def network_clues(parts: Iterable[Calls], window: Window) -> list[Clue]:
    """Services at the common end of calls that spend longer on the way."""
    found = _strongest(_gap(edge, splits) for edge, splits in _each(parts, window))
    clues = []
    for service, share, own in _common(found):
        seen = sum(one.calls for one in own)
        worst = max(own, key=lambda one: (one.strength, one.edge))
        if worst.move is None:
            continue
        caller, callee = worst.edge
        text = (
            f"calls of {callee} by {caller} wait {_ms(worst.move.after)} longer than {callee} works, "
            f"usually {_ms(worst.move.before)}"
        )
        value = {
            "before_s": round(worst.move.before, 6),
            "after_s": round(worst.move.after, 6),
            "edges": len(own),
        }
        clues.append(
            Clue(
                service,
                ClueKind.NETWORK,
                share * seen / (seen + tuning.HALF_RUNS),
                worst.at,
                text,
                f"{caller} {callee}",
                value,
                worst.link,
            )
        )
    return clues


def silence_clues(parts: Iterable[Calls], window: Window) -> list[Clue]:
    """Services that stopped making calls that they always made, and services that nobody calls any more."""
    found = _strongest(_stopped(edge, splits) for edge, splits in _each(parts, window))
    stopped = [one for one in found.values() if one.strength > 0]
    everything = sum(one.weight for one in stopped)
    clues = []
    for service in sorted({end for one in stopped for end in one.edge}):
        out = [one for one in stopped if one.edge[0] == service]
        into = [one for one in stopped if one.edge[1] == service]
        calls_others = any(edge[0] == service and one.strength <= 0 for edge, one in found.items())
        callers = sum(edge[1] == service for edge in found)
        if out and calls_others:
            own, others = out, ", ".join(sorted(one.edge[1] for one in out)[:3])
            text = f"{service} no longer calls {others}, though it calls others"
        elif callers == len(into) > 1:
            own, text = into, f"none of its {callers} callers calls {service} any more"
        else:
            continue
        explained = sum(one.weight for one in own) / everything
        strength = explained**2 * max(one.strength for one in own)
        clues.append(Clue(service, ClueKind.SILENCE, strength, own[0].at, text, service, {"edges": len(own)}))
    return clues


def _each(parts: Iterable[Calls], window: Window) -> Iterable[tuple[EdgeSeries, Splits]]:
    for part in parts:
        splits = Splits(part.step_s, window)
        for edge in part.edges:
            yield edge, splits


def _strongest(edges: Iterable[Widened | None]) -> dict[Edge, Widened]:
    """One finding for each edge, however many sources saw it."""
    best: dict[Edge, Widened] = {}
    for one in edges:
        if one is not None and (one.edge not in best or one.strength > best[one.edge].strength):
            best[one.edge] = one
    return best


def _common(found: Mapping[Edge, Widened]) -> Iterable[tuple[str, float, list[Widened]]]:
    """For each service its part in all that happened to edges: how much touches it, and how much of it is touched."""
    everything = sum(one.weight for one in found.values())
    if everything <= 0:
        return
    for service in sorted({end for edge in found for end in edge}):
        own = [one for edge, one in found.items() if service in edge and one.strength > 0]
        if own:
            explained = sum(one.weight for one in own) / everything
            yield service, explained**2 * _touched(service, found), own


def _touched(service: str, found: Mapping[Edge, Widened]) -> float:
    """Share of a service's calls that are hit: those that come in, or all of them.

    Those that go out alone do not count by themselves: a callee that is hard to reach looks like that.
    """
    incoming = [one.strength for edge, one in found.items() if edge[1] == service]
    every = [one.strength for edge, one in found.items() if service in edge]
    return max(sum(incoming) / max(1, len(incoming)), sum(every) / len(every))


def _gap(edge: EdgeSeries, splits: Splits) -> Widened | None:
    halves = splits.of(edge.times)
    gaps = edge.gap_s or tuple(a - b for a, b in zip(edge.caller_s, edge.callee_s, strict=True))
    usual = quantile(edge.caller_s, edge.calls, halves.before, 0.5)
    if usual is None or not _enough(edge, halves):
        return None
    floor = max(tuning.GAP_FLOOR_S, tuning.GAP_FLOOR_SHARE * usual)
    move = moved(gaps, edge.calls, halves, floor)
    if move is None:
        return None
    longer = move.after - move.before
    name, at = (edge.caller, edge.callee), edge.times[move.since]
    if move.z < tuning.ALARM_Z:
        return Widened(name, 0.0, 0.0, move, at)
    strength = longer / (longer + max(0.0, move.before) + tuning.HALF_GAP_S)
    strength *= move.lasting
    strength *= 1.0 - min(1.0, exceeded(gaps, edge.calls, halves.before, move.after) / tuning.RARE)
    return Widened(name, strength, longer * strength, move, at, edge.link, move.calls)


def _stopped(edge: EdgeSeries, splits: Splits) -> Widened | None:
    halves = splits.of(edge.times)
    if len(halves.before) < tuning.MEASURED_LEAST or not halves.after:
        return None
    name = (edge.caller, edge.callee)
    missed = sum(edge.calls[place] <= 0 for place in halves.before)
    if total(edge.calls, halves.after) > 0 or missed > (1 - tuning.STEADY_CALLS) * len(halves.before):
        return Widened(name, 0.0, 0.0, None, splits.window.since)
    # How surprising so many empty steps in a row are, by how common an empty step was (one more than were seen).
    surprise = len(halves.after) * log((len(halves.before) + 2) / (missed + 1))
    strength = surprise / (surprise + tuning.HALF_SURPRISE)
    return Widened(name, strength, surprise, None, _first(edge, halves), edge.link)


def _enough(edge: EdgeSeries, halves: Split) -> bool:
    return sum(edge.calls[place] > 0 for place in halves.before) >= tuning.MEASURED_LEAST


def _first(edge: EdgeSeries, halves: Split) -> float:
    return edge.times[halves.after[0]] if halves.after else edge.times[-1]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"
