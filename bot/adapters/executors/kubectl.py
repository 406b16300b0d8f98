"""Executor for Kubernetes: catalogue commands through the real kubectl, read back from the API.

Nothing is applied, annotated or created; the closed list of commands is that of `domain/actions`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.adapters.executors._kubectl_call import KubectlCall, build_call, selector_of
from bot.domain.actions import ROLLOUT_UNDO, action_of
from bot.domain.catalogue import check_params
from bot.domain.errors import Permanent, Refused
from bot.domain.live_deployment import live_deployment, owned_by, revision_of, template_hash_of
from bot.domain.plan import PlannedStep, Target
from bot.ports import Executor
from bot.settings import Settings

_KIND = "k8s.deployment"


class KubectlExecutor:
    """`bot.ports.Executor` over one namespace of one cluster."""

    name = "kubectl"

    def __init__(self, kubectl: KubectlCall) -> None:
        self._kubectl = kubectl

    def read(self, target: Target) -> Mapping[str, str]:
        deployment, replica_sets = self._objects(target)
        return live_deployment(deployment, replica_sets)

    def dry_run(self, step: PlannedStep) -> None:
        """Check that the revision still holds the promised template, then let the server try the change."""
        self._check(step)
        deployment, replica_sets = self._objects(step.target)
        wanted = (step.params["to_revision"], step.params["to_template"])
        owned = owned_by(deployment["metadata"]["uid"], replica_sets)
        if all((revision_of(one), template_hash_of(one)) != wanted for one in owned):
            message = f"revision {wanted[0]} of {step.target.name} is no longer template {wanted[1]}"
            raise Refused(message, rule="revision_moved")
        self._kubectl.run(step.command, "--dry-run=server")

    def call(self, step: PlannedStep, *, token: str) -> str:
        self._check(step)
        return " ".join(self._kubectl.run(step.command, writes=True).split())[:200]

    def settled(self, step: PlannedStep, *, token: str) -> bool:
        self._check(step)
        live = self.read(step.target)
        return live["uid"] == step.target.uid and action_of(step.action).settled(live, step.params)

    def _check(self, step: PlannedStep) -> None:
        """The second wall: only catalogue actions of ours, inside bounds, with exactly the catalogue's command."""
        if step.action != ROLLOUT_UNDO.id:
            message = f"the kubectl executor has no action {step.action!r}"
            raise Permanent(message)
        self._kubectl.inside(step.target)
        check_params(ROLLOUT_UNDO, step.params)
        if step.command != ROLLOUT_UNDO.command(step.target, step.params):
            message = f"the command of step {step.id} is not the catalogue's"
            raise Refused(message, rule="command_changed")

    def _objects(self, target: Target) -> tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]:
        if target.kind != _KIND:
            message = f"the kubectl executor reads {_KIND}, not {target.kind}"
            raise Permanent(message)
        self._kubectl.inside(target)
        deployment = self._kubectl.get(f"deployment/{target.name}")
        selector = selector_of(deployment)
        flags = (f"--selector={selector}",) if selector else ()
        return deployment, self._kubectl.get("replicasets", *flags)["items"]


def build(settings: Settings) -> Executor:
    """The executor that the settings describe; raises Permanent naming what is missing."""
    return KubectlExecutor(build_call(settings))
