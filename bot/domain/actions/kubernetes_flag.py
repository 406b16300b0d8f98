"""Switching a feature flag that operators declared: one key of one ConfigMap, to one of four constants.

The ConfigMap carries the role feature-flags and names the key in the annotation `watchkeeper-flag`; no other key is
ever written, and an old value that is none of the constants holds the switch back, since it could not be restored.

Live fields of `k8s.flag` (scope = namespace): uid; flag = the key; value = its value now; off = what switches it off
in the words it is written in (false or off), empty where its value is none of the constants.
"""

from collections.abc import Mapping

from bot.domain.catalogue import NAME, Action, Live, Param, Params
from bot.domain.kube_patch import merge_patch
from bot.domain.plan import ActionClass, Target

FLAG = "watchkeeper-flag"
ROLE = "feature-flags"
# Value -> the constant that switches a flag off which is written like that.
OFF: Mapping[str, str] = {"true": "false", "false": "false", "on": "off", "off": "off"}
KINDS: Mapping[str, frozenset[str]] = {"k8s.flag": frozenset({"flag", "value", "off"})}


def _command(target: Target, params: Params) -> tuple[str, ...]:
    change = {"data": {str(params["flag"]): str(params["value"])}}
    return merge_patch(target, f"configmap/{target.name}", change)


def _refuses(live: Live, params: Params) -> str:
    if live.get("flag") != params["flag"]:
        return "that is not the flag that its operators declared."
    return "" if live.get("value") in OFF else "its value is not one that could be restored."


SET_FLAG = Action(
    id="kubectl/set-feature-flag",
    executor="kubectl",
    target_kind="k8s.flag",
    klass=ActionClass.RISKY,
    params={
        "flag": Param("name", pattern=NAME),
        "value": Param("name", pattern="true|false|on|off"),
    },
    command=_command,
    inverse=lambda live, _params: {"flag": live["flag"], "value": live["value"]},
    expect=("flag", "value"),
    sets=lambda params: {"value": str(params["value"])},
    settled=lambda live, params: live["value"] == params["value"],
    blast_radius=lambda _live, _params: {"flags": 1},
    permissions=("k8s::configmaps:get", "k8s::configmaps:patch"),
    refuses=_refuses,
)

ACTIONS = (SET_FLAG,)
