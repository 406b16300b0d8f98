"""The resource kinds that the simulated API serves, and how a URL path names them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

Obj: TypeAlias = dict[str, Any]
"""A Kubernetes object as decoded JSON."""

READ = ("get", "list", "watch")
WRITE = (*READ, "create", "delete", "patch", "update")


@dataclass(frozen=True)
class Kind:
    """One row of the discovery document."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: tuple[str, ...]
    short: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """`v1` for the core group, else `group/version`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """`deployments.apps`, or `pods` in the core group, as error messages name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


NAMESPACES = Kind("", "v1", "Namespace", "namespaces", namespaced=False, verbs=WRITE, short=("ns",))
NODES = Kind("", "v1", "Node", "nodes", namespaced=False, verbs=WRITE, short=("no",))
PODS = Kind("", "v1", "Pod", "pods", namespaced=True, verbs=WRITE, short=("po",))
SERVICES = Kind("", "v1", "Service", "services", namespaced=True, verbs=WRITE, short=("svc",))
EVENTS = Kind("", "v1", "Event", "events", namespaced=True, verbs=READ, short=("ev",))
CONFIGMAPS = Kind("", "v1", "ConfigMap", "configmaps", namespaced=True, verbs=WRITE, short=("cm",))
DEPLOYMENTS = Kind("apps", "v1", "Deployment", "deployments", namespaced=True, verbs=WRITE, short=("deploy",))
REPLICASETS = Kind("apps", "v1", "ReplicaSet", "replicasets", namespaced=True, verbs=READ, short=("rs",))
AUTOSCALERS = Kind(
    "autoscaling",
    "v1",
    "HorizontalPodAutoscaler",
    "horizontalpodautoscalers",
    namespaced=True,
    verbs=WRITE,
    short=("hpa",),
)
POLICIES = Kind(
    "networking.k8s.io",
    "v1",
    "NetworkPolicy",
    "networkpolicies",
    namespaced=True,
    verbs=WRITE,
    short=("netpol",),
)
BUDGETS = Kind(
    "policy",
    "v1",
    "PodDisruptionBudget",
    "poddisruptionbudgets",
    namespaced=True,
    verbs=WRITE,
    short=("pdb",),
)
ACCESS_REVIEWS = Kind(
    "authorization.k8s.io",
    "v1",
    "SelfSubjectAccessReview",
    "selfsubjectaccessreviews",
    namespaced=False,
    verbs=("create",),
)

# Kinds that nothing here makes: what the product looks at in a cluster and finds none of.
BARE = (
    Kind("", "v1", "Endpoints", "endpoints", namespaced=True, verbs=READ, short=("ep",)),
    Kind(
        "",
        "v1",
        "PersistentVolumeClaim",
        "persistentvolumeclaims",
        namespaced=True,
        verbs=READ,
        short=("pvc",),
    ),
    Kind("", "v1", "PersistentVolume", "persistentvolumes", namespaced=False, verbs=READ, short=("pv",)),
    Kind("", "v1", "ResourceQuota", "resourcequotas", namespaced=True, verbs=READ, short=("quota",)),
    Kind("apps", "v1", "DaemonSet", "daemonsets", namespaced=True, verbs=READ, short=("ds",)),
    Kind("apps", "v1", "StatefulSet", "statefulsets", namespaced=True, verbs=READ, short=("sts",)),
    Kind("networking.k8s.io", "v1", "Ingress", "ingresses", namespaced=True, verbs=READ, short=("ing",)),
    Kind(
        "storage.k8s.io", "v1", "StorageClass", "storageclasses", namespaced=False, verbs=READ, short=("sc",)
    ),
)
KINDS = (
    NAMESPACES,
    NODES,
    PODS,
    SERVICES,
    EVENTS,
    CONFIGMAPS,
    DEPLOYMENTS,
    REPLICASETS,
    AUTOSCALERS,
    POLICIES,
    BUDGETS,
    ACCESS_REVIEWS,
    *BARE,
)
SUBRESOURCES = {("pods", "log"), ("pods", "eviction"), ("deployments", "scale"), ("deployments", "status")}
GROUPS = ("apps", "authorization.k8s.io", "autoscaling", "networking.k8s.io", "policy", "storage.k8s.io")


def rfc3339(at: float) -> str:
    """Unix seconds as the API writes times: UTC, whole seconds."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def unix(text: str) -> float:
    """The inverse of `rfc3339`."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()


@dataclass(frozen=True)
class Target:
    """What a resource URL points at; `name` is empty for a collection."""

    kind: Kind
    namespace: str
    name: str
    subresource: str

    @property
    def resource(self) -> str:
        """`deployments` or `deployments/scale`, as RBAC names it."""
        return f"{self.kind.plural}/{self.subresource}" if self.subresource else self.kind.plural


def parse_path(path: str) -> Target | None:
    """The target of a resource URL, or None where the API serves no such path."""
    parts = [part for part in path.split("/") if part]
    if parts[:2] == ["api", "v1"]:
        group, rest = "", parts[2:]
    elif len(parts) >= 3 and parts[0] == "apis" and parts[2] == "v1":
        group, rest = parts[1], parts[3:]
    else:
        return None
    namespace = ""
    if len(rest) >= 3 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    if not 1 <= len(rest) <= 3:
        return None
    kind = next((k for k in KINDS if k.group == group and k.plural == rest[0]), None)
    if kind is None or (namespace and not kind.namespaced):
        return None
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) > 2 else ""
    if subresource and (kind.plural, subresource) not in SUBRESOURCES:
        return None
    return Target(kind, namespace, name, subresource)
