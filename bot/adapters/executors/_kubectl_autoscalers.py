"""Surface: HorizontalPodAutoscalers of one namespace."""

from collections.abc import Mapping, Sequence

from bot.adapters.executors._kubectl_call import KubectlCall
from bot.adapters.executors._kubectl_surface import KubectlSurface
from bot.domain.actions.kubernetes_autoscaler import SET_BOUNDS
from bot.domain.catalogue import Action
from bot.domain.live_autoscaler import live_autoscaler
from bot.domain.plan import Target
from bot.domain.price import unit_price


class Autoscalers(KubectlSurface):
    """`Surface` over autoscalers."""

    kind = "k8s.hpa"
    actions: Sequence[Action] = (SET_BOUNDS,)

    def __init__(self, kubectl: KubectlCall, prices: Mapping[str, float]) -> None:
        super().__init__(kubectl)
        self._prices = prices

    def read(self, target: Target) -> Mapping[str, str]:
        self._kubectl.inside(target)
        scaler = self._kubectl.get(f"horizontalpodautoscalers.v1.autoscaling/{target.name}")
        return live_autoscaler(scaler, unit_price(self._prices, self.kind, target.name))
