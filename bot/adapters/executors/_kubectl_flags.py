"""Surface: the feature flags that operators declared, one key of a ConfigMap each."""

from collections.abc import Mapping, Sequence

from bot.adapters.executors._kubectl_surface import KubectlSurface
from bot.domain.actions.kubernetes_flag import SET_FLAG
from bot.domain.catalogue import Action
from bot.domain.errors import Refused
from bot.domain.live_flag import live_flag
from bot.domain.plan import PlannedStep, Target


class Flags(KubectlSurface):
    """`Surface` over feature flags."""

    kind = "k8s.flag"
    actions: Sequence[Action] = (SET_FLAG,)

    def read(self, target: Target) -> Mapping[str, str]:
        self._kubectl.inside(target)
        return live_flag(self._kubectl.get(f"configmap/{target.name}"))

    def check(self, step: PlannedStep) -> None:
        if self.read(step.target)["flag"] != step.params["flag"]:
            message = f"{step.params['flag']} is not the flag that {step.target.name} declares"
            raise Refused(message, rule="undeclared_flag")

    def call(self, step: PlannedStep, *, token: str) -> str:
        # A key that nobody declared must not be written even by whoever skips the dry run.
        self.check(step)
        return super().call(step, token=token)
