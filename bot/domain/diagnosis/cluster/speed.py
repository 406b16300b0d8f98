"""Slow but alive: too little CPU, or a network that delays or loses, of one workload or of one node.

A workload is blamed where what got slow is itself and those that depend on it; a node where what got slow has that
node in common rather than a callee.
"""

from collections.abc import Iterator, Mapping

from bot.domain.diagnosis.cluster.cause import Cause
from bot.domain.diagnosis.cluster.finding import HINTED, SAID, SEEN, SHOWN, Finding
from bot.domain.diagnosis.cluster.names import dependants
from bot.domain.diagnosis.cluster.state import ClusterState, Measure, Shift

_RETRANSMITS = 3.0
_BUSY = 1.5


def processors(state: ClusterState) -> Iterator[Finding]:
    """Workloads held back at their CPU limit, the one that is furthest above its usual use first."""
    busy = _by_name(state, "workload", Measure.CPU)
    most = max((one.ratio for one in busy.values()), default=1.0)
    for name, held in sorted(_by_name(state, "workload", Measure.THROTTLED).items()):
        above = busy[name].ratio if name in busy else 1.0
        weight = SAID if above >= _BUSY and above == most else SHOWN
        because = f"{name} is held back at its CPU limit"
        yield Finding("speed/throttled", 1, "workload", name, Cause.CPU_OVERLOAD, weight, because, held.text)
    for name, used in sorted(busy.items()):
        if used.ratio >= _BUSY and name not in _by_name(state, "workload", Measure.THROTTLED):
            because = f"{name} uses {used.ratio:.1f} times its usual CPU"
            yield Finding("speed/busy", 1, "workload", name, Cause.CPU_OVERLOAD, SEEN, because, used.text)


def losses(state: ClusterState) -> Iterator[Finding]:
    """Nodes that send again far more than usual: packets are lost on the way."""
    again = {**_by_name(state, "node", Measure.RETRANSMISSION), **_by_name(state, "node", Measure.LOSS)}
    if not again:
        return
    total = sum(one.after for one in again.values())
    most = max(again.values(), key=lambda one: (one.after, one.name))
    for name, one in sorted(again.items()):
        share = one.after / total if total else 0.0
        weight = (SAID if one is most else SEEN) if one.ratio >= _RETRANSMITS else HINTED
        because = f"{name} retransmits {one.after:g} against {one.before or 0:g} as usual"
        yield Finding(
            "speed/loss", 1, "node", name, Cause.NODE_LOSS, weight * (0.9 + 0.1 * share), because, one.text,
            _placed(state, name),
        )  # fmt: skip


def delays(state: ClusterState) -> Iterator[Finding]:
    """Slowness without a busy processor: a node's network, or one workload's."""
    slow = _by_name(state, "workload", Measure.LATENCY)
    throttled = _by_name(state, "workload", Measure.THROTTLED)
    for name, one in sorted(_by_name(state, "node", Measure.ROUND_TRIP).items()):
        because = f"the way to {name} takes {one.ratio:.1f} times as long as usual"
        yield Finding(
            "speed/node-delay",
            1,
            "node",
            name,
            Cause.NODE_DELAY,
            SAID,
            because,
            one.text,
            _placed(state, name),
        )
    if not slow or throttled:
        return
    workload, fits = _source(state, slow)
    node, shares = _common_node(state, slow)
    if node and shares > fits and not _by_name(state, "node", Measure.RETRANSMISSION):
        because = f"{shares:.0%} of what got slow runs on {node}, whatever it calls"
        yield Finding(
            "speed/node", 1, "node", node, Cause.NODE_DELAY, SEEN, because, "", _placed(state, node)
        )
    if workload:
        because = f"what got slow is {workload} and what depends on it; its processor is not busy"
        quote = slow[workload].text if workload in slow else ""
        weight = SEEN if fits >= shares else HINTED
        yield Finding("speed/delay", 1, "workload", workload, Cause.POD_DELAY, weight, because, quote)


def _by_name(state: ClusterState, kind: str, measure: Measure) -> dict[str, Shift]:
    """The largest shift of each object."""
    found: dict[str, Shift] = {}
    for one in sorted(state.shifts, key=lambda one: (one.name, one.ratio)):
        if one.kind == kind and one.measure is measure:
            found[one.name] = one
    return found


def _source(state: ClusterState, slow: Mapping[str, Shift]) -> tuple[str, float]:
    """The workload that, with its dependants, covers best what got slow: fewest misses on either side."""
    names = {one.name for one in state.workloads} | set(slow)
    starved = _by_name(state, "workload", Measure.TRAFFIC)
    best, most = "", 0.0
    for name in sorted(names):
        cover = dependants(state, name) | {name}
        both = len(cover & set(slow))
        fit = both / len(cover | set(slow))
        fit += 0.05 * (name in slow) + 0.1 * (name in starved)
        if fit > most:
            best, most = name, fit
    return best, most


def _common_node(state: ClusterState, slow: Mapping[str, Shift]) -> tuple[str, float]:
    """The node whose workloads are most nearly those that got slow beyond their callers."""
    best, most = "", 0.0
    for node in state.nodes:
        placed = set(_placed(state, node.name))
        if len(placed & set(slow)) < 2:
            continue
        above = {caller for name in placed for caller in dependants(state, name)}
        fit = len(placed & set(slow)) / len(placed | (set(slow) - above))
        if fit > most:
            best, most = node.name, fit
    return best, most


def _placed(state: ClusterState, node: str) -> tuple[str, ...]:
    return tuple(sorted({pod.workload for pod in state.pods if pod.node == node}))
