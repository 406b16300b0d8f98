"""The state of the namespace as evidence: what the API server says now of pods, storage, quotas, services and nodes.

Two `kubectl get` at the same time, each for several kinds. Kinds that this cluster lacks or that the reader may not
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
from bot.domain.telemetry import Missing, Readings, missed
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
        with ThreadPoolExecutor(len(_FURTHER), thread_name_prefix="cluster") as pool:
            first = pool.submit(self._kubectl.items, _WORKLOADS)
            further = self._further(pool)
        try:
            objects = [*_bounded([*first.result(), *(one for _, found in further for one in found)])]
            kinds = {name.partition(".")[0] for asked, _ in further for name in asked.split(",")}
            read = {_KINDS[name] for name in kinds if name in _KINDS}
            return Readings(cluster=cluster_state(objects, self._kubectl.namespace, end, read))
        except WatchkeeperError as error:
            return Readings(missing=(missed(self.name, error),))
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            return Readings(missing=(Missing(self.name, f"an object could not be read: {error}"),))

    def _further(self, pool: ThreadPoolExecutor) -> list[tuple[str, list[_Obj]]]:
        """Everything else in one call; where that fails, group by group, those left out that fail again."""
        everything = ",".join(_FURTHER)
        found = _had(pool.submit(self._kubectl.items, everything))
        if found is not None:
            return [(everything, found)]
        asked = [(kinds, pool.submit(self._kubectl.items, kinds)) for kinds in _FURTHER]
        return [(kinds, had) for kinds, future in asked if (had := _had(future)) is not None]


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
