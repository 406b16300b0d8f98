"""Executor for Kubernetes: catalogue commands through the real kubectl, one surface per kind of object."""

from collections.abc import Collection, Mapping

from bot.adapters.executors._kubectl_autoscalers import Autoscalers
from bot.adapters.executors._kubectl_call import KubectlCall, build_call
from bot.adapters.executors._kubectl_deployments import Deployments
from bot.adapters.executors._kubectl_flags import Flags
from bot.adapters.executors._kubectl_namespaces import Namespaces
from bot.adapters.executors._kubectl_nodes import Nodes
from bot.adapters.executors._kubectl_pods import Pods
from bot.adapters.executors._surfaces import SurfaceExecutor
from bot.ports import Executor
from bot.settings import Settings


class KubectlExecutor(SurfaceExecutor):
    """`bot.ports.Executor` over one namespace of one cluster, and the cluster's nodes.

    `prices` is the operators' price table, `protected` names the namespaces that nothing may cut off.
    """

    def __init__(
        self,
        kubectl: KubectlCall,
        prices: Mapping[str, float] | None = None,
        protected: Collection[str] = (),
    ) -> None:
        table = prices or {}
        surfaces = (
            Deployments(kubectl, table),
            Autoscalers(kubectl, table),
            Pods(kubectl),
            Namespaces(kubectl, protected),
            Nodes(kubectl),
            Flags(kubectl),
        )
        super().__init__("kubectl", surfaces)


def build(settings: Settings) -> Executor:
    """The executor that the settings describe; raises Permanent naming what is missing."""
    return KubectlExecutor(build_call(settings), settings.prices, settings.kube_protected_namespaces)
