"""Surface: network policies of our one namespace, for the namespaces that they are about."""

import re
from collections.abc import Collection, Mapping, Sequence

from bot.adapters.executors._kubectl_call import KubectlCall
from bot.adapters.executors._kubectl_surface import KubectlSurface
from bot.domain.actions.kubernetes_network import DENY_NAMESPACE, QUARANTINE_POLICY
from bot.domain.catalogue import NAME, Action
from bot.domain.errors import Refused
from bot.domain.live_namespace import Surroundings, live_namespace
from bot.domain.plan import PlannedStep, Target


class Namespaces(KubectlSurface):
    """`Surface` over namespaces; whatever it writes lies in the executor's own."""

    kind = "k8s.namespace"
    actions: Sequence[Action] = (QUARANTINE_POLICY, DENY_NAMESPACE)

    def __init__(self, kubectl: KubectlCall, protected: Collection[str]) -> None:
        super().__init__(kubectl)
        self._protected = protected

    def read(self, target: Target) -> Mapping[str, str]:
        self._inside(target)
        here = Surroundings(
            namespace=self._kubectl.namespace,
            policies=self._kubectl.items("networkpolicies.networking.k8s.io"),
            pods=self._kubectl.items("pods"),
            services=self._kubectl.items("services"),
            protected=self._protected,
        )
        return live_namespace(self._kubectl.get(f"namespace/{target.name}"), here)

    def check(self, step: PlannedStep) -> None:
        self._inside(step.target)
        if step.action == QUARANTINE_POLICY.id and step.target.name != self._kubectl.namespace:
            message = f"the quarantine lies in {self._kubectl.namespace}, not in {step.target.name}"
            raise Refused(message, rule="outside_namespace")

    def _inside(self, target: Target) -> None:
        if target.scope != self._kubectl.namespace or not re.fullmatch(NAME, target.name):
            message = f"{target.scope} is outside the executor's namespace {self._kubectl.namespace}"
            raise Refused(message, rule="outside_namespace")
