"""The control loops of the simulated cluster: deployment and ReplicaSet controllers, scheduler and kubelet in one.

It reads and writes the store only, as the real ones do through the API. Nothing in it knows of scenarios.
"""

import itertools
import math
from collections.abc import Callable
from typing import Any

from bot.local.cluster.deployments import REVISION, bare_template, revision_of
from bot.local.cluster.events import record_event
from bot.local.cluster.kinds import DEPLOYMENTS, PODS, REPLICASETS, Obj, rfc3339, unix
from bot.local.cluster.pods import is_ready, new_pod, new_replica_set, started, was_seen_by_kubelet
from bot.local.cluster.store import ObjectStore
from bot.local.cluster.upkeep import claim_pods, count_budgets, hold_bounds, placed

START_SECONDS = 0.4


class Controller:
    """Call `step` a few times a second; each call moves every Deployment one step towards its spec."""

    def __init__(
        self, store: ObjectStore, now: Callable[[], float], start_seconds: float = START_SECONDS
    ) -> None:
        self._store = store
        self._now = now
        self._start_seconds = start_seconds
        self._serial = itertools.count(1)
        self._born: dict[str, float] = {}
        self._settled_at = -1
        self._waiting = False

    def step(self) -> None:
        """One round over all Deployments, and the removal of what lost its owner; nothing where nothing changed."""
        if self._settled_at == self._store.version and not self._waiting:
            return
        self._settled_at, self._waiting = self._store.version, False
        now = self._now()
        claim_pods(self._store)
        hold_bounds(self._store)
        by_owner: dict[str, list[Obj]] = {}
        for kind in (REPLICASETS, PODS):
            for obj in self._store.peek(kind):
                by_owner.setdefault(_owner_uid(obj), []).append(obj)
        alive = {""}
        for deployment in self._store.peek(DEPLOYMENTS):
            alive.add(deployment["metadata"]["uid"])
            self._reconcile(deployment, by_owner, now)
        alive |= {rs["metadata"]["uid"] for rs in self._store.peek(REPLICASETS) if _owner_uid(rs) in alive}
        for kind in (REPLICASETS, PODS):
            for obj in self._store.peek(kind):
                if _owner_uid(obj) not in alive:
                    self._store.delete(kind, obj["metadata"]["namespace"], obj["metadata"]["name"])
        count_budgets(self._store)

    def _reconcile(self, deployment: Obj, by_owner: dict[str, list[Obj]], now: float) -> None:
        owned = by_owner.get(deployment["metadata"]["uid"], [])
        current = self._current(deployment, owned, now)
        if current is None:
            return
        others = [rs for rs in owned if rs["metadata"]["name"] != current["metadata"]["name"]]
        pods = {rs["metadata"]["uid"]: by_owner.get(rs["metadata"]["uid"], []) for rs in [current, *others]}
        if not deployment["spec"].get("paused"):
            self._roll(deployment, current, others, pods)
        for replica_set in [*others, current]:
            self._fill(replica_set["metadata"], pods[replica_set["metadata"]["uid"]], now)
        self._write_status(deployment, now)

    def _current(self, deployment: Obj, owned: list[Obj], now: float) -> Obj | None:
        """The ReplicaSet of the present template, made or brought to the newest revision where needed."""
        template = deployment["spec"]["template"]
        newest = max((revision_of(rs) for rs in owned), default=0)
        found = next((rs for rs in owned if bare_template(rs) == template), None)
        if found is None and deployment["spec"].get("paused"):
            return None
        if found is None:
            made = new_replica_set(deployment, newest + 1, 0, now)
            found = self._store.create(REPLICASETS, made, rfc3339(now))
        elif revision_of(found) < newest:
            name, namespace = found["metadata"]["name"], found["metadata"]["namespace"]
            found = self._store.get(REPLICASETS, namespace, name)
            found["metadata"]["annotations"][REVISION] = str(newest + 1)
            found = self._store.replace(REPLICASETS, found)
        if revision_of(deployment) != revision_of(found):
            changed = self._fresh(DEPLOYMENTS, deployment)
            changed["metadata"].setdefault("annotations", {})[REVISION] = str(revision_of(found))
            self._store.replace(DEPLOYMENTS, changed)
        return found

    def _roll(self, deployment: Obj, current: Obj, others: list[Obj], pods: dict[str, list[Obj]]) -> None:
        desired = deployment["spec"]["replicas"]
        surge, unavailable = _bounds(deployment)
        total = sum(rs["spec"]["replicas"] for rs in [current, *others])
        have = current["spec"]["replicas"]
        if not any(rs["spec"]["replicas"] for rs in others):
            wanted = desired
        else:
            wanted = min(desired, have + max(0, desired + surge - total))
        if wanted != have:
            self._resize(deployment, current, wanted)
        ready = sum(is_ready(pod) for owned in pods.values() for pod in owned)
        removable = ready - (desired - unavailable)
        for replica_set in sorted(others, key=revision_of):
            held = replica_set["spec"]["replicas"]
            unready = held - sum(is_ready(pod) for pod in pods[replica_set["metadata"]["uid"]])
            drop = min(held, unready + max(0, removable))
            if held and drop:
                removable -= max(0, drop - unready)
                self._resize(deployment, replica_set, held - drop)

    def _resize(self, deployment: Obj, replica_set: Obj, replicas: int) -> None:
        changed = self._fresh(REPLICASETS, replica_set)
        before = changed["spec"]["replicas"]
        changed["spec"]["replicas"] = replicas
        changed["metadata"]["generation"] += 1
        self._store.replace(REPLICASETS, changed)
        direction = "up" if replicas > before else "down"
        text = f"Scaled {direction} replica set {changed['metadata']['name']} from {before} to {replicas}"
        record_event(self._store, deployment, "ScalingReplicaSet", text, self._now())

    def _fill(self, meta: Obj, pods: list[Obj], now: float) -> None:
        """Make the pods of one ReplicaSet as many as it wants, and start those that are due."""
        replica_set = self._store.get(REPLICASETS, meta["namespace"], meta["name"])
        wanted = replica_set["spec"]["replicas"]
        live = list(pods)
        for _ in range(wanted - len(live)):
            pod = placed(self._store, new_pod(replica_set, next(self._serial), now))
            live.append(self._store.create(PODS, pod, rfc3339(now)))
            self._born[pod["metadata"]["name"]] = now
            record_event(
                self._store, replica_set, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}", now
            )
        surplus = sorted(live, key=_worth)[: max(0, len(live) - wanted)]
        for pod in surplus:
            self._store.delete(PODS, meta["namespace"], pod["metadata"]["name"])
            live.remove(pod)
        for index, pod in enumerate(live):
            born = self._born.get(pod["metadata"]["name"], 0.0)
            if was_seen_by_kubelet(pod):
                continue
            if now - born < self._start_seconds:
                self._waiting = True
            else:
                live[index] = self._store.replace(PODS, started(self._fresh(PODS, pod), now))
        ready = sum(is_ready(pod) for pod in live)
        replica_set["status"] = {
            "replicas": len(live),
            "fullyLabeledReplicas": len(live),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "observedGeneration": replica_set["metadata"]["generation"],
        }
        self._store.replace(REPLICASETS, replica_set)

    def _write_status(self, deployment: Obj, now: float) -> None:
        changed = self._fresh(DEPLOYMENTS, deployment)
        owner = changed["metadata"]["uid"]
        owned = [
            rs
            for rs in self._store.peek(REPLICASETS, changed["metadata"]["namespace"])
            if _owner_uid(rs) == owner
        ]
        newest = max(owned, key=revision_of)
        changed["status"] = deployment_status(changed, newest, owned, now)
        self._store.replace(DEPLOYMENTS, changed)

    def _fresh(self, kind: Any, obj: Obj) -> Obj:
        return self._store.get(kind, obj["metadata"]["namespace"], obj["metadata"]["name"])


def deployment_status(deployment: Obj, newest: Obj, owned: list[Obj], now: float) -> Obj:
    """The status block from the ReplicaSets; condition times are kept while their status stays."""
    desired = deployment["spec"]["replicas"]
    ready = sum(rs["status"].get("readyReplicas", 0) for rs in owned)
    updated = newest["status"]["replicas"]
    total = sum(rs["status"]["replicas"] for rs in owned)
    done = updated == desired == total and newest["status"].get("readyReplicas", 0) == desired
    name = newest["metadata"]["name"]
    _, unavailable = _bounds(deployment)
    available = ready >= desired - unavailable
    status: Obj = {
        "observedGeneration": deployment["metadata"].get("generation", 1),
        "replicas": total,
        "updatedReplicas": updated,
        "readyReplicas": ready,
        "availableReplicas": ready,
    }
    if desired > ready:
        status["unavailableReplicas"] = desired - ready
    progress = ("NewReplicaSetAvailable", f'ReplicaSet "{name}" has successfully progressed.')
    if not done:
        progress = ("ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.')
    reachable = ("MinimumReplicasAvailable", "Deployment has minimum availability.")
    if not available:
        reachable = ("MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    status["conditions"] = [
        _condition(deployment, "Available", "True" if available else "False", reachable, now),
        _condition(deployment, "Progressing", "True", progress, now),
    ]
    return status


def _condition(deployment: Obj, kind: str, truth: str, why: tuple[str, str], now: float) -> Obj:
    reason, message = why
    olds = (deployment.get("status") or {}).get("conditions") or []
    old = next((c for c in olds if c["type"] == kind), None)
    if old and old["status"] == truth and old["reason"] == reason and old["message"] == message:
        return dict(old)
    since = old["lastTransitionTime"] if old and old["status"] == truth else rfc3339(now)
    return {
        "type": kind,
        "status": truth,
        "reason": reason,
        "message": message,
        "lastUpdateTime": rfc3339(now),
        "lastTransitionTime": since,
    }


def _bounds(deployment: Obj) -> tuple[int, int]:
    """Return maxSurge (rounded up) and maxUnavailable (rounded down) as counts."""
    desired = deployment["spec"]["replicas"]
    rolling = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    surge = _share(rolling.get("maxSurge", "25%"), desired, math.ceil)
    unavailable = _share(rolling.get("maxUnavailable", "25%"), desired, math.floor)
    return (surge, unavailable) if surge or unavailable else (1, 0)


def _share(value: Any, whole: int, rounded: Callable[[float], int]) -> int:
    if isinstance(value, str) and value.endswith("%"):
        return rounded(int(value[:-1]) * whole / 100)
    return int(value)


def _worth(pod: Obj) -> tuple[bool, float]:
    """What is surplus goes in this order: pods that are not ready, then the newest."""
    return is_ready(pod), -unix(pod["metadata"]["creationTimestamp"])


def _owner_uid(obj: Obj) -> str:
    owners = obj["metadata"].get("ownerReferences") or [{}]
    return str(owners[0].get("uid", ""))
