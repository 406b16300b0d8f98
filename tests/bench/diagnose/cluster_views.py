"""Views of a recorded cluster: what was not read, what is worded otherwise, and what else is unwell beside the fault."""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from bot.domain.diagnosis.cluster.podspec import Container, ContainerState, PodSpec
from bot.domain.diagnosis.cluster.state import (
    ClusterState,
    Event,
    LogSample,
    Pod,
    Workload,
)
from bot.domain.diagnosis.cluster.unread import inferred
from bot.domain.telemetry import Telemetry

Change = Callable[[ClusterState], ClusterState]
# The same condition as other versions and other parts of Kubernetes word it.
_WORDINGS: tuple[tuple[str, str], ...] = (
    (r"node\(s\) didn't match Pod's node affinity/selector", "node(s) didn't match node selector"),
    (r"node\(s\) had untolerated taint \{([^:}]+): ?([^}]*)\}",
     r"node(s) had taint {\1: \2}, that the pod didn't tolerate"),
    (r"node\(s\) didn't match pod anti-affinity rules", "node(s) didn't satisfy existing pods anti-affinity rules"),
    (r"pod has unbound immediate PersistentVolumeClaims", "pod has unbound immediate PersistentVolumeClaims (repeated 3 times)"),
    (r"error looking up service account (\S+?)/(\S+?): .*", r'serviceaccount "\2" not found'),
    (r"Back-off pulling image", "Back-off pulling the image"),
    (r"rpc error: code = (\w+) desc = ", ""),
    (r"failed to pull and unpack image \S+: ", ""),
    (r"Kubelet stopped posting node status\.", "kubelet stopped posting node status (node unreachable)."),
    (r"connect: connection refused", "connect: Connection refused"),
)  # fmt: skip


_OF_A_START = (
    "connection refused while connecting to upstream, retrying",
    "context deadline exceeded",
    "request failed with status 404",
)


def reworded(state: ClusterState) -> ClusterState:
    """Events and containers' messages as another version writes them."""
    return replace(
        state,
        events=tuple(replace(one, message=_said(one.message)) for one in state.events),
        pods=tuple(_contained(pod, _worded) for pod in state.pods),
    )


def _said(text: str) -> str:
    for pattern, other in _WORDINGS:
        text = re.sub(pattern, other, text)
    return text


def _worded(one: Container) -> Container:
    state = replace(one.state, message=_said(one.state.message), last_message=_said(one.state.last_message))
    return replace(one, state=state)


def _contained(pod: Pod, change: Callable[[Container], Container]) -> Pod:
    spec = replace(pod.spec, containers=tuple(change(one) for one in pod.spec.containers))
    return replace(pod, spec=spec)


def other_order(state: ClusterState) -> ClusterState:
    """Every list the other way round."""
    return replace(
        state,
        pods=state.pods[::-1], workloads=state.workloads[::-1], services=state.services[::-1],
        claims=state.claims[::-1] if state.claims is not None else None, volumes=state.volumes[::-1],
        nodes=state.nodes[::-1], quotas=state.quotas[::-1], events=state.events[::-1],
        daemons=state.daemons[::-1], reaches=state.reaches[::-1], logs=state.logs[::-1],
        shifts=state.shifts[::-1], routes=state.routes[::-1], policies=state.policies[::-1],
    )  # fmt: skip


def with_harmless_trouble(state: ClusterState) -> ClusterState:
    """What every cluster has: old restarts, a probe that failed once, lines of a start, a finished job, old warnings."""
    draw = random.Random(state.namespace + str(len(state.pods)))
    well = [pod for pod in state.pods if pod.ready]
    events: list[Event] = []
    logs: list[LogSample] = []
    names = {pod.name for pod in draw.sample(well, min(3, len(well)))}
    for pod in well:
        if pod.name in names:
            said = 'Readiness probe failed: Get "http://10.0.0.9:8080/health": dial tcp 10.0.0.9:8080: connect: connection refused'
            events.append(Event("pod", pod.name, "Unhealthy", said, True, 2, 90_000.0))
            events.append(
                Event("pod", pod.name, "BackOff", "Back-off restarting failed container", True, 3, 90_000.0)
            )
            logs.extend(LogSample(pod.workload, text, 2, 0.01) for text in _OF_A_START)
    job = Pod("cleanup-28471180-x7k2p", "cleanup", {"job-name": "cleanup"}, PodSpec(), "", "", "Succeeded")
    pods = tuple(_contained(one, _restarted) if one.name in names else one for one in state.pods)
    return replace(state, pods=(*pods, job), events=(*state.events, *events), logs=(*state.logs, *logs))


def _restarted(one: Container) -> Container:
    return replace(one, state=replace(one.state, restarts=2, last_reason="Error", last_exit=1))


def with_broken_bystander(state: ClusterState) -> ClusterState:
    """A workload that nobody calls, and has no Service, cannot read a config map: a fault of its own, far away."""
    waits = ContainerState(
        "waiting",
        "CrashLoopBackOff",
        "back-off 5m0s restarting failed container",
        None,
        40,
        False,
        "Error",
        1,
    )
    spec = PodSpec((Container("main", "registry.test/tools/report:1", state=waits),))
    workload = Workload("Deployment", "nightly-report", {"app": "nightly-report"}, spec, 1, 0, 1)
    conditions = {"Ready": "False", "PodScheduled": "True"}
    pod = Pod(
        "nightly-report-5d9-x1",
        "nightly-report",
        workload.labels,
        spec,
        state.nodes[0].name if state.nodes else "",
        "",
        "Running",
        conditions=conditions,
    )
    return replace(state, pods=(*state.pods, pod), workloads=(*state.workloads, workload))


def without(*fields: str) -> Change:
    """Some parts were not read."""
    empty: Mapping[str, object] = {
        "calls": {},
        "claims": None,
        "storage_classes": None,
        "secrets": None,
        "service_accounts": None,
    }
    return lambda state: replace(state, **{name: empty.get(name, ()) for name in fields})  # type: ignore[arg-type]


def unread_workloads(state: ClusterState) -> ClusterState:
    """Deployments were not readable; their pods were."""
    pods = [one for one in state.pods if any(one.workload == other.name for other in state.workloads)]
    return replace(state, workloads=inferred(pods, state.events))


def unmentioned_services(state: ClusterState) -> ClusterState:
    """Endpoints were not read."""
    return replace(state, services=tuple(replace(one, endpoints=None) for one in state.services))


CLUSTER_VIEWS: Mapping[str, Change] = {
    "as recorded": lambda state: state,
    "other order": other_order,
    "other wordings": reworded,
    "harmless trouble beside it": with_harmless_trouble,
    "a broken bystander": with_broken_bystander,
    "no logs": without("logs"),
    "no events": without("events"),
    "no call graph": without("calls"),
    "no metric alarms": without("shifts"),
    "no probes of services": without("reaches"),
    "no daemons": without("daemons"),
    "no nodes": without("nodes"),
    "no quotas": without("quotas"),
    "no endpoints": unmentioned_services,
    "no workloads": unread_workloads,
    "no volumes nor claims": without("volumes", "claims", "storage_classes"),
}


def through_cluster(change: Change) -> Callable[[Telemetry], Telemetry]:
    """A lens for whole telemetry."""
    return lambda told: replace(told, cluster=change(told.cluster)) if told.cluster is not None else told
