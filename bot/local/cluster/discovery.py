"""The discovery documents: version, groups and resource lists, from the one table of kinds."""

from bot.local.cluster.access import allows
from bot.local.cluster.kinds import GROUPS, KINDS, Kind, Obj

VERSION: Obj = {
    "major": "1",
    "minor": "37",
    "gitVersion": "v1.37.1",
    "gitCommit": "simulated",
    "gitTreeState": "clean",
    "buildDate": "2026-01-01T00:00:00Z",
    "goVersion": "go1.25",
    "compiler": "gc",
    "platform": "linux/amd64",
}


def document(path: str) -> Obj | None:
    """The discovery answer for a path, or None where the path is not one of discovery."""
    path = "/" + path.strip("/")
    if path == "/version":
        return VERSION
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
    if path == "/apis":
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name) for name in GROUPS]}
    if path == "/api/v1":
        return _resources("")
    parts = path.split("/")
    if parts[1] == "apis" and len(parts) > 2 and parts[2] in GROUPS:
        if len(parts) == 3:
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(parts[2])}
        if parts[3:] == ["v1"]:
            return _resources(parts[2])
    return None


def _group(name: str) -> Obj:
    version = {"groupVersion": f"{name}/v1", "version": "v1"}
    return {"name": name, "versions": [version], "preferredVersion": version}


def _resources(group: str) -> Obj:
    rows: list[Obj] = []
    for kind in KINDS:
        if kind.group != group:
            continue
        row: Obj = {
            "name": kind.plural,
            "singularName": kind.kind.lower(),
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": list(kind.verbs),
        }
        if kind.short:
            row["shortNames"] = list(kind.short)
        if kind.plural in {"deployments", "replicasets", "pods", "services"}:
            row["categories"] = ["all"]
        rows.append(row)
        rows += _subresources(kind)
    version = f"{group}/v1" if group else "v1"
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": rows}


def _subresources(kind: Kind) -> list[Obj]:
    blank = {"singularName": "", "namespaced": True}
    if kind.plural == "pods":
        eviction = {"group": "policy", "version": "v1", "kind": "Eviction"}
        return [
            {"name": "pods/log", **blank, "kind": "Pod", "verbs": ["get"]},
            {"name": "pods/eviction", **blank, **eviction, "verbs": ["create"]},
        ]
    if kind.plural == "deployments":
        scale = {"group": "autoscaling", "version": "v1", "kind": "Scale"}
        return [
            {"name": "deployments/scale", **blank, **scale, "verbs": ["get", "patch", "update"]},
            {"name": "deployments/status", **blank, "kind": "Deployment", "verbs": ["get"]},
        ]
    return []


def access_review(user: str, body: Obj) -> Obj:
    """The answer to a SelfSubjectAccessReview (`kubectl auth can-i`)."""
    wanted = (body.get("spec") or {}).get("resourceAttributes") or {}
    resource = wanted.get("resource", "")
    if wanted.get("subresource"):
        resource += "/" + wanted["subresource"]
    allowed = allows(user, wanted.get("verb", ""), wanted.get("group", ""), resource)
    return {
        "kind": "SelfSubjectAccessReview",
        "apiVersion": "authorization.k8s.io/v1",
        "metadata": {},
        "spec": body.get("spec") or {},
        "status": {"allowed": allowed},
    }
