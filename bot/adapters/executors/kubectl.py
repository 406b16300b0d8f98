"""Executor for Kubernetes: catalogue commands through the real kubectl, one surface per kind of object."""

from bot.adapters.executors._kubectl_call import KubectlCall, build_call
from bot.adapters.executors._kubectl_deployments import Deployments
from bot.adapters.executors._surfaces import SurfaceExecutor
from bot.ports import Executor
from bot.settings import Settings


class KubectlExecutor(SurfaceExecutor):
    """`bot.ports.Executor` over one namespace of one cluster."""

    def __init__(self, kubectl: KubectlCall) -> None:
        super().__init__("kubectl", (Deployments(kubectl),))


def build(settings: Settings) -> Executor:
    """The executor that the settings describe; raises Permanent naming what is missing."""
    return KubectlExecutor(build_call(settings))
