"""Surface: nodes of the cluster, which lie in no namespace."""

import re
from collections.abc import Mapping, Sequence

from bot.adapters.executors._kubectl_surface import KubectlSurface
from bot.domain.actions.kubernetes_node import CORDON, DRAIN, SCOPE
from bot.domain.catalogue import NAME, Action
from bot.domain.errors import Permanent, Refused, Undecided
from bot.domain.live_node import live_node
from bot.domain.plan import PlannedStep, Target

_WIDE = "--all-namespaces"


class Nodes(KubectlSurface):
    """`Surface` over nodes."""

    kind = "k8s.node"
    actions: Sequence[Action] = (CORDON, DRAIN)

    def read(self, target: Target) -> Mapping[str, str]:
        self._inside(target)
        return live_node(
            self._kubectl.get(f"node/{target.name}"),
            self._kubectl.items("nodes"),
            self._kubectl.items("pods", _WIDE),
            self._kubectl.items("poddisruptionbudgets.policy", _WIDE),
        )

    def check(self, step: PlannedStep) -> None:
        self._inside(step.target)

    def call(self, step: PlannedStep, *, token: str) -> str:
        try:
            return super().call(step, token=token)
        except Permanent as error:
            if step.action == DRAIN.id:
                # A drain that gave up may have asked some pods to go; only the node itself tells.
                raise Undecided(str(error)) from error
            raise

    def _inside(self, target: Target) -> None:
        if target.scope != SCOPE or not re.fullmatch(NAME, target.name):
            message = f"{target.scope}/{target.name} is no node"
            raise Refused(message, rule="outside_namespace")
