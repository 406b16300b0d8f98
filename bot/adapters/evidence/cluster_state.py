"""The state of the namespace as evidence: what the API server says now of pods, storage, quotas, services and nodes.

A few `kubectl get` at the same time, each for several kinds. Kinds that this cluster lacks or that the reader may not
see stay unknown to the rules; only without the pods themselves is there nothing to judge. Neither secrets nor service
accounts are read: events name those that are missing.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

from bot.adapters.evidence._kubectl_read import KubectlRead, build_read
from bot.domain.diagnosis.cluster.read_objects import cluster_state
from bot.domain.errors import WatchkeeperError
from bot.domain.telemetry import Missing, Readings
from bot.settings import Settings

_Obj = Mapping[str, Any]
_WORKLOADS = "pods,services,events,deployments.apps,replicasets.apps"
_FURTHER = (
    "statefulsets.apps,daemonsets.apps,endpoints,networkpolicies.networking.k8s.io,ingresses.networking.k8s.io",
    "persistentvolumeclaims,resourcequotas",
    "persistentvolumes,storageclasses.storage.k8s.io",
    "nodes",
)
_KINDS = {
    "endpoints": "Endpoints",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "storageclasses": "StorageClass",
}
MOST_OBJECTS = 5000
MOST_EVENTS = 2000


class ClusterReader:
    """`bot.ports.EvidenceSource`: one reading of the namespace, whatever the window."""

    name = "cluster state"

    def __init__(self, kubectl: KubectlRead) -> None:
        self._kubectl = kubectl

    def collect(self, services: Sequence[str], *, start: float, end: float) -> Readings:
        """The state at `end`; the window's start and the services' names do not matter, faults lie beside them."""
        with ThreadPoolExecutor(len(_FURTHER) + 1, thread_name_prefix="cluster") as pool:
            first = pool.submit(self._kubectl.items, _WORKLOADS)
            others = [(kinds, pool.submit(self._kubectl.items, kinds)) for kinds in _FURTHER]
        try:
            objects = list(first.result())
        except WatchkeeperError as error:
            return Readings(missing=(Missing(self.name, str(error)),))
        read = set()
        for kinds, future in others:
            found = _had(future)
            if found is not None:
                objects += found
                read |= {
                    _KINDS[name] for one in kinds.split(",") if (name := one.partition(".")[0]) in _KINDS
                }
        bounded = [*_bounded(objects)]
        try:
            state = cluster_state(bounded, self._kubectl.namespace, end, read)
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            return Readings(missing=(Missing(self.name, f"an object could not be read: {error}"),))
        return Readings(cluster=state)


def build(settings: Settings) -> ClusterReader:
    """The reader that the settings describe; raises Permanent naming what is missing."""
    return ClusterReader(build_read(settings))


def _had(future: "Future[Sequence[_Obj]]") -> list[_Obj] | None:
    """What came, None where the cluster has no such kind or the reader may not see it."""
    try:
        return list(future.result())
    except WatchkeeperError:
        return None


def _bounded(objects: Sequence[_Obj]) -> Iterator[_Obj]:
    """The newest events and at most so many other objects."""
    events = [one for one in objects if one.get("kind") == "Event"]
    events.sort(key=lambda one: str(one.get("lastTimestamp") or one.get("eventTime") or ""), reverse=True)
    yield from events[:MOST_EVENTS]
    yield from islice((one for one in objects if one.get("kind") != "Event"), MOST_OBJECTS)
