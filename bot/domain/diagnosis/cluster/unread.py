"""Workloads as their pods tell of them, where nobody was allowed to read the workloads themselves.

How many pods were asked for is not known then: those that are there, and one more where one was refused.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from bot.domain.diagnosis.cluster.podspec import PodSpec
from bot.domain.diagnosis.cluster.state import Event, Pod, Workload

CONTROLLERS = frozenset({"ReplicaSet", "StatefulSet", "DaemonSet"})
_OF_ONE_POD = frozenset(
    {"pod-template-hash", "controller-revision-hash", "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index"}
)  # fmt: skip
_SUFFIX = re.compile(r"-[a-z0-9]+$")


def owner_of(kind: str, name: str) -> str:
    """What stands above an owner that was not read: a ReplicaSet bears its Deployment's name and a suffix."""
    return _SUFFIX.sub("", name) if kind == "ReplicaSet" else name


def inferred(pods: Sequence[Pod], events: Iterable[Event]) -> tuple[Workload, ...]:
    """A workload for each name that controlled pods belong to, or that a pod was refused to."""
    found: dict[str, Workload] = {}
    for pod in pods:
        if pod.deleted:
            continue
        labels = {key: value for key, value in pod.labels.items() if key not in _OF_ONE_POD}
        known = found.get(pod.workload) or Workload("Deployment", pod.workload, labels, pod.spec, 0, 0, 0)
        found[pod.workload] = replace(
            known, desired=known.desired + 1, ready=known.ready + pod.ready, current=known.current + 1
        )
    refused = {
        owner_of("ReplicaSet" if one.kind == "replicaset" else "", one.name)
        for one in events
        if one.reason == "FailedCreate" and one.kind in ("replicaset", "statefulset") and one.warning
    }
    for name in refused:
        # A refusal of the past is over where pods are there.
        found.setdefault(name, Workload("Deployment", name, {}, PodSpec(), 1, 0, 0))
    return tuple(found[name] for name in sorted(found))
