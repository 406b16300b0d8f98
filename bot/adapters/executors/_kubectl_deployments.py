"""Surface: Deployments of one namespace, through the real kubectl, read back from the API."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.adapters.executors._kubectl_call import KubectlCall, selector_of
from bot.adapters.executors._kubectl_surface import KubectlSurface
from bot.domain.actions.kubernetes import ROLLOUT_RESTART, ROLLOUT_UNDO, SCALE
from bot.domain.catalogue import Action
from bot.domain.errors import Refused
from bot.domain.live_deployment import (
    live_deployment,
    older_configs,
    owned_by,
    revision_of,
    template_hash_of,
)
from bot.domain.plan import PlannedStep, Target
from bot.domain.price import unit_price


class Deployments(KubectlSurface):
    """`Surface` over Deployments."""

    kind = "k8s.deployment"
    actions: Sequence[Action] = (ROLLOUT_UNDO, SCALE, ROLLOUT_RESTART)

    def __init__(self, kubectl: KubectlCall, prices: Mapping[str, float]) -> None:
        super().__init__(kubectl)
        self._prices = prices

    def read(self, target: Target) -> Mapping[str, str]:
        deployment, replica_sets = self._objects(target)
        return live_deployment(
            deployment,
            replica_sets,
            autoscalers=self._kubectl.items("horizontalpodautoscalers.v1.autoscaling"),
            configs=self._kubectl.named("configmap", older_configs(deployment, replica_sets)),
            unit_price=unit_price(self._prices, self.kind, target.name),
        )

    def check(self, step: PlannedStep) -> None:
        super().check(step)
        if step.action == ROLLOUT_UNDO.id:
            _revision_stands(step, *self._objects(step.target))

    def _objects(self, target: Target) -> tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]:
        self._kubectl.inside(target)
        deployment = self._kubectl.get(f"deployment/{target.name}")
        selector = selector_of(deployment)
        flags = (f"--selector={selector}",) if selector else ()
        return deployment, self._kubectl.items("replicasets", *flags)


def _revision_stands(
    step: PlannedStep, deployment: Mapping[str, Any], replica_sets: Sequence[Mapping[str, Any]]
) -> None:
    """The revision must still hold the promised template."""
    wanted = (step.params["to_revision"], step.params["to_template"])
    owned = owned_by(deployment["metadata"]["uid"], replica_sets)
    if all((revision_of(one), template_hash_of(one)) != wanted for one in owned):
        message = f"revision {wanted[0]} of {step.target.name} is no longer template {wanted[1]}"
        raise Refused(message, rule="revision_moved")
