"""The smaller control loops: pods released and adopted, autoscalers' bounds, budgets' status, and where pods go.

An autoscaler of this cluster knows no load; it holds its Deployment inside its bounds, as the real one does first.
"""

from typing import Any

from bot.local.cluster.deployments import HASH_LABEL
from bot.local.cluster.evictions import budget_status
from bot.local.cluster.kinds import AUTOSCALERS, BUDGETS, DEPLOYMENTS, NODES, PODS, REPLICASETS, Obj
from bot.local.cluster.pods import owner_of
from bot.local.cluster.store import ObjectStore


def claim_pods(store: ObjectStore) -> None:
    """Release pods whose labels left their ReplicaSet's selector; adopt the orphans that match one."""
    sets = list(store.peek(REPLICASETS))
    by_uid = {one["metadata"]["uid"]: one for one in sets}
    for pod in store.peek(PODS):
        owners = pod["metadata"].get("ownerReferences") or []
        owner = by_uid.get(owners[0]["uid"]) if owners else None
        if owner is not None and not _matches(owner, pod):
            _change(store, pod, owners=[])
        elif not owners and HASH_LABEL in (pod["metadata"].get("labels") or {}):
            found = next((one for one in sets if _matches(one, pod)), None)
            if found is not None:
                _change(store, pod, owners=[owner_of(found)])


def hold_bounds(store: ObjectStore) -> None:
    """Bring each autoscaled Deployment inside its autoscaler's bounds."""
    by_name = {_place(one): one for one in store.peek(DEPLOYMENTS)}
    for scaler in store.peek(AUTOSCALERS):
        meta, spec = scaler["metadata"], scaler["spec"]
        found = by_name.get((meta["namespace"], spec["scaleTargetRef"]["name"]))
        if found is None:
            continue
        wanted = min(max(found["spec"]["replicas"], spec.get("minReplicas", 1)), spec["maxReplicas"])
        if wanted != found["spec"]["replicas"]:
            changed = store.get(DEPLOYMENTS, *_place(found))
            changed["spec"]["replicas"] = wanted
            changed["metadata"]["generation"] += 1
            store.replace(DEPLOYMENTS, changed)
        mine = store.get(AUTOSCALERS, *_place(scaler))
        mine["status"] = {"currentReplicas": wanted, "desiredReplicas": wanted}
        store.replace(AUTOSCALERS, mine)


def count_budgets(store: ObjectStore) -> None:
    """Write what each disruption budget allows now."""
    for budget in store.peek(BUDGETS):
        mine = store.get(BUDGETS, *_place(budget))
        mine["status"] = budget_status(budget, store.peek(PODS, budget["metadata"]["namespace"]))
        store.replace(BUDGETS, mine)


def placed(store: ObjectStore, pod: Obj) -> Obj:
    """The new pod on its node, or on the next one that takes pods."""
    names = [one["metadata"]["name"] for one in store.peek(NODES) if not one["spec"].get("unschedulable")]
    wanted = pod["spec"]["nodeName"]
    if names and wanted not in names:
        later = [name for name in names if name > wanted]
        pod["spec"]["nodeName"] = later[0] if later else names[0]
    return pod


def _matches(replica_set: Obj, pod: Obj) -> bool:
    wanted = replica_set["spec"]["selector"]["matchLabels"]
    same = replica_set["metadata"]["namespace"] == pod["metadata"]["namespace"]
    return bool(same and wanted.items() <= (pod["metadata"].get("labels") or {}).items())


def _change(store: ObjectStore, pod: Obj, *, owners: list[dict[str, Any]]) -> None:
    mine = store.get(PODS, *_place(pod))
    mine["metadata"]["ownerReferences"] = owners
    store.replace(PODS, mine)


def _place(obj: Obj) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]
