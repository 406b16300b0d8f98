"""Actions on EC2 Auto Scaling groups.

Live fields of `autoscaling.group` (scope = region): uid = ARN; capacity, smallest, largest = DesiredCapacity,
MinSize, MaxSize; in_service = instances that are in service and healthy; launching = on or suspended; deleting =
yes or no; unit_price = of one instance (domain/price).
"""

from collections.abc import Mapping

from bot.domain.catalogue import Action, Live, Param, Params
from bot.domain.plan import ActionClass, Target
from bot.domain.price import added_cost
from bot.domain.share import fewer

KINDS: Mapping[str, frozenset[str]] = {
    "autoscaling.group": frozenset(
        {"capacity", "smallest", "largest", "in_service", "launching", "deleting", "unit_price"}
    )
}


def _command(target: Target, params: Params) -> tuple[str, ...]:
    return (
        "aws",
        "autoscaling",
        "set-desired-capacity",
        f"--region={target.scope}",
        f"--auto-scaling-group-name={target.name}",
        f"--desired-capacity={params['capacity']}",
        "--no-honor-cooldown",
    )


def _inverse(live: Live, _params: Params) -> Params | None:
    return {"capacity": int(live["capacity"])}


def _radius(live: Live, params: Params) -> Mapping[str, int]:
    more = int(params["capacity"]) - int(live["capacity"])
    return {"groups": 1, "instances": abs(more), **added_cost(live, more)}


def _refuses(live: Live, params: Params) -> str:
    wanted, low, high = int(params["capacity"]), int(live["smallest"]), int(live["largest"])
    if not low <= wanted <= high:
        return f"a capacity of {wanted} is outside the group's own {low} to {high}."
    if live["deleting"] != "no":
        return "it is being deleted."
    if wanted > int(live["capacity"]) and live["launching"] != "on":
        return "launching instances is suspended for it."
    return ""


SET_DESIRED_CAPACITY = Action(
    id="autoscaling/set-desired-capacity",
    executor="aws",
    target_kind="autoscaling.group",
    klass=ActionClass.RISKY,
    params={"capacity": Param("integer", minimum=1, maximum=100)},
    command=_command,
    inverse=_inverse,
    expect=("capacity", "smallest", "largest"),
    sets=lambda params: {"capacity": str(params["capacity"])},
    # Instances follow in minutes and prove nothing about the call; the plan's checks measure the effect.
    settled=lambda live, params: live["capacity"] == str(params["capacity"]),
    blast_radius=_radius,
    permissions=("iam:autoscaling:DescribeAutoScalingGroups", "iam:autoscaling:SetDesiredCapacity"),
    refuses=_refuses,
    takes_away=fewer("capacity", "capacity"),
)

ACTIONS = (SET_DESIRED_CAPACITY,)
