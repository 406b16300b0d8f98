"""Finders of pods, of our namespace and those with a role, and of nodes."""

from collections.abc import Collection, Mapping

from bot.adapters.evidence._kubectl_read import KubectlRead
from bot.adapters.evidence._kubernetes_found import LABEL, Found, Obj
from bot.domain.actions.kubernetes_node import SCOPE
from bot.domain.kube_patch import ROLE_LABEL
from bot.domain.live_namespace import Surroundings, live_namespace
from bot.domain.live_node import live_node
from bot.domain.live_pod import live_pod, of_deployment
from bot.domain.plan import Target


class FoundPods:
    """`Finder` of the pods that Deployments made."""

    kind = "k8s.pod"

    def __init__(self, kubectl: KubectlRead) -> None:
        self._kubectl = kubectl

    def of_service(self, service: str) -> Found:
        items = self._kubectl.items("pods,deployments.apps", f"{LABEL}={service}")
        pods = [one for one in items if one.get("kind") == "Pod"]
        deployments = [one for one in items if one.get("kind") == "Deployment"]
        found = [(one, live_pod(one, pods, deployments)) for one in pods if of_deployment(one)]
        return [(self._target(one, service, live), live) for one, live in found]

    def of_role(self, role: str) -> Found:
        pods = self._kubectl.items("pods", f"{ROLE_LABEL}={role},{LABEL}")
        services = dict.fromkeys(one["metadata"]["labels"][LABEL] for one in pods)
        names = {one["metadata"]["name"] for one in pods}
        found = [one for service in services for one in self.of_service(service)]
        return [one for one in found if one[0].name in names]

    def _target(self, pod: Obj, service: str, live: Mapping[str, str]) -> Target:
        return Target(self.kind, pod["metadata"]["name"], self._kubectl.namespace, live["uid"], service)


class FoundNamespaces:
    """`Finder` of namespaces: a service's is ours; others have a role."""

    kind = "k8s.namespace"

    def __init__(self, kubectl: KubectlRead, protected: Collection[str]) -> None:
        self._kubectl = kubectl
        self._protected = protected

    def of_service(self, service: str) -> Found:
        if not self._kubectl.items("deployments.apps", f"{LABEL}={service}"):
            return []
        ours = self._kubectl.named("namespace", [self._kubectl.namespace])
        return [self._found(one, service) for one in ours]

    def of_role(self, role: str) -> Found:
        found = self._kubectl.items("namespaces", f"{ROLE_LABEL}={role}")
        return [self._found(one, one["metadata"]["name"]) for one in found]

    def _found(self, namespace: Obj, service: str) -> tuple[Target, Mapping[str, str]]:
        items = self._kubectl.items("networkpolicies.networking.k8s.io,pods,services")
        by_kind: dict[str, list[Obj]] = {}
        for one in items:
            by_kind.setdefault(str(one.get("kind")), []).append(one)
        here = Surroundings(
            namespace=self._kubectl.namespace,
            policies=by_kind.get("NetworkPolicy", []),
            pods=by_kind.get("Pod", []),
            services=by_kind.get("Service", []),
            protected=self._protected,
        )
        live = live_namespace(namespace, here)
        name = namespace["metadata"]["name"]
        return Target(self.kind, name, self._kubectl.namespace, live["uid"], service), live


class FoundNodes:
    """`Finder` of nodes: the one that monitoring names as its own service, or those with a role."""

    kind = "k8s.node"

    def __init__(self, kubectl: KubectlRead) -> None:
        self._kubectl = kubectl

    def of_service(self, service: str) -> Found:
        return self._found(self._kubectl.named("node", [service]))

    def of_role(self, role: str) -> Found:
        return self._found(self._kubectl.items("nodes", f"{ROLE_LABEL}={role}"))

    def _found(self, wanted: Collection[Obj]) -> Found:
        if not wanted:
            return []
        nodes = self._kubectl.items("nodes")
        pods = self._kubectl.items("pods", everywhere=True)
        budgets = self._kubectl.items("poddisruptionbudgets.policy", everywhere=True)
        lives = [(one["metadata"]["name"], live_node(one, nodes, pods, budgets)) for one in wanted]
        return [(Target(self.kind, name, SCOPE, live["uid"], name), live) for name, live in lives]
