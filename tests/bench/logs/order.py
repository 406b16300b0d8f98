"""Order of lines without ids: normal sessions are interleaved into one stream, wrong ones are mixed in at its end.

Every look at the normal stream that finds disorder is a false alarm; a wrong stretch is found when one of its looks says
so. Sessions side by side hide order, so each concurrency is its own row.
"""

import random
from collections.abc import Callable
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any

from bot.domain.logs.order import Order
from tests.bench.logs.anomaly import read_sessions

SETS = ("openstack", "hdfs_xu")
SIDE_BY_SIDE = (1, 2, 4)
SEEDS = 6
LOOK_S, PAST_S, RECENT_S = 60.0, 2400.0, 120.0
LINES_A_SECOND = 5.0
NORMAL, WRONG = 1000, 40  # Sessions of a stream, and of its end, half of which are wrong.

Line = tuple[float, str]


def order(data: Path, _out: Path | None) -> dict[str, Any]:
    """False alarms by look and stretches found, of each set, concurrency and kind of wrong."""
    rows = []
    for name in SETS:
        sessions = read_sessions(data / "logs" / "anomaly" / name / "test_normal.txt")
        for beside in SIDE_BY_SIDE if sessions else ():
            looks, false, found = 0, 0, dict.fromkeys(_WRONG, 0)
            for seed in range(SEEDS):
                draw = random.Random(seed)
                stream = _stream(draw.sample(sessions, min(NORMAL, len(sessions))), beside, 0.0, draw)
                known = Order()
                told = _looks(known, stream, 0.0)
                looks += len(told) - 1
                false += sum(told[1:])  # The first look reads the past.
                for kind in found:
                    found[kind] += _found(known, sessions, kind, beside, stream[-1][0] + LOOK_S, draw)
            rows.append({"set": name, "side_by_side": beside, "looks": looks, "false_alarms": false, **found})
    return {"bench": "logs order", "stretches_each": SEEDS, "sets": rows}


def _found(
    known: Order, sessions: list[list[str]], kind: str, beside: int, start: float, draw: random.Random
) -> bool:
    place = draw.randrange(1, 8)  # A fault does the same to every request.
    chosen = draw.sample(sessions, WRONG)
    mixed = [_WRONG[kind](one, place) if number % 2 else one for number, one in enumerate(chosen)]
    return any(_looks(deepcopy(known), _stream(mixed, beside, start, draw), start))


def _looks(known: Order, stream: list[Line], start: float) -> list[bool]:
    """Whether each look found disorder; the first one reads all that was written before."""
    end = stream[-1][0]
    ends = [start + (PAST_S if not known.kinds else LOOK_S)]
    while ends[-1] < end:
        ends.append(ends[-1] + LOOK_S)
    told = []
    for since, until in pairwise([float("-inf"), *ends]):
        lines = [line for line in stream if since < line[0] <= until]
        told.append(known.read(lines, began=until - RECENT_S, now=until) is not None)
    return told


def _stream(sessions: list[list[str]], beside: int, start: float, draw: random.Random) -> list[Line]:
    waiting = [list(one) for one in reversed(sessions) if one]
    running: list[list[str]] = []
    lines: list[Line] = []
    at = start
    while waiting or running:
        while waiting and len(running) < beside:
            running.append(waiting.pop())
        one = draw.choice(running)
        at += draw.expovariate(LINES_A_SECOND)
        lines.append((at, one.pop(0)))
        running = [each for each in running if each]
    return lines


def _left_out(session: list[str], place: int) -> list[str]:
    return [*session[:place], *session[place + 1 :]]


def _exchanged(session: list[str], place: int) -> list[str]:
    return [*session[:place], *reversed(session[place : place + 3]), *session[place + 3 :]]


def _backwards(session: list[str], _place: int) -> list[str]:
    return session[::-1]


_WRONG: dict[str, Callable[[list[str], int], list[str]]] = {
    "step_left_out": _left_out,
    "steps_exchanged": _exchanged,
    "backwards": _backwards,
}
