"""Surface: single pods of one namespace, taken out of their ReplicaSet and out of service."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.adapters.executors._kubectl_surface import KubectlSurface
from bot.domain.actions.kubernetes_network import quarantine_spec
from bot.domain.actions.kubernetes_pod import DETACH, ISOLATE, QUARANTINE
from bot.domain.catalogue import Action
from bot.domain.errors import Refused
from bot.domain.live_pod import live_pod
from bot.domain.plan import PlannedStep, Target


class Pods(KubectlSurface):
    """`Surface` over pods."""

    kind = "k8s.pod"
    actions: Sequence[Action] = (DETACH, ISOLATE)

    def read(self, target: Target) -> Mapping[str, str]:
        self._kubectl.inside(target)
        pod = self._kubectl.get(f"pod/{target.name}")
        selector = f"--selector=service={target.service}"
        peers, deployments = (self._kubectl.items(what, selector) for what in ("pods", "deployments.apps"))
        return live_pod(pod, peers, deployments)

    def check(self, step: PlannedStep) -> None:
        super().check(step)
        if step.action == ISOLATE.id and step.params["isolated"] == 1:
            self._service_is_kept(step)
            self._policy_stands(step)
            self._no_service_selects(step)

    def _service_is_kept(self, step: PlannedStep) -> None:
        if self.read(step.target)["replaced"] != "1":
            message = f"too few ready pods would serve {step.target.service} without {step.target.name}"
            raise Refused(message, rule="service_not_kept")

    def _policy_stands(self, step: PlannedStep) -> None:
        """A pod out of service but not behind the deny-all policy would only look isolated."""
        policies = self._kubectl.items("networkpolicies.networking.k8s.io")
        named = [one for one in policies if one["metadata"]["name"] == QUARANTINE]
        if not named or named[0]["spec"] != quarantine_spec():
            message = f"the deny-all policy {QUARANTINE} is not in place"
            raise Refused(message, rule="no_policy")

    def _no_service_selects(self, step: PlannedStep) -> None:
        labels = dict(self._kubectl.get(f"pod/{step.target.name}")["metadata"].get("labels") or {})
        labels.pop("service", None)
        for service in self._kubectl.items("services"):
            selector: Mapping[str, Any] = service["spec"].get("selector") or {}
            if selector and selector.items() <= labels.items():
                message = f"Service {service['metadata']['name']} would go on selecting {step.target.name}"
                raise Refused(message, rule="still_selected")
