"""Kubernetes as evidence and as inventory: rollouts that happened, and the objects that playbooks may act on."""

import itertools
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime

from bot.adapters.evidence._kubectl_read import KubectlRead, build_read
from bot.adapters.evidence._kubernetes_found import LABEL, Finder, Found, Obj
from bot.adapters.evidence._kubernetes_places import FoundNamespaces, FoundNodes, FoundPods
from bot.adapters.evidence._kubernetes_workloads import BOTH, FoundAutoscalers, FoundDeployments, FoundFlags
from bot.domain.catalogue import NAME
from bot.domain.errors import Permanent, WatchkeeperError
from bot.domain.live_deployment import owned_by, revision_of
from bot.domain.telemetry import Change, ChangeKind, Missing, Readings, missed
from bot.settings import Settings

_CAUSE = "kubernetes.io/change-cause"


class Kubernetes:
    """`bot.ports.EvidenceSource` and `bot.ports.Inventory` over one namespace; objects carry the label `service`."""

    name = "kubernetes"

    def __init__(
        self,
        kubectl: KubectlRead,
        prices: Mapping[str, float] | None = None,
        protected: Collection[str] = (),
    ) -> None:
        self._kubectl = kubectl
        table = prices or {}
        finders: tuple[Finder, ...] = (
            FoundDeployments(kubectl, table),
            FoundAutoscalers(kubectl, table),
            FoundPods(kubectl),
            FoundNamespaces(kubectl, protected),
            FoundNodes(kubectl),
            FoundFlags(kubectl),
        )
        self._finders = {one.kind: one for one in finders}
        self.kinds: tuple[str, ...] = tuple(self._finders)

    def find(self, kind: str, service: str) -> Found:
        """Objects of that service with their live fields; raises Retryable or Permanent when unreachable."""
        # A service's name comes from telemetry, so that only a plain one may become part of a selector.
        if kind not in self._finders or not re.fullmatch(NAME, service):
            return []
        return self._sound(kind, lambda: self._finders[kind].of_service(service))

    def declared(self, kind: str, role: str) -> Found:
        """Objects with the label `watchkeeper-role`; raises like `find`."""
        return self._sound(kind, lambda: self._finders[kind].of_role(role)) if kind in self._finders else []

    def collect(self, services: Sequence[str], *, start: float, end: float) -> Readings:
        """Rollouts of the services within the window."""
        try:
            deployments, replica_sets = self._read(LABEL)
            changes = [
                change
                for one in deployments
                for change in _rollouts(one, replica_sets)
                if change.service in services and start <= change.at <= end
            ]
        except WatchkeeperError as error:
            return Readings(missing=(missed(self.name, error),))
        except (KeyError, IndexError, ValueError) as error:
            return Readings(missing=(Missing(self.name, f"an object could not be read: {error}"),))
        return Readings(changes=tuple(sorted(changes, key=lambda change: (change.at, change.service))))

    def _sound(self, kind: str, find: Callable[[], Found]) -> Found:
        try:
            return find()
        except (KeyError, IndexError, ValueError) as error:
            message = f"an object of kind {kind} has no {error}"
            raise Permanent(message) from error

    def _read(self, selector: str) -> tuple[list[Obj], list[Obj]]:
        items = self._kubectl.items(BOTH, selector)
        deployments = [one for one in items if one.get("kind") == "Deployment"]
        return deployments, [one for one in items if one.get("kind") == "ReplicaSet"]


def build(settings: Settings) -> Kubernetes:
    """The reader that the settings describe; raises Permanent naming what is missing."""
    return Kubernetes(build_read(settings), settings.prices, settings.kube_protected_namespaces)


def _rollouts(deployment: Obj, replica_sets: Sequence[Obj]) -> Iterator[Change]:
    """One change per revision that has an older one, from the older state to the newer."""
    owned = owned_by(deployment["metadata"]["uid"], replica_sets)
    revisions = sorted((one for one in owned if revision_of(one) > 0), key=revision_of)
    for older, newer in itertools.pairwise(revisions):
        live = newer is revisions[-1]
        yield Change(
            service=deployment["metadata"]["labels"][LABEL],
            kind=ChangeKind.DEPLOY,
            at=_rolled_at(deployment, older, newer) if live else _created(newer),
            title=_title(newer, deployment if live else None),
            before=_state(older),
            after=_state(newer),
        )


def _rolled_at(deployment: Obj, older: Obj, newer: Obj) -> float:
    """A restored revision reuses its old ReplicaSet, so that only the Deployment knows when it came back."""
    if _created(newer) > _created(older):
        return _created(newer)
    for condition in deployment.get("status", {}).get("conditions", []):
        if condition.get("type") == "Progressing" and condition.get("lastUpdateTime"):
            return _unix(condition["lastUpdateTime"])
    return _created(newer)


def _title(newer: Obj, deployment: Obj | None) -> str:
    for one in (newer, deployment):
        cause = one["metadata"].get("annotations", {}).get(_CAUSE, "") if one else ""
        if cause:
            return str(cause)[:200]
    return f"rollout of revision {revision_of(newer)}"


def _state(replica_set: Obj) -> str:
    image = replica_set["spec"]["template"]["spec"]["containers"][0]["image"]
    return f"revision {revision_of(replica_set)} ({image})"


def _created(one: Obj) -> float:
    return _unix(one["metadata"]["creationTimestamp"])


def _unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
