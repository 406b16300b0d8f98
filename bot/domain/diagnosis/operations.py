"""What a service does by itself: longer own time, and failures that no callee brought it.

An operation's own time leaves out whatever it was seen to wait for. Where a call goes unseen (its trace is cut), the
wait looks like own time: as much of it as the service's calls wait longer is explained by them.
"""

from collections.abc import Iterable
from dataclasses import replace

from bot.domain.calls import Calls, OperationSeries
from bot.domain.diagnosis import tuning
from bot.domain.diagnosis.clues import Clue, ClueKind, Splits, exceeded, louder, moved, total
from bot.domain.diagnosis.window import Window


def own_time_clues(parts: Iterable[Calls], window: Window) -> list[Clue]:
    """Services whose operations work longer by themselves; the strongest operation speaks for its service."""
    parts = tuple(parts)
    waits = _longer_waits(parts, window)
    added = 0.0
    best: dict[str, Clue] = {}
    shares: dict[str, float] = {}
    for part in parts:
        splits = Splits(part.step_s, window)
        for one in part.operations:
            judged = _slower(one, splits, waits.get(one.service, 0.0))
            if judged is None:
                continue
            clue, weight = judged
            added += weight
            shares[clue.service] = shares.get(clue.service, 0.0) + weight
            best[clue.service] = louder(best.get(clue.service), clue)
    return [
        replace(best[service], strength=best[service].strength * (0.5 + 0.5 * shares[service] / added))
        for service in sorted(best)
        if best[service].strength > 0
    ]


def failure_clues(parts: Iterable[Calls], window: Window) -> list[Clue]:
    """Operations that fail more often without a callee that failed."""
    found: list[Clue | None] = []
    for part in parts:
        splits = Splits(part.step_s, window)
        found.extend(_failing(one, splits) for one in part.operations if any(one.failed))
    return [clue for clue in found if clue is not None]


def _longer_waits(parts: Iterable[Calls], window: Window) -> dict[str, float]:
    """By how many seconds the calls of each service take longer than usual, the worst of them."""
    found: dict[str, float] = {}
    for part in parts:
        splits = Splits(part.step_s, window)
        for edge in part.edges:
            move = moved(edge.caller_s, edge.calls, splits.of(edge.times), tuning.GAP_FLOOR_S)
            if move is not None and move.z >= tuning.ALARM_Z:
                found[edge.caller] = max(found.get(edge.caller, 0.0), move.after - move.before)
    return found


def _slower(one: OperationSeries, splits: Splits, waits_s: float) -> tuple[Clue, float] | None:
    halves = splits.of(one.times)
    calls = total(one.calls, halves.after)
    if calls < tuning.LEAST_CALLS or total(one.calls, halves.before) < tuning.LEAST_CALLS:
        return None
    move = moved(one.own_s, one.calls, halves, tuning.GAP_FLOOR_S)
    if move is None or move.z < tuning.ALARM_Z or move.after < tuning.LEAST_RATIO * move.before:
        return None
    longer = move.after - move.before
    left = max(0.0, longer - waits_s)
    strength = left / (longer + move.before + tuning.HALF_GAP_S)
    strength *= move.lasting * move.calls / (move.calls + tuning.HALF_RUNS)
    strength *= 1.0 - min(1.0, exceeded(one.own_s, one.calls, halves.before, move.after) / tuning.RARE)
    text = (
        f"{one.operation} of {one.service} works {move.after * 1000:.0f} ms by itself, "
        f"usually {move.before * 1000:.0f} ms"
    )
    value = {"before_s": round(move.before, 6), "after_s": round(move.after, 6)}
    at = one.times[move.since]
    return Clue(
        one.service, ClueKind.OWN_TIME, strength, at, text, one.operation, value, one.link
    ), left * calls


def _failing(one: OperationSeries, splits: Splits) -> Clue | None:
    halves = splits.of(one.times)
    calls, failed = total(one.calls, halves.after), total(one.failed, halves.after)
    if failed < tuning.LEAST_CALLS:
        return None
    usual = total(one.failed, halves.before) / max(1.0, total(one.calls, halves.before))
    excess = failed - usual * calls
    if excess < tuning.LEAST_CALLS or failed / calls - usual < tuning.LEAST_POINTS:
        return None
    strength = excess / (excess + tuning.HALF_CALLS)
    text = (
        f"{failed:.0f} of {calls:.0f} {one.operation} of {one.service} failed with no callee that failed, "
        f"usually {usual * 100:.1f} %"
    )
    value = {"failed": failed, "calls": calls, "usual": round(usual, 4)}
    at = one.times[halves.after[0]]
    return Clue(one.service, ClueKind.FAILURES, strength, at, text, one.operation, value, one.link)
