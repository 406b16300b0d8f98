"""Finders of Deployments, of the autoscalers over them and of their feature flags, by their label `service`."""

from collections.abc import Mapping, Sequence

from bot.adapters.evidence._kubectl_read import KubectlRead
from bot.adapters.evidence._kubernetes_found import LABEL, Found, Obj
from bot.domain.actions.kubernetes_flag import ROLE
from bot.domain.kube_patch import ROLE_LABEL
from bot.domain.live_autoscaler import live_autoscaler
from bot.domain.live_deployment import live_deployment, older_configs
from bot.domain.live_flag import live_flag
from bot.domain.plan import Target
from bot.domain.price import unit_price

BOTH = "deployments.apps,replicasets.apps"
SCALERS = "horizontalpodautoscalers.v1.autoscaling"


class FoundDeployments:
    """`Finder` of Deployments."""

    kind = "k8s.deployment"

    def __init__(self, kubectl: KubectlRead, prices: Mapping[str, float]) -> None:
        self._kubectl = kubectl
        self._prices = prices

    def of_service(self, service: str) -> Found:
        return self._all(f"{LABEL}={service}")

    def of_role(self, role: str) -> Found:
        return self._all(f"{ROLE_LABEL}={role},{LABEL}")

    def _all(self, selector: str) -> Found:
        items = self._kubectl.items(BOTH, selector)
        deployments = [one for one in items if one.get("kind") == "Deployment"]
        replica_sets = [one for one in items if one.get("kind") == "ReplicaSet"]
        scalers = self._kubectl.items(SCALERS) if deployments else ()
        return [self._found(one, replica_sets, scalers) for one in deployments]

    def _found(
        self, deployment: Obj, replica_sets: Sequence[Obj], scalers: Sequence[Obj]
    ) -> tuple[Target, Mapping[str, str]]:
        meta = deployment["metadata"]
        live = live_deployment(
            deployment,
            replica_sets,
            autoscalers=scalers,
            configs=self._kubectl.named("configmap", older_configs(deployment, replica_sets)),
            unit_price=unit_price(self._prices, self.kind, meta["name"]),
        )
        target = Target(self.kind, meta["name"], self._kubectl.namespace, live["uid"], meta["labels"][LABEL])
        return target, live


class FoundAutoscalers:
    """`Finder` of HorizontalPodAutoscalers."""

    kind = "k8s.hpa"

    def __init__(self, kubectl: KubectlRead, prices: Mapping[str, float]) -> None:
        self._kubectl = kubectl
        self._prices = prices

    def of_service(self, service: str) -> Found:
        return self._all(f"{LABEL}={service}")

    def of_role(self, role: str) -> Found:
        return self._all(f"{ROLE_LABEL}={role},{LABEL}")

    def _all(self, selector: str) -> Found:
        return [self._found(one) for one in self._kubectl.items(SCALERS, selector)]

    def _found(self, scaler: Obj) -> tuple[Target, Mapping[str, str]]:
        meta = scaler["metadata"]
        live = live_autoscaler(scaler, unit_price(self._prices, self.kind, meta["name"]))
        target = Target(self.kind, meta["name"], self._kubectl.namespace, live["uid"], meta["labels"][LABEL])
        return target, live


class FoundFlags:
    """`Finder` of feature flags: ConfigMaps with the role feature-flags."""

    kind = "k8s.flag"

    def __init__(self, kubectl: KubectlRead) -> None:
        self._kubectl = kubectl

    def of_service(self, service: str) -> Found:
        return self._all(f"{ROLE_LABEL}={ROLE},{LABEL}={service}")

    def of_role(self, role: str) -> Found:
        return self._all(f"{ROLE_LABEL}={role},{LABEL}")

    def _all(self, selector: str) -> Found:
        return [self._found(one) for one in self._kubectl.items("configmaps", selector)]

    def _found(self, config: Obj) -> tuple[Target, Mapping[str, str]]:
        meta, live = config["metadata"], live_flag(config)
        return Target(
            self.kind, meta["name"], self._kubectl.namespace, live["uid"], meta["labels"][LABEL]
        ), live
