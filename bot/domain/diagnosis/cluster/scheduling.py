"""Pods that no node takes: why, by asking of each node which single demand of the pod it fails.

The scheduler's message counts nodes by reason but calls node selector and affinity the same, so the pod's own demands
are tried on the nodes' labels and taints; the message decides where the nodes are not known or resources are short.
"""

import re
from collections.abc import Iterator, Mapping

from bot.domain.diagnosis.cluster.cause import Cause
from bot.domain.diagnosis.cluster.finding import HINTED, SAID, SEEN, SHOWN, Finding
from bot.domain.diagnosis.cluster.podspec import PodSpec, Toleration
from bot.domain.diagnosis.cluster.state import ClusterState, Node, Pod, Taint

REASONS: tuple[tuple[str, Cause], ...] = (
    (r"insufficient cpu", Cause.CPU_CAPACITY),
    (r"insufficient memory", Cause.MEMORY_CAPACITY),
    (r"too many pods|insufficient pods", Cause.POD_CAPACITY),
    (r"anti-affinity", Cause.ANTI_AFFINITY),
    (r"match pod affinity|pod affinity rules", Cause.POD_AFFINITY),
    (r"node affinity/selector|node\(s\) didn't match node selector", Cause.NODE_SELECTOR),
    (r"volume node affinity|no available volume zone", Cause.VOLUME_ELSEWHERE),
    (r"free ports", Cause.HOST_PORT),
    (r"taint.*unschedulable", Cause.NODE_CORDONED),
    (r"taint.*(not-ready|unreachable|network-unavailable|pressure)", Cause.NODE_PRESSURE),
    (r"taint", Cause.TAINT),
    (r"unschedulable", Cause.NODE_CORDONED),
)
_COUNTED = re.compile(r"(\d+) ((?:[Ii]nsufficient|[Tt]oo many|node\(s\)).*?)(?=, \d+ |\.(?: |$)|$)")
_HOST = "kubernetes.io/hostname"
_OWN_TAINTS = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/")


def unplaced(state: ClusterState) -> Iterator[Finding]:
    """Pending pods that the scheduler refused."""
    for pod in state.pods:
        said = refusal(state, pod)
        if not said or "PersistentVolumeClaim" in said or "persistentvolumeclaim" in said:
            continue
        cause, weight = _cause(pod.spec, said, state)
        if cause is not None:
            because = f"no node takes {pod.name}: {_explain(cause, pod.spec)}"
            yield Finding("scheduling/placement", 1, "workload", pod.workload, cause, weight, because, said)


def unseen(state: ClusterState) -> Iterator[Finding]:
    """Pending pods of which the scheduler says nothing at all: nobody schedules."""
    waiting = [pod for pod in state.pods if _waiting(pod)]
    ignored = [pod for pod in waiting if "PodScheduled" not in pod.conditions and not refusal(state, pod)]
    down = [one for one in state.daemons if "scheduler" in one.name and not one.active]
    hurt = tuple(sorted({pod.workload for pod in ignored}))
    for one in down:
        weight = 0.99 if waiting else SEEN
        yield Finding(
            "scheduling/scheduler-daemon", 1, "node", one.node, Cause.SCHEDULER_DOWN, weight,
            f"the scheduler on {one.node} does not run", one.text, hurt,
        )  # fmt: skip
    if ignored and not down:
        node = next((node.name for node in state.nodes if node.control_plane), "")
        kind, name = ("node", node) if node else ("namespace", state.namespace)
        yield Finding(
            "scheduling/ignored", 1, kind, name, Cause.SCHEDULER_DOWN, SHOWN,
            f"{len(ignored)} pods wait for a node and no scheduler has looked at them", "", hurt,
        )  # fmt: skip


def refusal(state: ClusterState, pod: Pod) -> str:
    """What the scheduler last said about a pod that still waits; empty for any other pod."""
    if not _waiting(pod):
        return ""
    events = state.events_of("pod", pod.name)
    return next((one.message for one in events if one.reason == "FailedScheduling"), "")


def _waiting(pod: Pod) -> bool:
    return pod.phase == "Pending" and not pod.node and not pod.deleted


def _cause(spec: PodSpec, said: str, state: ClusterState) -> tuple[Cause | None, float]:
    counted = _counts(said, state.nodes)
    if spec.node_selector or spec.affinity:
        chosen = _chosen(spec, state.nodes)
        if state.nodes and not chosen:
            return _unmatched(spec, state.nodes), SAID
        # The pod chose nodes and they exist, so that the choice is no fault: what keeps it off them is.
        counted = {cause: n for cause, n in counted.items() if cause is not Cause.NODE_SELECTOR or not chosen}
        kept_off = _kept_off(spec, chosen)
        if kept_off is not None:
            return kept_off, SAID
    if not counted:
        return None, HINTED
    most = max(sorted(counted), key=lambda cause: counted[cause])
    if most is Cause.NODE_SELECTOR:
        return _unmatched(spec, state.nodes), SEEN
    return most, HINTED if most is Cause.NODE_PRESSURE else SAID


def _counts(said: str, nodes: tuple[Node, ...]) -> dict[Cause, int]:
    """Nodes by reason; those that only run the control plane refuse everybody and say nothing."""
    counted: dict[Cause, int] = {}
    for number, text in _COUNTED.findall(said.split("preemption:", maxsplit=1)[0]):
        cause = next((one for pattern, one in REASONS if re.search(pattern, text.lower())), None)
        if cause is not None and "node-role.kubernetes.io" not in text:
            counted[cause] = counted.get(cause, 0) + int(number)
    if Cause.NODE_CORDONED in counted:
        counted[Cause.NODE_CORDONED] -= sum(node.control_plane and node.cordoned for node in nodes)
    return {cause: number for cause, number in counted.items() if number > 0}


def _chosen(spec: PodSpec, nodes: tuple[Node, ...]) -> list[Node]:
    """The nodes that selector and affinity leave; one that only runs the control plane counts when named itself."""
    fitting = [node for node in nodes if _selected(spec, node) and _listed(spec, node)]
    return [node for node in fitting if not node.control_plane or spec.node_selector.get(_HOST) == node.name]


def _selected(spec: PodSpec, node: Node) -> bool:
    labels = {_HOST: node.name, **node.labels}
    return all(labels.get(key) == value for key, value in spec.node_selector.items())


def _listed(spec: PodSpec, node: Node) -> bool:
    return not spec.affinity or any(all(need.holds(node.labels) for need in term) for term in spec.affinity)


def _unmatched(spec: PodSpec, nodes: tuple[Node, ...]) -> Cause:
    """Which of selector and affinity no node fits; the selector where both, the affinity where a pod has no selector."""
    if not spec.node_selector and not spec.affinity and spec.containers:
        return Cause.NODE_AFFINITY  # Every reader shows the selector, few the affinity.
    selected = any(_selected(spec, node) and not node.control_plane for node in nodes)
    if spec.affinity and (not spec.node_selector or selected):
        return Cause.NODE_AFFINITY
    return Cause.NODE_SELECTOR


def _kept_off(spec: PodSpec, chosen: list[Node]) -> Cause | None:
    """What keeps the pod off all of the nodes that it chose, where that is the node's own doing."""
    causes = [_refuses(spec, node) for node in chosen]
    known = [cause for cause in causes if cause is not None]
    return max(sorted(known), key=known.count) if known and len(known) == len(causes) else None


def _refuses(spec: PodSpec, node: Node) -> Cause | None:
    if node.cordoned and not _tolerates(spec, Taint("node.kubernetes.io/unschedulable")):
        return Cause.NODE_CORDONED
    hard = [one for one in node.taints if one.effect in ("NoSchedule", "NoExecute")]
    own = [one for one in hard if not one.key.startswith(_OWN_TAINTS)]
    return Cause.TAINT if any(not _tolerates(spec, one) for one in own) else None


def _tolerates(spec: PodSpec, taint: Taint) -> bool:
    return any(_matches(one, taint) for one in spec.tolerations)


def _matches(one: Toleration, taint: Taint) -> bool:
    if one.effect and one.effect != taint.effect:
        return False
    if not one.key:
        return one.operator == "Exists"
    return one.key == taint.key and (one.operator == "Exists" or one.value == taint.value)


def _explain(cause: Cause, spec: PodSpec) -> str:
    if cause is Cause.NODE_SELECTOR:
        return f"its node selector is {_shown(spec.node_selector)}"
    return {
        Cause.NODE_AFFINITY: "its required node affinity fits none",
        Cause.TAINT: "the nodes have a taint that it does not tolerate",
        Cause.NODE_CORDONED: "the nodes that it may run on are cordoned",
        Cause.CPU_CAPACITY: "it asks for more CPU than any node has free",
        Cause.MEMORY_CAPACITY: "it asks for more memory than any node has free",
        Cause.ANTI_AFFINITY: "its anti-affinity forbids the nodes that are left",
    }.get(cause, cause.words)


def _shown(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items())) or "empty"
