"""Surface: EC2 Auto Scaling groups of one region.

Test servers take a capacity above the group's maximum without a word, so that its bounds are checked here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.adapters.executors._aws_call import calling, check_accepted, check_place, check_same
from bot.domain.actions.autoscaling import SET_DESIRED_CAPACITY
from bot.domain.catalogue import Action
from bot.domain.errors import Permanent
from bot.domain.live_group import live_group
from bot.domain.plan import PlannedStep, Target
from bot.domain.price import unit_price


class ScalingGroups:
    """`Surface` over Auto Scaling groups."""

    kind = "autoscaling.group"
    actions: Sequence[Action] = (SET_DESIRED_CAPACITY,)

    def __init__(self, autoscaling: Any, region: str, prices: Mapping[str, float]) -> None:
        self._autoscaling = autoscaling
        self._region = region
        self._prices = prices

    def read(self, target: Target) -> Mapping[str, str]:
        check_place(target, self._region)
        with calling(writes=False):
            answer = self._autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[target.name])
        if not answer["AutoScalingGroups"]:
            message = f"Auto Scaling group {target.name} does not exist"
            raise Permanent(message)
        return live_group(answer["AutoScalingGroups"][0], unit_price(self._prices, self.kind, target.name))

    def dry_run(self, step: PlannedStep) -> None:
        """Auto Scaling has no dry run; these are its checks, and those that test servers skip."""
        live = self.read(step.target)
        check_same(live, step.target)
        check_accepted(SET_DESIRED_CAPACITY, live, step)

    def call(self, step: PlannedStep, *, token: str) -> str:
        self.dry_run(step)
        capacity = int(step.params["capacity"])
        with calling(writes=True):
            self._autoscaling.set_desired_capacity(
                AutoScalingGroupName=step.target.name, DesiredCapacity=capacity, HonorCooldown=False
            )
        return f"desired capacity of {step.target.name} is set to {capacity}"
