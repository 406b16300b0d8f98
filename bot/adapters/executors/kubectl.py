"""Executor for Kubernetes: catalogue commands through the real kubectl, one surface per kind of object."""

from collections.abc import Mapping

from bot.adapters.executors._kubectl_autoscalers import Autoscalers
from bot.adapters.executors._kubectl_call import KubectlCall, build_call
from bot.adapters.executors._kubectl_deployments import Deployments
from bot.adapters.executors._surfaces import SurfaceExecutor
from bot.ports import Executor
from bot.settings import Settings


class KubectlExecutor(SurfaceExecutor):
    """`bot.ports.Executor` over one namespace of one cluster; `prices` is the operators' price table."""

    def __init__(self, kubectl: KubectlCall, prices: Mapping[str, float] | None = None) -> None:
        table = prices or {}
        super().__init__("kubectl", (Deployments(kubectl, table), Autoscalers(kubectl, table)))


def build(settings: Settings) -> Executor:
    """The executor that the settings describe; raises Permanent naming what is missing."""
    return KubectlExecutor(build_call(settings), settings.prices)
