"""Surface: ECS services of one cluster.

The endpoint may be a test server that checks less than AWS does, so existence, state and bounds are checked here.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from bot.adapters.executors._aws_call import failure
from bot.domain.actions.ecs import SET_DESIRED_COUNT, SET_TASK_DEFINITION
from bot.domain.catalogue import Action
from bot.domain.errors import Permanent, Refused
from bot.domain.live_service import live_service
from bot.domain.plan import PlannedStep, Target
from bot.domain.price import unit_price

if TYPE_CHECKING:
    from mypy_boto3_ecs.client import ECSClient
    from mypy_boto3_ecs.type_defs import ServiceTypeDef


class EcsServices:
    """`Surface` over ECS services."""

    kind = "ecs.service"
    actions: Sequence[Action] = (SET_DESIRED_COUNT, SET_TASK_DEFINITION)

    def __init__(self, ecs: "ECSClient", cluster: str, prices: Mapping[str, float]) -> None:
        self._ecs = ecs
        self._cluster = cluster
        self._prices = prices

    def read(self, target: Target) -> Mapping[str, str]:
        return live_service(self._service(target), unit_price(self._prices, self.kind, target.name))

    def dry_run(self, step: PlannedStep) -> None:
        """ECS has no dry run; these are the checks that it would make, and those that test servers skip."""
        live = self.read(step.target)
        if live["uid"] != step.target.uid:
            message = f"ECS service {step.target.name} is not the one that the plan was made for"
            raise Refused(message, rule="target_changed")
        if live["status"] != "ACTIVE":
            message = f"ECS service {step.target.name} is {live['status']}"
            raise Refused(message, rule="inactive")
        if step.action == SET_TASK_DEFINITION.id:
            self._registered(str(step.params["revision"]))

    def call(self, step: PlannedStep, *, token: str) -> str:
        self.dry_run(step)
        place: Any = {"cluster": step.target.scope, "service": step.target.name}
        try:
            if step.action == SET_TASK_DEFINITION.id:
                answer = self._ecs.update_service(**place, taskDefinition=str(step.params["revision"]))
            else:
                answer = self._ecs.update_service(**place, desiredCount=int(step.params["count"]))
        except (ClientError, BotoCoreError) as error:
            raise failure(error, writes=True) from error
        now = live_service(answer["service"])
        return f"{step.target.name} is now to run {now['desired_count']} tasks of {now['revision']}"

    def _registered(self, revision: str) -> None:
        try:
            answer = self._ecs.describe_task_definition(taskDefinition=revision)
        except (ClientError, BotoCoreError) as error:
            raise failure(error, writes=False) from error
        found = answer["taskDefinition"]
        if not found["taskDefinitionArn"].endswith(f"/{revision}") or found.get("status") != "ACTIVE":
            message = f"task definition {revision} is {found.get('status', 'unknown')}, not ACTIVE"
            raise Refused(message, rule="task_definition_inactive")

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
