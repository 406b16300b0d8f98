"""Roles of the real cluster in tests: the executor gets exactly what the catalogue lists, the reader only reads."""

import json
from typing import Any

from bot.domain.actions.table import ACTIONS


def manifests(namespace: str) -> str:
    """Namespace, roles and bindings as one List."""
    items = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1"}},
        _role(namespace, "executor", _rules()),
        _role(
            namespace,
            "reader",
            [
                {
                    "apiGroups": ["apps"],
                    "resources": ["deployments", "replicasets"],
                    "verbs": ["get", "list"],
                },
                {"apiGroups": [""], "resources": ["pods", "pods/log", "events"], "verbs": ["get", "list"]},
            ],
        ),
        _binding(namespace, "executor"),
        _binding(namespace, "reader"),
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def _rules() -> list[dict[str, Any]]:
    wanted = {text for action in ACTIONS.values() for text in action.permissions if text.startswith("k8s:")}
    rules = []
    for text in sorted(wanted):
        _, group, resource, verb = text.split(":")
        rules.append({"apiGroups": [group], "resources": [resource], "verbs": [verb]})
    return rules


def _role(namespace: str, name: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": name, "namespace": namespace},
        "rules": rules,
    }


def _binding(namespace: str, name: str) -> dict[str, Any]:
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": namespace},
        "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
        "subjects": [{"apiGroup": group, "kind": "User", "name": name}],
    }
