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
_LOSING = 2.0  # Fewer retransmissions a second are a slow start of late packets rather than a loss.
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
    """Nodes that send again far more than usual: packets are lost on the way, or come too late."""
    again = {**_by_name(state, "node", Measure.RETRANSMISSION), **_by_name(state, "node", Measure.LOSS)}
    if not again:
        return
    total = sum(one.after for one in again.values())
    most = max(again.values(), key=lambda one: (one.after, one.name))
    late = most.after < _LOSING and bool(_by_name(state, "workload", Measure.LATENCY))
    cause = Cause.NODE_DELAY if late else Cause.NODE_LOSS
    for name, one in sorted(again.items()):
        share = one.after / total if total else 0.0
        weight = (SAID if one is most else SEEN) if one.ratio >= _RETRANSMITS else HINTED
        because = f"{name} retransmits {one.after:g} against {one.before or 0:g} as usual"
        yield Finding(
            "speed/retransmissions", 1, "node", name, cause, weight * (0.9 + 0.1 * share), because, one.text,
            _placed(state, name),
        )  # fmt: skip


def delays(state: ClusterState) -> Iterator[Finding]:
    """Slowness without a busy processor: a node's network, or one workload's."""
    slow = _by_name(state, "workload", Measure.LATENCY)
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
    for measure in (Measure.ROUND_TRIP, Measure.RETRANSMISSION):
        for name, one in sorted(_by_name(state, "workload", measure).items()):
            because = f"the way to {name} takes longer than usual"
            yield Finding("speed/way", 1, "workload", name, Cause.POD_DELAY, SHOWN, because, one.text)
    if not slow or _by_name(state, "workload", Measure.THROTTLED):
        return
    workload, fits = _best(
        slow, {one.name: _felt_of(state, one.name) for one in state.workloads}, _starved(state)
    )
    node, shares = _best(slow, {one.name: _felt_beyond(state, one.name) for one in state.nodes}, {})
    if node and shares > fits and not _by_name(state, "node", Measure.RETRANSMISSION):
        because = f"what got slow are the calls to and from {node}"
        yield Finding(
            "speed/node", 1, "node", node, Cause.NODE_DELAY, SEEN, because, "", _placed(state, node)
        )
    if workload:
        because = f"what got slow is what calls {workload} or waits for it, and no processor is busy"
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


def _felt_of(state: ClusterState, name: str) -> frozenset[str]:
    """Who gets slow when packets of one workload are late: all above it, and itself where it waits for others."""
    return dependants(state, name) | ({name} if state.calls.get(name) else frozenset())


def _felt_beyond(state: ClusterState, node: str) -> frozenset[str]:
    """Who gets slow when a node's packets are late: callers over its border, and all above them."""
    inside = set(_placed(state, node))
    across = {
        caller
        for caller, callees in state.calls.items()
        for callee in callees
        if (caller in inside) != (callee in inside)
    }
    return frozenset(across).union(*(dependants(state, caller) for caller in across))


def _starved(state: ClusterState) -> dict[str, float]:
    """Workloads whose traffic fell."""
    return dict.fromkeys(_by_name(state, "workload", Measure.TRAFFIC), 0.1)


def _best(
    slow: Mapping[str, Shift], felt: Mapping[str, frozenset[str]], extra: Mapping[str, float]
) -> tuple[str, float]:
    """The candidate whose expected victims are most nearly those seen, and how nearly (1 is exactly)."""
    best, most = "", 0.0
    for name, victims in sorted(felt.items()):
        if victims & set(slow):
            fit = len(victims & set(slow)) / len(victims | set(slow))
            fit += 0.05 * (name in slow) + extra.get(name, 0.0)
            if fit > most:
                best, most = name, fit
    return best, most


def _placed(state: ClusterState, node: str) -> tuple[str, ...]:
    return tuple(sorted({pod.workload for pod in state.pods if pod.node == node}))
