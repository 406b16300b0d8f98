"""Actions on Application Load Balancers.

Live fields of `elbv2.rule` (scope = region, name = what follows `listener-rule/` in its ARN), a listener rule that
forwards to exactly two target groups: uid = ARN; groups = how many it forwards to; and where these are two, for
the first and the second by name: first_group, first_weight, first_healthy, first_targets (healthy and registered
targets), second_group and so on.
"""

from collections.abc import Mapping
from fractions import Fraction

from bot.domain.catalogue import NAME, Action, Live, Param, Params
from bot.domain.live_rule import RULE
from bot.domain.plan import ActionClass, Target
from bot.domain.share import carried, lost

_PLACES = ("first", "second")
KINDS: Mapping[str, frozenset[str]] = {
    "elbv2.rule": frozenset(
        {"groups"}
        | {f"{place}_{field}" for place in _PLACES for field in ("group", "weight", "healthy", "targets")}
    )
}
_FIELDS = tuple(f"{place}_{field}" for place in _PLACES for field in ("group", "weight"))


def _command(target: Target, params: Params) -> tuple[str, ...]:
    return (
        "aws",
        "elbv2",
        "modify-rule",
        f"--region={target.scope}",
        f"--rule={target.name}",
        f"--first-group={params['first_group']}",
        f"--first-weight={params['first_weight']}",
        f"--second-group={params['second_group']}",
        f"--second-weight={params['second_weight']}",
    )


def _inverse(live: Live, _params: Params) -> Params | None:
    names = {f"{place}_group": live[f"{place}_group"] for place in _PLACES}
    return {**names, **{f"{place}_weight": int(live[f"{place}_weight"]) for place in _PLACES}}


def _refuses(live: Live, params: Params) -> str:
    if live["groups"] != "2":
        return f"the rule forwards to {live['groups']} target groups, not to two."
    for place in _PLACES:
        if params[f"{place}_group"] != live[f"{place}_group"]:
            return f"{params[f'{place}_group']} is not its {place} target group."
    wanted = {place: int(params[f"{place}_weight"]) for place in _PLACES}
    if sum(wanted.values()) != 100:
        return f"the weights {wanted['first']} and {wanted['second']} do not sum to 100."
    if sum(int(live[f"{place}_weight"]) for place in _PLACES) != 100:
        return "its present weights do not sum to 100, so that they cannot be restored in hundredths."
    return _without_service(live, wanted)


def _without_service(live: Live, wanted: Mapping[str, int]) -> str:
    """A group without a healthy target gets no more traffic than it has, and the only healthy one keeps some."""
    for place, weight in wanted.items():
        healthy = int(live[f"{place}_healthy"]) > 0
        if not healthy and weight > int(live[f"{place}_weight"]):
            return f"{live[f'{place}_group']} has no healthy target to take more traffic."
        other = next(one for one in _PLACES if one != place)
        if weight == 0 and healthy and int(live[f"{other}_healthy"]) == 0:
            return f"{live[f'{place}_group']} is the only group with healthy targets."
    return ""


def _radius(live: Live, params: Params) -> Mapping[str, int]:
    shift = abs(int(params["first_weight"]) - int(live["first_weight"]))
    return {"rules": 1, "percent_of_traffic": shift}


def _capacity_lost(live: Live, params: Params) -> Fraction:
    """How much less traffic the rule can carry before one of its groups is full, at the health of this moment."""
    healthy = {place: int(live[f"{place}_healthy"]) for place in _PLACES}
    before = carried([(int(live[f"{place}_weight"]), healthy[place]) for place in _PLACES])
    after = carried([(int(params[f"{place}_weight"]), healthy[place]) for place in _PLACES])
    return lost(before, after)


SET_WEIGHTS = Action(
    id="elbv2/set-weights",
    executor="aws",
    target_kind="elbv2.rule",
    klass=ActionClass.RISKY,
    params={
        "first_group": Param("name", pattern=NAME),
        "first_weight": Param("integer", minimum=0, maximum=100),
        "second_group": Param("name", pattern=NAME),
        "second_weight": Param("integer", minimum=0, maximum=100),
    },
    command=_command,
    inverse=_inverse,
    expect=_FIELDS,
    sets=lambda params: {field: str(params[field]) for field in _FIELDS},
    settled=lambda live, params: all(live.get(field) == str(params[field]) for field in _FIELDS),
    blast_radius=_radius,
    permissions=(
        "iam:elasticloadbalancing:DescribeRules",
        "iam:elasticloadbalancing:DescribeTargetHealth",
        "iam:elasticloadbalancing:ModifyRule",
    ),
    refuses=_refuses,
    name_pattern=RULE,
    takes_away=_capacity_lost,
)

ACTIONS = (SET_WEIGHTS,)
