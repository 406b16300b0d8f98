"""Kubernetes roles from permission sets: Roles for one namespace, ClusterRoles only for what has no namespace."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from bot.domain.canonical import Json
from bot.domain.permissions import APART, EXECUTOR, HELD, READER, KubePermission, kube_permissions

_GROUP = "rbac.authorization.k8s.io"
_NAME = "watchkeeper-{role}"
_CLUSTER_WIDE = frozenset({"nodes", "namespaces", "persistentvolumes", "storageclasses"})


def account_of(role: str) -> str:
    """The service account of a role."""
    return _NAME.format(role=role)


def kubernetes_files() -> Mapping[str, Sequence[Json]]:
    """File name -> objects; the namespace is left to kustomize.

    What the executor may change outside one namespace, and what lets it run a program inside a container, are roles
    of their own that nobody has by default; each file is there only if an action needs it.
    """
    reader, executor = (kube_permissions(HELD[role]) for role in (READER, EXECUTOR))
    inside = frozenset(one for one in executor if one.resource == APART)
    wide = frozenset(one for one in executor - inside if one.writes and is_wide(one))
    files = {
        "reader-rbac.yaml": [_service_account(READER), *rbac_objects(READER, reader, READER)],
        "executor-rbac.yaml": [
            _service_account(EXECUTOR),
            *rbac_objects(EXECUTOR, executor - inside - wide, EXECUTOR),
        ],
        "executor-cluster-rbac.yaml": rbac_objects(f"{EXECUTOR}-cluster", wide, EXECUTOR),
        "executor-exec-rbac.yaml": rbac_objects(f"{EXECUTOR}-exec", inside, EXECUTOR),
    }
    return {name: objects for name, objects in files.items() if objects}


def is_wide(permission: KubePermission) -> bool:
    """Whether it is needed outside one namespace."""
    return permission.wide or permission.resource.partition("/")[0] in _CLUSTER_WIDE


def rbac_objects(name: str, permissions: Iterable[KubePermission], role: str) -> list[Json]:
    """Role and binding, and for cluster-wide resources ClusterRole and binding, for the account of `role`."""
    held = sorted(permissions)
    wide = [one for one in held if is_wide(one)]
    narrow = [one for one in held if one not in wide]
    objects: list[Json] = []
    for kind, some in (("Role", narrow), ("ClusterRole", wide)):
        if some:
            objects += [_role(kind, name, some), _binding(kind, name, role)]
    return objects


def _role(kind: str, name: str, permissions: Sequence[KubePermission]) -> Json:
    rules: list[Json] = [
        {"apiGroups": [group], "resources": [resource], "verbs": [one.verb for one in some]}
        for (group, resource), some in groupby(permissions, key=lambda one: (one.group, one.resource))
    ]
    return {
        "apiVersion": f"{_GROUP}/v1",
        "kind": kind,
        "metadata": {"name": _NAME.format(role=name)},
        "rules": rules,
    }


def _binding(kind: str, name: str, role: str) -> Json:
    return {
        "apiVersion": f"{_GROUP}/v1",
        "kind": f"{kind}Binding",
        "metadata": {"name": _NAME.format(role=name)},
        "roleRef": {"apiGroup": _GROUP, "kind": kind, "name": _NAME.format(role=name)},
        "subjects": [{"kind": "ServiceAccount", "name": account_of(role)}],
    }


def _service_account(role: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": account_of(role)},
        "automountServiceAccountToken": False,
    }
