"""Writing calls of the API: create, update, patch, delete, the scale subresource, and their dry runs."""

import copy
from dataclasses import dataclass
from typing import Any

from bot.local.cluster import deployments
from bot.local.cluster.evictions import budget_status, selects
from bot.local.cluster.kinds import BUDGETS, CONFIGMAPS, DEPLOYMENTS, PODS, Obj, Target, rfc3339
from bot.local.cluster.patches import apply_patch
from bot.local.cluster.status import (
    already_exists,
    bad_request,
    conflict,
    disrupted,
    invalid,
    method_not_allowed,
    other_uid,
)
from bot.local.cluster.store import ObjectStore

# What a caller may not change through the main resource; the stored value wins, as on the real server.
_FIXED_META = ("uid", "creationTimestamp", "generation", "namespace", "name")


@dataclass(frozen=True)
class Call:
    """One decoded writing request."""

    target: Target
    content_type: str
    body: Any
    dry_run: bool


def only_tried(body: Any) -> bool:
    """Whether delete options, alone or inside an eviction, ask for a dry run; these carry it in the body."""
    options = body.get("deleteOptions") or body if isinstance(body, dict) else {}
    kind = options.get("kind", "DeleteOptions") if isinstance(options, dict) else ""
    return kind == "DeleteOptions" and options.get("dryRun") == ["All"]


def write(store: ObjectStore, now: float, method: str, call: Call) -> tuple[int, Obj]:
    """Carry out the call (or only answer it, for a dry run); returns status code and body."""
    if method == "POST" and not call.target.name:
        return 201, _create(store, now, call)
    if method == "POST" and call.target.subresource == "eviction":
        return 201, _evict(store, call)
    if method == "DELETE" and call.target.name and not call.target.subresource:
        return 200, _delete(store, call)
    if method in {"PUT", "PATCH"} and call.target.name:
        if call.target.subresource == "scale":
            return 200, _rescale(store, method, call)
        if not call.target.subresource:
            return 200, _update(store, method, call)
    raise method_not_allowed()


def _body(call: Call) -> Obj:
    if not isinstance(call.body, dict):
        raise bad_request("the body must be a JSON object")
    return copy.deepcopy(call.body)


def _create(store: ObjectStore, now: float, call: Call) -> Obj:
    target, obj = call.target, _body(call)
    meta = obj.setdefault("metadata", {})
    if not meta.get("name"):
        raise bad_request("name or generateName is required")
    if meta.setdefault("namespace", target.namespace) != target.namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if not target.kind.namespaced:
        meta.pop("namespace")
    if target.kind == DEPLOYMENTS:
        obj = deployments.with_defaults(obj)
        obj["metadata"]["generation"] = 1
        obj.setdefault("status", {})
        deployments.check(obj, None)
    if not call.dry_run:
        return store.create(target.kind, obj, rfc3339(now))
    if any(old["metadata"]["name"] == meta["name"] for old in store.peek(target.kind, target.namespace)):
        raise already_exists(target.kind, meta["name"])
    obj["metadata"]["creationTimestamp"] = rfc3339(now)
    return {"kind": target.kind.kind, "apiVersion": target.kind.api_version, **obj}


def _delete(store: ObjectStore, call: Call) -> Obj:
    target = call.target
    if call.dry_run:
        return store.get(target.kind, target.namespace, target.name)
    gone = store.delete(target.kind, target.namespace, target.name)
    details = {"name": target.name, "kind": target.kind.plural, "uid": gone["metadata"]["uid"]}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def _evict(store: ObjectStore, call: Call) -> Obj:
    target = call.target
    pod = store.get(PODS, target.namespace, target.name)
    pods = list(store.peek(PODS, target.namespace))
    for budget in store.peek(BUDGETS, target.namespace):
        if (
            selects(budget["spec"].get("selector"), pod)
            and budget_status(budget, pods)["disruptionsAllowed"] < 1
        ):
            raise disrupted(budget["metadata"]["name"])
    if not call.dry_run:
        store.delete(PODS, target.namespace, target.name)
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


def _update(store: ObjectStore, method: str, call: Call) -> Obj:
    target = call.target
    old = store.get(target.kind, target.namespace, target.name)
    new = _body(call) if method == "PUT" else apply_patch(call.content_type, old, call.body)
    meta = new.setdefault("metadata", {})
    for key in _FIXED_META:
        if key in old["metadata"]:
            if key in {"name", "namespace"} and meta.get(key, old["metadata"][key]) != old["metadata"][key]:
                raise bad_request(f"the {key} of the object does not match the {key} on the URL")
            if key == "uid" and meta.get(key, old["metadata"][key]) != old["metadata"][key]:
                raise other_uid(target.kind, target.name, str(meta[key]))
            meta[key] = old["metadata"][key]
    new["kind"], new["apiVersion"] = old["kind"], old["apiVersion"]
    if "status" in old:
        new["status"] = old["status"]
    if target.kind == DEPLOYMENTS:
        new = deployments.with_defaults(new)
        deployments.check(new, old)
    if target.kind == CONFIGMAPS and old.get("immutable"):
        _same_data(old, new)
    return _store(store, call, old, new)


def _same_data(old: Obj, new: Obj) -> None:
    if new.get("data") != old.get("data") or not new.get("immutable"):
        text = "Forbidden: field is immutable when `immutable` is set"
        raise invalid("ConfigMap", "", old["metadata"]["name"], [("data", "FieldValueForbidden", text)])


def _rescale(store: ObjectStore, method: str, call: Call) -> Obj:
    target = call.target
    old = store.get(target.kind, target.namespace, target.name)
    view = deployments.scale_of(old)
    scale = _body(call) if method == "PUT" else apply_patch(call.content_type, view, call.body)
    new = deployments.with_scale(old, scale)
    return deployments.scale_of(_store(store, call, old, new))


def _store(store: ObjectStore, call: Call, old: Obj, new: Obj) -> Obj:
    kind = call.target.kind
    wanted = new["metadata"].get("resourceVersion", "")
    if wanted not in ("", old["metadata"]["resourceVersion"]):
        raise conflict(kind, call.target.name)
    new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
    if "generation" in old["metadata"] and new.get("spec") != old.get("spec"):
        new["metadata"]["generation"] = old["metadata"]["generation"] + 1
    if call.dry_run:
        return new
    return store.replace(kind, new)
