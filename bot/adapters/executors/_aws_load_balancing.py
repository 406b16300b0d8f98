"""Surface: listener rules of Application Load Balancers that forward to two target groups."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.adapters.executors._aws_call import calling, check_accepted, check_place, check_same
from bot.domain.actions.load_balancing import SET_WEIGHTS
from bot.domain.catalogue import Action
from bot.domain.errors import Permanent, Refused
from bot.domain.live_rule import forward_of, group_name, live_rule, rule_name
from bot.domain.plan import PlannedStep, Target


class ListenerRules:
    """`Surface` over listener rules."""

    kind = "elbv2.rule"
    actions: Sequence[Action] = (SET_WEIGHTS,)

    def __init__(self, balancing: Any, region: str) -> None:
        self._balancing = balancing
        self._region = region

    def read(self, target: Target) -> Mapping[str, str]:
        return self._live(self._rule(target))

    def dry_run(self, step: PlannedStep) -> None:
        """Load balancing has no dry run; these are its checks and ours."""
        self._checked(step)

    def call(self, step: PlannedStep, *, token: str) -> str:
        rule = self._checked(step)
        weights = {
            str(step.params[f"{place}_group"]): int(step.params[f"{place}_weight"])
            for place in ("first", "second")
        }
        with calling(writes=True):
            self._balancing.modify_rule(RuleArn=rule["RuleArn"], Actions=_with_weights(rule, weights))
        said = ", ".join(f"{weight} % to {name}" for name, weight in weights.items())
        return f"{step.target.name} now sends {said}"

    def _checked(self, step: PlannedStep) -> Mapping[str, Any]:
        rule = self._rule(step.target)
        live = self._live(rule)
        check_same(live, step.target)
        check_accepted(SET_WEIGHTS, live, step)
        return rule

    def _live(self, rule: Mapping[str, Any]) -> dict[str, str]:
        with calling(writes=False):
            states = {one["TargetGroupArn"]: self._states(one["TargetGroupArn"]) for one in forward_of(rule)}
        return live_rule(rule, states)

    def _states(self, group: str) -> list[str]:
        answer = self._balancing.describe_target_health(TargetGroupArn=group)
        return [one["TargetHealth"]["State"] for one in answer["TargetHealthDescriptions"]]

    def _rule(self, target: Target) -> Mapping[str, Any]:
        check_place(target, self._region)
        if rule_name(target.uid) != target.name:
            message = f"{target.name} is no listener rule of that identity"
            raise Permanent(message)
        with calling(writes=False):
            answer = self._balancing.describe_rules(RuleArns=[target.uid])
        if not answer["Rules"]:
            message = f"listener rule {target.name} does not exist"
            raise Permanent(message)
        rule: Mapping[str, Any] = answer["Rules"][0]
        if rule.get("IsDefault"):
            message = f"{target.name} is its listener's default rule, which cannot be changed as a rule"
            raise Refused(message, rule="default_rule")
        return rule


def _with_weights(rule: Mapping[str, Any], weights: Mapping[str, int]) -> list[Mapping[str, Any]]:
    """The rule's own actions with nothing changed but the weights: authentication and stickiness stay."""
    changed = []
    for action in rule["Actions"]:
        if action["Type"] != "forward":
            changed.append(action)
            continue
        groups = [
            {**one, "Weight": weights[group_name(one["TargetGroupArn"])]}
            for one in action["ForwardConfig"]["TargetGroups"]
        ]
        plain = {key: value for key, value in action.items() if key != "TargetGroupArn"}
        changed.append({**plain, "ForwardConfig": {**action["ForwardConfig"], "TargetGroups": groups}})
    return changed
