"""Surface: Deployments of one namespace, through the real kubectl, read back from the API."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.adapters.executors._kubectl_call import KubectlCall, selector_of
from bot.domain.actions.kubernetes import ROLLOUT_UNDO
from bot.domain.catalogue import Action
from bot.domain.errors import Refused
from bot.domain.live_deployment import live_deployment, owned_by, revision_of, template_hash_of
from bot.domain.plan import PlannedStep, Target


class Deployments:
    """`Surface` over Deployments."""

    kind = "k8s.deployment"
    actions: Sequence[Action] = (ROLLOUT_UNDO,)

    def __init__(self, kubectl: KubectlCall) -> None:
        self._kubectl = kubectl

    def read(self, target: Target) -> Mapping[str, str]:
        return live_deployment(*self._objects(target))

    def dry_run(self, step: PlannedStep) -> None:
        """Check what the server does not, then let it try the change."""
        deployment, replica_sets = self._objects(step.target)
        if step.action == ROLLOUT_UNDO.id:
            _revision_stands(step, deployment, replica_sets)
        self._kubectl.run(step.command, "--dry-run=server")

    def call(self, step: PlannedStep, *, token: str) -> str:
        return " ".join(self._kubectl.run(step.command, writes=True).split())[:200]

    def _objects(self, target: Target) -> tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]:
        self._kubectl.inside(target)
        deployment = self._kubectl.get(f"deployment/{target.name}")
        selector = selector_of(deployment)
        flags = (f"--selector={selector}",) if selector else ()
        return deployment, self._kubectl.get("replicasets", *flags)["items"]


def _revision_stands(
    step: PlannedStep, deployment: Mapping[str, Any], replica_sets: Sequence[Mapping[str, Any]]
) -> None:
    """The revision must still hold the promised template."""
    wanted = (step.params["to_revision"], step.params["to_template"])
    owned = owned_by(deployment["metadata"]["uid"], replica_sets)
    if all((revision_of(one), template_hash_of(one)) != wanted for one in owned):
        message = f"revision {wanted[0]} of {step.target.name} is no longer template {wanted[1]}"
        raise Refused(message, rule="revision_moved")
