"""Live fields of a Kubernetes Deployment, from the API's own objects; reader and executor must agree on them.

The live template is compared with each ReplicaSet's: the revision annotation lags behind a change by a moment,
in which a changed Deployment would look untouched.
"""

from collections.abc import Mapping, Sequence
from typing import Any

REVISION = "deployment.kubernetes.io/revision"
HASH = "pod-template-hash"

_Obj = Mapping[str, Any]


def live_deployment(deployment: _Obj, replica_sets: Sequence[_Obj]) -> dict[str, str]:
    """The fields that `domain/actions` names for k8s.deployment; raises KeyError for an object that is none."""
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
    }
    if current is not None:
        live.update(_previous(current, owned))
    return live


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


def _previous(current: _Obj, owned: Sequence[_Obj]) -> dict[str, str]:
    older = [one for one in owned if 0 < revision_of(one) < revision_of(current)]
    if not older:
        return {}
    newest = max(older, key=revision_of)
    return {
        "previous_revision": str(revision_of(newest)),
        "previous_image": _image(newest),
        "previous_template_hash": template_hash_of(newest),
    }


def _image(thing: _Obj) -> str:
    return str(thing["spec"]["template"]["spec"]["containers"][0]["image"])


def _template(thing: _Obj) -> dict[str, Any]:
    """The pod template without the label that only ReplicaSets carry."""
    template = thing["spec"]["template"]
    meta = dict(template.get("metadata", {}))
    meta["labels"] = {key: value for key, value in meta.get("labels", {}).items() if key != HASH}
    return {"metadata": meta, "spec": template["spec"]}
