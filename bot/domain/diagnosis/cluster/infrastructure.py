"""Nodes: daemons that do not run, nodes that are not ready, and what their pods say of it."""

import re
from collections.abc import Iterator

from bot.domain.diagnosis.cluster.cause import Cause
from bot.domain.diagnosis.cluster.finding import HINTED, SAID, SEEN, SHOWN, Finding
from bot.domain.diagnosis.cluster.state import ClusterState, Node

_DAEMONS = {
    "kubelet": Cause.KUBELET_DOWN, "containerd": Cause.RUNTIME_DOWN, "docker": Cause.RUNTIME_DOWN,
    "crio": Cause.RUNTIME_DOWN, "kube-proxy": Cause.PROXY_DOWN,
}  # fmt: skip
_RUNTIME = re.compile(
    r"(containerd|dockershim|crio|docker)\S*\.sock|container runtime (is down|status check)|runtime is down|cannot connect to the docker",
    re.IGNORECASE,
)
_NETWORK = re.compile(
    r"network plugin (is not ready|returns error)|cni (plugin|config)|networkplugin", re.IGNORECASE
)
CERTAIN = 0.98


def daemons(state: ClusterState) -> Iterator[Finding]:
    """System services that were looked at and do not run."""
    for one in state.daemons:
        cause = next((found for name, found in _DAEMONS.items() if name in one.name), None)
        if one.active or cause is None:
            continue
        # Without its runtime a node reports itself not ready, so that this is the cause of what else it shows.
        weight = CERTAIN + (0.01 if cause is Cause.RUNTIME_DOWN else 0.0)
        because = f"{one.name} on {one.node} does not run"
        yield Finding(
            "node/daemon", 1, "node", one.node, cause, weight, because, one.text, _on(state, one.node)
        )


def readiness(state: ClusterState) -> Iterator[Finding]:
    """Nodes that are not ready, by the reason that their condition gives."""
    for node in state.nodes:
        ready = node.conditions.get("Ready")
        if ready is None or ready.status == "True":
            continue
        said = f"{ready.reason} {ready.message}"
        if ready.status == "Unknown" or "stopped posting" in said:
            cause, weight = Cause.KUBELET_DOWN, SAID
        elif _RUNTIME.search(said) or "PLEG" in said:
            cause, weight = Cause.RUNTIME_DOWN, SAID
        elif _NETWORK.search(said):
            cause, weight = Cause.NODE_NETWORK_DOWN, SAID
        else:
            cause, weight = Cause.KUBELET_DOWN, SEEN
        because = f"the node {node.name} is not ready"
        yield Finding(
            "node/not-ready", 1, "node", node.name, cause, weight, because, said, _on(state, node.name)
        )


def pressure(state: ClusterState) -> Iterator[Finding]:
    """Nodes that evict or refuse pods for want of memory, disk or process ids."""
    for node in state.nodes:
        for name in ("MemoryPressure", "DiskPressure", "PIDPressure"):
            condition = node.conditions.get(name)
            if condition is not None and condition.status == "True":
                because = f"the node {node.name} is under {name}"
                yield Finding(
                    "node/pressure", 1, "node", node.name, Cause.NODE_PRESSURE, SHOWN, because, condition.message,
                    _on(state, node.name),
                )  # fmt: skip


def sandboxes(state: ClusterState) -> Iterator[Finding]:
    """Nodes whose new pods get no sandbox because the runtime or the network plugin does not answer."""
    seen: dict[tuple[str, Cause], list[str]] = {}
    for pod in state.pods:
        if pod.ready or not pod.node:
            continue
        for event in state.events_of("pod", pod.name):
            if event.reason in ("FailedCreatePodSandBox", "FailedKillPod"):
                cause = Cause.RUNTIME_DOWN if _RUNTIME.search(event.message) else None
                cause = cause or (Cause.NODE_NETWORK_DOWN if _NETWORK.search(event.message) else None)
                if cause is not None:
                    seen.setdefault((pod.node, cause), []).append(event.message)
                    break
    for (node, cause), messages in sorted(seen.items()):
        because = f"{len(messages)} pods on {node} get no sandbox"
        yield Finding("node/sandbox", 1, "node", node, cause, SHOWN, because, messages[0], _on(state, node))


def proxies(state: ClusterState) -> Iterator[Finding]:
    """Nodes from which Services cannot be reached that other nodes reach."""
    tried = {(one.service, one.port) for one in state.reaches if one.node}
    split = [
        key for key in tried if len({one.open for one in state.reaches if (one.service, one.port) == key}) > 1
    ]
    for node in sorted({one.node for one in state.reaches if one.node}):
        shut = [
            one.service for one in state.reaches
            if one.node == node and (one.service, one.port) in split and not one.open
        ]  # fmt: skip
        if not shut or any(one.open for one in state.reaches if one.node == node):
            continue
        known = next((one for one in state.nodes if one.name == node), Node(node))
        weight = SEEN if known.usable else HINTED
        because = f"from {node} no Service is reached, from other nodes {', '.join(sorted(shut))} is"
        yield Finding("node/unreached", 1, "node", node, Cause.PROXY_DOWN, weight, because)


def _on(state: ClusterState, node: str) -> tuple[str, ...]:
    return tuple(sorted({pod.workload for pod in state.pods if pod.node == node}))
