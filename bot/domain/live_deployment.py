"""Live fields of a Kubernetes Deployment, from the API's own objects; reader and executor must agree on them.

The live template is compared with each ReplicaSet's: the revision annotation lags behind a change by a moment,
in which a changed Deployment would look untouched.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.domain.actions.kubernetes import RESTARTED
from bot.domain.known_good import WINDOW_S

REVISION = "deployment.kubernetes.io/revision"
HASH = "pod-template-hash"

_Obj = Mapping[str, Any]


def live_deployment(
    deployment: _Obj,
    replica_sets: Sequence[_Obj],
    *,
    autoscalers: Sequence[_Obj] = (),
    configs: Sequence[_Obj] = (),
    unit_price: str = "0",
) -> dict[str, str]:
    """The fields that `domain/actions` names for k8s.deployment; raises KeyError for an object that is none.

    `autoscalers` are those of the namespace, `configs` the ConfigMaps that `older_configs` names.
    """
    meta, spec, status = deployment["metadata"], deployment["spec"], deployment.get("status", {})
    owned = owned_by(meta["uid"], replica_sets)
    current = next((one for one in owned if _template(one) == _template(deployment)), None)
    live = {
        "uid": meta["uid"],
        "resource_version": meta["resourceVersion"],
        "generation": str(meta.get("generation", 0)),
        "observed_generation": str(status.get("observedGeneration", 0)),
        "replicas": str(spec.get("replicas", 1)),
        "total": str(status.get("replicas", 0)),
        "updated": str(status.get("updatedReplicas", 0)),
        "ready": str(status.get("readyReplicas", 0)),
        "revision": str(revision_of(deployment)),
        "image": _image(deployment),
        "template_hash": template_hash_of(current) if current else "",
        "config": ",".join(_config_names(deployment)),
        "restarted_from": _annotations(spec["template"]).get(RESTARTED, "0"),
        "paused": "1" if spec.get("paused") else "0",
        "autoscaler": _autoscaler(meta["name"], autoscalers),
        "unit_price": unit_price,
    }
    live["rolling"] = "0" if _complete(live) else "1"
    if current is not None:
        live.update(_previous(current, owned, configs))
    return live


def older_configs(deployment: _Obj, replica_sets: Sequence[_Obj]) -> list[str]:
    """Names of the ConfigMaps that the revision before the live one refers to."""
    owned = owned_by(deployment["metadata"]["uid"], replica_sets)
    current = next((one for one in owned if _template(one) == _template(deployment)), None)
    newest = _to_go_back_to(current, owned) if current else None
    return _config_names(newest) if newest else []


def owned_by(uid: str, replica_sets: Sequence[_Obj]) -> list[_Obj]:
    """The ReplicaSets that the Deployment with that uid controls."""
    owned = []
    for one in replica_sets:
        owners = one["metadata"].get("ownerReferences", [])
        if any(owner.get("uid") == uid and owner.get("controller") for owner in owners):
            owned.append(one)
    return owned


def revision_of(thing: _Obj) -> int:
    """The rollout revision of a Deployment or ReplicaSet; 0 where it carries none."""
    text = thing["metadata"].get("annotations", {}).get(REVISION, "0")
    return int(text) if text.isdigit() else 0


def template_hash_of(replica_set: _Obj) -> str:
    """The pod-template-hash label of a ReplicaSet."""
    return str(replica_set["metadata"].get("labels", {}).get(HASH, ""))


def _previous(current: _Obj, owned: Sequence[_Obj], configs: Sequence[_Obj]) -> dict[str, str]:
    newest = _to_go_back_to(current, owned)
    if newest is None:
        return {}
    names = _config_names(newest)
    sound = {one["metadata"]["name"] for one in configs if one.get("immutable")}
    ran_s, until = _life(newest, owned)
    found = {
        "previous_revision": str(revision_of(newest)),
        "previous_image": _image(newest),
        "previous_template_hash": template_hash_of(newest),
        "previous_ran_s": str(ran_s),
        "previous_config": ",".join(names),
        "previous_config_sound": "1" if sound.issuperset(names) else "0",
    }
    return {**found, "previous_until": str(until)} if until else found


def _to_go_back_to(current: _Obj, owned: Sequence[_Obj]) -> _Obj | None:
    """The newest older revision that is known to have stood its ground, else the newest older one."""
    older = [one for one in owned if 0 < revision_of(one) < revision_of(current)]
    older.sort(key=revision_of, reverse=True)
    return next((one for one in older if _ran_s(one, owned) >= WINDOW_S), older[0] if older else None)


def _ran_s(replica_set: _Obj, owned: Sequence[_Obj]) -> int:
    return _life(replica_set, owned)[0]


def _life(replica_set: _Obj, owned: Sequence[_Obj]) -> tuple[int, int]:
    """For how many seconds the revision was live and when the next one came; zeros where the history does not tell.

    A restored revision keeps its ReplicaSet, so that its creation says nothing of its newest life.
    """
    number, began = revision_of(replica_set), _created(replica_set)
    later = [_created(one) for one in owned if revision_of(one) > number]
    restored = any(_created(one) > began for one in owned if 0 < revision_of(one) < number)
    return (0, 0) if restored or not later else (max(0, int(min(later) - began)), int(min(later)))


def _created(thing: _Obj) -> float:
    return datetime.fromisoformat(thing["metadata"]["creationTimestamp"]).timestamp()


def _autoscaler(name: str, autoscalers: Sequence[_Obj]) -> str:
    """The autoscaler of the Deployment; an empty string where it has none."""
    wanted = {"kind": "Deployment", "name": name}
    found = [one for one in autoscalers if wanted.items() <= one["spec"].get("scaleTargetRef", {}).items()]
    return str(found[0]["metadata"]["name"]) if found else ""


def _complete(live: Mapping[str, str]) -> bool:
    seen = int(live["observed_generation"]) >= int(live["generation"])
    return seen and live["updated"] == live["total"] == live["replicas"]


def _config_names(thing: _Obj) -> list[str]:
    return sorted({str(name) for name in _config_references(thing["spec"]["template"]["spec"]) if name})


def _config_references(pod: _Obj) -> Iterator[Any]:
    for volume in pod.get("volumes") or ():
        sources = [volume, *((volume.get("projected") or {}).get("sources") or ())]
        yield from ((one.get("configMap") or {}).get("name") for one in sources)
    for container in (*(pod.get("containers") or ()), *(pod.get("initContainers") or ())):
        for one in container.get("envFrom") or ():
            yield (one.get("configMapRef") or {}).get("name")
        for one in container.get("env") or ():
            yield ((one.get("valueFrom") or {}).get("configMapKeyRef") or {}).get("name")


def _annotations(thing: _Obj) -> Mapping[str, str]:
    return (thing.get("metadata") or {}).get("annotations") or {}


def _image(thing: _Obj) -> str:
    return str(thing["spec"]["template"]["spec"]["containers"][0]["image"])


def _template(thing: _Obj) -> dict[str, Any]:
    """The pod template without the label that only ReplicaSets carry."""
    template = thing["spec"]["template"]
    meta = dict(template.get("metadata", {}))
    meta["labels"] = {key: value for key, value in meta.get("labels", {}).items() if key != HASH}
    return {"metadata": meta, "spec": template["spec"]}
