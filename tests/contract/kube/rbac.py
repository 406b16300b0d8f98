"""Roles of the real cluster in tests: executor and reader get exactly what the tables list, and nothing else."""

import json
from collections.abc import Sequence
from typing import Any

from bot.domain.permissions import EXECUTOR, HELD, READER, KubePermission, kube_permissions

NODES = ("node-1", "node-2")
_GROUP = "rbac.authorization.k8s.io"
_WIDE = {"nodes", "namespaces", "persistentvolumes", "storageclasses"}


def manifests(namespace: str) -> str:
    """Namespace, nodes, roles and bindings as one List."""
    items: list[dict[str, Any]] = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}]
    items += [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}} for name in NODES]
    for user, role in (("executor", EXECUTOR), ("reader", READER)):
        held = sorted(kube_permissions(HELD[role]))
        wide = [one for one in held if one.wide or one.resource in _WIDE]
        items += _granted(namespace, user, [one for one in held if one not in wide])
        items += _granted("", user, wide)
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def _granted(namespace: str, user: str, held: Sequence[KubePermission]) -> list[dict[str, Any]]:
    """A role in the namespace, or over the cluster where it is empty, and its binding."""
    prefix = "" if namespace else "Cluster"
    meta = {"name": user, **({"namespace": namespace} if namespace else {})}
    rules = [{"apiGroups": [one.group], "resources": [one.resource], "verbs": [one.verb]} for one in held]
    role = {"apiVersion": f"{_GROUP}/v1", "kind": f"{prefix}Role", "metadata": meta, "rules": rules}
    binding = {
        "apiVersion": f"{_GROUP}/v1",
        "kind": f"{prefix}RoleBinding",
        "metadata": meta,
        "roleRef": {"apiGroup": _GROUP, "kind": f"{prefix}Role", "name": user},
        "subjects": [{"apiGroup": _GROUP, "kind": "User", "name": user}],
    }
    return [role, binding]
