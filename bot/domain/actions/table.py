"""Everything that may ever be done to production: the families' actions and target kinds put together.

A family is a file of this folder with KINDS (target kind -> live fields that a playbook may bind or test; all
fields are strings, and `uid` always is one) and ACTIONS.
"""

from collections.abc import Mapping

from bot.domain.actions import (
    appconfig,
    autoscaling,
    database,
    ec2,
    ecs,
    forensics,
    jvm,
    kubernetes,
    kubernetes_autoscaler,
    kubernetes_flag,
    kubernetes_network,
    kubernetes_node,
    kubernetes_pod,
    lambda_alias,
    load_balancing,
    parameters,
    rds,
    ssm_documents,
    waf,
)
from bot.domain.catalogue import Action
from bot.domain.errors import Permanent

_FAMILIES = (
    appconfig,
    autoscaling,
    database,
    ec2,
    ecs,
    forensics,
    jvm,
    kubernetes,
    kubernetes_autoscaler,
    kubernetes_flag,
    kubernetes_network,
    kubernetes_node,
    kubernetes_pod,
    lambda_alias,
    load_balancing,
    parameters,
    rds,
    ssm_documents,
    waf,
)

ACTIONS: Mapping[str, Action] = {action.id: action for family in _FAMILIES for action in family.ACTIONS}
LIVE_FIELDS: Mapping[str, frozenset[str]] = {
    kind: fields for family in _FAMILIES for kind, fields in family.KINDS.items()
}
TARGET_KINDS = tuple(sorted(LIVE_FIELDS))


def action_of(action_id: str) -> Action:
    """The action with that id; raises Permanent for one that is not in the catalogue."""
    action = ACTIONS.get(action_id)
    if action is None:
        message = f"{action_id!r} is no action of the catalogue; known: {', '.join(sorted(ACTIONS))}"
        raise Permanent(message)
    return action
