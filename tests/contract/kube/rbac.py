"""The real cluster's roles in tests: the shipped ones, bound to the test's users as well as to their accounts."""

import json
from typing import Any

from bot.domain.permissions_kubernetes import kubernetes_files


def manifests(namespace: str) -> str:
    """Namespace, a node, and every generated object as one List; the role that may exec is bound too."""
    items: list[Any] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1"}},
    ]
    for objects in kubernetes_files().values():
        items += [_placed(one, namespace) for one in objects]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def _placed(generated: Any, namespace: str) -> Any:
    """What kustomize does, and the users `reader` and `executor` beside the service accounts."""
    one = json.loads(json.dumps(generated))
    if not one["kind"].startswith("ClusterRole"):
        one["metadata"]["namespace"] = namespace
    for subject in list(one.get("subjects", ())):
        subject["namespace"] = namespace
        user = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User"}
        one["subjects"].append({**user, "name": subject["name"].removeprefix("watchkeeper-")})
    return one
