"""Addresses that workloads are configured with: which name and port each environment variable asks for."""

import re
from collections.abc import Iterator

from bot.domain.diagnosis.cluster.state import ClusterState, ServiceEntry, Workload

_ADDRESS = re.compile(
    r"^(?:[a-z][a-z0-9+.:]*://)?(?:[^@/\s]*@)?(?P<host>[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)*)(?::(?P<port>\d{2,5}))?(?:[/?].*)?$",
    re.IGNORECASE,
)
_HOST_KEY = re.compile(r"(_HOST|_HOSTNAME|_SERVER)$", re.IGNORECASE)
_WORDS = frozenset(
    {
        "localhost",
        "true",
        "false",
        "info",
        "debug",
        "warn",
        "error",
        "none",
        "prod",
        "dev",
        "root",
        "admin",
        "disable",
    }
)
_CLUSTER = ("svc", "cluster", "local")


def asked_names(state: ClusterState) -> Iterator[tuple[Workload, str, str, int]]:
    """Each address in a workload's environment: workload, variable, name within the cluster, port (0 where none)."""
    for workload in state.workloads:
        yield from addresses(workload, state.namespace)


def addresses(workload: Workload, namespace: str) -> Iterator[tuple[Workload, str, str, int]]:
    """The addresses of one workload's containers, those of other namespaces and of the internet left out."""
    for container in workload.spec.served:
        for key, value in sorted(container.env.items()):
            match = _ADDRESS.match(value.strip())
            if match is None or match["host"].lower() in _WORDS:
                continue
            port = int(match["port"] or 0)
            if not port and _HOST_KEY.search(key):
                port = _number(container.env.get(_HOST_KEY.sub("_PORT", key), ""))
            if not port and "://" not in value and not _HOST_KEY.search(key):
                continue
            host = in_cluster(match["host"], namespace)
            if host:
                yield workload, key, host, port


def in_cluster(host: str, namespace: str) -> str:
    """The Service's name that a host name means, empty for names elsewhere."""
    parts = host.lower().rstrip(".").split(".")
    if len(parts) == 1:
        return parts[0]
    if parts[1] != namespace or any(part not in _CLUSTER for part in parts[2:]):
        return ""
    return parts[0]


def looks_like(one: str, other: str) -> bool:
    """Whether two names are the same but for a slip, a suffix or punctuation."""
    left, right = _plain(one), _plain(other)
    if not left or not right or left == right:
        return left == right
    if min(len(left), len(right)) >= 5 and (left in right or right in left):
        return True
    return min(len(left), len(right)) >= 5 and _distance(left, right) <= max(
        1, min(len(left), len(right)) // 5
    )


def selected(state: ClusterState, service: ServiceEntry) -> tuple[Workload, ...]:
    """The workloads whose pods the Service's selector picks."""
    if not service.selector:
        return ()
    return tuple(one for one in state.workloads if service.selector.items() <= one.labels.items())


def meant(state: ClusterState, service: ServiceEntry) -> Workload | None:
    """The workload that a Service without pods was meant for: its name, or most labels in common."""
    same = state.workload(service.name)
    if same is not None:
        return same
    like = [one for one in state.workloads if looks_like(one.name, service.name)]
    if len(like) == 1:
        return like[0]
    shared = {
        one.name: len(set(service.selector.values()) & set(one.labels.values()))
        for one in state.workloads
        if one.desired
    }
    most = max(shared.values(), default=0)
    best = [name for name, count in shared.items() if count == most and count]
    return state.workload(best[0]) if len(best) == 1 else None


def callers_of(state: ClusterState, name: str) -> tuple[str, ...]:
    """Workloads that call a name, by the call graph and by their configuration."""
    known = {caller for caller, callees in state.calls.items() if name in callees}
    known |= {workload.name for workload, _, host, _ in asked_names(state) if host == name}
    return tuple(sorted(known - {name}))


def dependants(state: ClusterState, name: str) -> frozenset[str]:
    """Everything that reaches `name` through calls, itself not among them."""
    found: set[str] = set()
    ahead = [name]
    while ahead:
        here = ahead.pop()
        for caller, callees in state.calls.items():
            if here in callees and caller not in found and caller != name:
                found.add(caller)
                ahead.append(caller)
    return frozenset(found)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _distance(left: str, right: str) -> int:
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]
