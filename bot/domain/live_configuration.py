"""Live fields of an AppConfig profile in an environment, from its deployments; reader and executor must agree."""

from collections.abc import Mapping, Sequence
from typing import Any

_Deployment = Mapping[str, Any]
_SERVED = ("COMPLETE", "BAKING", "DEPLOYING")


def live_configuration(uid: str, deployments: Sequence[_Deployment], strategy: str) -> dict[str, str]:
    """The fields that `domain/actions` names for appconfig.configuration. `uid` is APPLICATION/ENVIRONMENT/PROFILE.

    `deployments` are those of this profile in this environment; one that was rolled back never counts as live.
    """
    newest = sorted(deployments, key=lambda one: -int(one["DeploymentNumber"]))
    served = [one for one in newest if one["State"] in _SERVED]
    live = {"uid": uid, "state": str(newest[0]["State"]) if newest else "NONE"}
    if strategy:
        live["strategy"] = strategy
    if not served:
        return live
    now = str(served[0]["ConfigurationVersion"])
    since = served[0].get("StartedAt")
    live |= {"version": now, "deployed_at": str(int(since.timestamp())) if since else "0"}
    before = next((one for one in served[1:] if str(one["ConfigurationVersion"]) != now), None)
    if before is None:
        return live
    live["previous_version"] = str(before["ConfigurationVersion"])
    began = before.get("CompletedAt")
    if before["State"] == "COMPLETE" and began and since:
        live["previous_ran_s"] = str(max(0, int((since - began).total_seconds())))
    return live
