"""Surface: ECS services of one cluster.

The endpoint may be a test server that checks less than AWS does, so existence, state and bounds are checked here.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from bot.adapters.executors._aws_call import failure
from bot.domain.actions.ecs import SET_DESIRED_COUNT
from bot.domain.catalogue import Action
from bot.domain.errors import Permanent, Refused
from bot.domain.live_service import live_service
from bot.domain.plan import PlannedStep, Target

if TYPE_CHECKING:
    from mypy_boto3_ecs.client import ECSClient
    from mypy_boto3_ecs.type_defs import ServiceTypeDef


class EcsServices:
    """`Surface` over ECS services."""

    kind = "ecs.service"
    actions: Sequence[Action] = (SET_DESIRED_COUNT,)

    def __init__(self, ecs: "ECSClient", cluster: str) -> None:
        self._ecs = ecs
        self._cluster = cluster

    def read(self, target: Target) -> Mapping[str, str]:
        return live_service(self._service(target))

    def dry_run(self, step: PlannedStep) -> None:
        """ECS has no dry run; these are the checks that it would make, and those that test servers skip."""
        live = self.read(step.target)
        if live["uid"] != step.target.uid:
            message = f"ECS service {step.target.name} is not the one that the plan was made for"
            raise Refused(message, rule="target_changed")
        if live["status"] != "ACTIVE":
            message = f"ECS service {step.target.name} is {live['status']}"
            raise Refused(message, rule="inactive")

    def call(self, step: PlannedStep, *, token: str) -> str:
        self.dry_run(step)
        count = int(step.params["count"])
        try:
            answer = self._ecs.update_service(
                cluster=step.target.scope, service=step.target.name, desiredCount=count
            )
        except (ClientError, BotoCoreError) as error:
            raise failure(error, writes=True) from error
        return f"desired count of {step.target.name} is now {answer['service']['desiredCount']}"

    def _service(self, target: Target) -> "ServiceTypeDef":
        if target.scope != self._cluster:
            message = f"cluster {target.scope} is not the executor's cluster {self._cluster}"
            raise Refused(message, rule="outside_cluster")
        try:
            answer = self._ecs.describe_services(cluster=target.scope, services=[target.name])
        except (ClientError, BotoCoreError) as error:
            raise failure(error, writes=False) from error
        if not answer["services"]:
            message = f"ECS service {target.name} does not exist in cluster {target.scope}"
            raise Permanent(message)
        return answer["services"][0]
