"""Simulated cascades with a known cause, drawn so that a seed gives the same case here and in the published figures.

One service fails, those that call it alert after some seconds a hop plus the delay of their own rules; a share stays
silent, a share of all alerts comes from services that have nothing to do with it, and the map may lack edges.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.candidate import ServiceSummary
from bot.domain.topology import Topology

_KINDS = 8
_SEVERITIES = ("critical", "warning", "warning", "info")
Deps = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class Setting:
    """Shares are 0..1; `jitter_s` and `delay_s` are seconds; `missing` is the share of edges off the map."""

    noise: float
    silent: float
    jitter_s: float
    missing: float
    delay_s: float


@dataclass(frozen=True, slots=True)
class Case:
    """What a correlator would know, and the truth."""

    summaries: tuple[ServiceSummary, ...]
    topology: Topology
    cause: str


def cascade(setting: Setting, *, seed: int, services: int = 1000, alerts: int = 2000) -> Case:
    """One case; the draws are made in the order that the published generator makes them."""
    draw = random.Random(seed)
    deps = layered(services, seed)
    callers = reverse(deps)
    cause, hops = _cause(draw, deps, callers, services)
    hit = [name for name in hops if name == cause or draw.random() > setting.silent]
    other = [name for name in deps if name not in hops] or list(deps)
    severities = _severities(alerts, seed)
    delay = {name: draw.random() * setting.delay_s for name in deps}
    seen: dict[str, tuple[int, float, bool]] = {}
    for number in range(alerts):
        name = draw.choice(other) if draw.random() < setting.noise else hit[number % len(hit)]
        hop = hops[name] if name in hops else draw.random() * 6
        at = round(hop * 3 + delay[name] + draw.random() * setting.jitter_s, 3)
        draw.getrandbits(36)
        count, first, critical = seen.get(name, (0, at, False))
        seen[name] = (count + 1, min(first, at), critical or severities[number] == "critical")
    summaries = tuple(ServiceSummary(name, count, first) for name, (count, first, _) in seen.items())
    lost = random.Random(seed)
    known = {
        name: tuple(one for one in below if not setting.missing or lost.random() > setting.missing)
        for name, below in deps.items()
    }
    return Case(summaries, Topology(known, dict.fromkeys(known, "service"), 1.0), cause)


def layered(services: int, seed: int) -> dict[str, list[str]]:
    """Each service calls one to three of the layer below."""
    draw = random.Random(seed)
    names = [f"svc-{number:05d}" for number in range(services)]
    layers = max(3, min(8, services // 10 or 3))
    width = max(1, services // layers)
    deps: dict[str, list[str]] = {}
    for number, name in enumerate(names):
        low = (number // width - 1) * width
        pool = names[max(0, low) : low + width] if low >= 0 else []
        deps[name] = draw.sample(pool, min(len(pool), draw.randint(1, 3))) if pool else []
    return deps


def reverse(deps: Deps) -> dict[str, list[str]]:
    callers: dict[str, list[str]] = {name: [] for name in deps}
    for name, below in deps.items():
        for one in below:
            callers[one].append(name)
    return callers


def _cause(draw: random.Random, deps: Deps, callers: Deps, services: int) -> tuple[str, dict[str, int]]:
    best: tuple[str, dict[str, int]] = ("", {})
    for name in draw.sample(list(deps), min(40, len(deps))):
        hops = hops_up(name, callers)
        if len(hops) > len(best[1]):
            best = (name, hops)
        if 8 <= len(hops) <= max(20, services // 3):
            return name, hops
    return best


def hops_up(start: str, callers: Deps) -> dict[str, int]:
    """Everything that calls `start`, directly or not, with its distance."""
    hops, todo = {start: 0}, [start]
    while todo:
        fresh = []
        for name in todo:
            for caller in callers[name]:
                if caller not in hops:
                    hops[caller] = hops[name] + 1
                    fresh.append(caller)
        todo = fresh
    return hops


def _severities(alerts: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    found = []
    for _ in range(alerts):
        draw.randrange(_KINDS)
        draw.getrandbits(36)
        found.append(_SEVERITIES[draw.randrange(4)])
        draw.random()
    return found
