"""The dependency graph as the cluster tells it: an annotation, or addresses of other services in the environment.

`watchkeeper/calls: cart, orders-db` on a workload is believed as written. Without it, an environment value whose host
is the name of a Service in the cluster is a call to it. What is configured is not what is called: traces know better.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bot.adapters.evidence._kubectl_read import KubectlRead
from bot.domain.topology import Topology

ANNOTATION = "watchkeeper/calls"
KINDS = "deployments,statefulsets,daemonsets,services"
TTL_S = 300.0
FRESH_S = 30.0  # Reading a cluster is dear, and what is configured changes seldom.
_LABELS = ("app.kubernetes.io/name", "app")
_HOST = re.compile(r"(?:^|//|@|,)([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?=[.:/,]|$)")


class KubernetesTopology:
    """Reads workloads and services with the reader's own rights, and keeps them for some minutes."""

    name = "kubernetes_topology"

    def __init__(self, kubectl: KubectlRead, *, ttl_s: float = TTL_S) -> None:
        self._kubectl = kubectl
        self._ttl_s = ttl_s
        self._kept: Topology | None = None

    def topology(self, *, now: float, fresh: bool = False) -> Topology:
        """The newest graph; raises Retryable or Permanent when the cluster does not answer. `fresh` reads again sooner."""
        keep_s = min(FRESH_S, self._ttl_s) if fresh else self._ttl_s
        if self._kept is None or not 0 <= now - self._kept.as_of < keep_s:
            self._kept = read_calls(self._kubectl.items(KINDS), as_of=now)
        return self._kept


def read_calls(items: Sequence[Mapping[str, Any]], *, as_of: float) -> Topology:
    """Edges from workloads, named by their app label or by their own name."""
    hosts = {_name(one): _served(one) for one in items if one.get("kind") == "Service"}
    calls: dict[str, tuple[str, ...]] = {}
    for item in items:
        if item.get("kind") == "Service":
            continue
        caller = _labelled(_meta(item).get("labels"), _name(item))
        told = str((_meta(item).get("annotations") or {}).get(ANNOTATION, ""))
        named = set(told.replace(",", " ").split()) if told else _addressed(item, hosts)
        calls[caller] = tuple(sorted((named | set(calls.get(caller, ()))) - {caller}))
    kinds = dict.fromkeys({*calls, *(one for callees in calls.values() for one in callees)}, "service")
    return Topology(dict(sorted(calls.items())), kinds, as_of)


def _addressed(item: Mapping[str, Any], hosts: Mapping[str, str]) -> set[str]:
    found: set[str] = set()
    for value in _environment(item):
        found.update(hosts[host] for host in _HOST.findall(value.lower()) if host in hosts)
    return found


def _environment(item: Mapping[str, Any]) -> Iterable[str]:
    pod = (((item.get("spec") or {}).get("template") or {}).get("spec")) or {}
    for container in pod.get("containers") or ():
        for variable in container.get("env") or ():
            yield str(variable.get("value") or "")


def _served(service: Mapping[str, Any]) -> str:
    """The workload behind a Service, by its selector."""
    return _labelled((service.get("spec") or {}).get("selector"), _name(service))


def _labelled(labels: Mapping[str, Any] | None, otherwise: str) -> str:
    given = labels or {}
    return next((str(given[name]) for name in _LABELS if given.get(name)), otherwise)


def _meta(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return item.get("metadata") or {}


def _name(item: Mapping[str, Any]) -> str:
    return str(_meta(item).get("name", ""))
