"""Actions on AWS AppConfig: hosted configurations and feature flags, which are versions of a profile as well.

Live fields of `appconfig.configuration` (scope = region, name = APPLICATION:ENVIRONMENT:PROFILE in names): uid =
the same in ids, joined by slashes; state = of the newest deployment; version = what is being served (number);
deployed_at = unix seconds since which; previous_version = the newest other version that was served;
previous_ran_s = how long it was before it was replaced; strategy = the one that operators named for undelayed
deployments, absent where they named none.
"""

from collections.abc import Mapping

from bot.domain.catalogue import Action, Live, Param, Params
from bot.domain.plan import ActionClass, Target

KINDS: Mapping[str, frozenset[str]] = {
    "appconfig.configuration": frozenset(
        {"state", "version", "deployed_at", "previous_version", "previous_ran_s", "strategy"}
    )
}
PART = r"[A-Za-z0-9_.-]{1,64}"
CONFIGURATION = rf"{PART}:{PART}:{PART}"
STRATEGY = r"[a-z0-9]{4,7}"
_UNDER_WAY = ("BAKING", "VALIDATING", "DEPLOYING", "ROLLING_BACK")


def _command(target: Target, params: Params) -> tuple[str, ...]:
    application, _, rest = target.name.partition(":")
    environment, _, profile = rest.partition(":")
    return (
        "aws",
        "appconfig",
        "start-deployment",
        f"--region={target.scope}",
        f"--application={application}",
        f"--environment={environment}",
        f"--configuration-profile={profile}",
        f"--configuration-version={params['version']}",
        f"--deployment-strategy-id={params['strategy']}",
    )


def _inverse(live: Live, params: Params) -> Params | None:
    return {"version": int(live["version"]), "strategy": params["strategy"]}


def _refuses(live: Live, params: Params) -> str:
    if live["state"] in _UNDER_WAY:
        return f"a deployment is {live['state'].lower().replace('_', ' ')}; AppConfig takes one at a time."
    if live.get("strategy") != params["strategy"]:
        return (
            "the deployment strategy is not the one that operators named in WATCHKEEPER_APPCONFIG_STRATEGY."
        )
    return ""


def _served(live: Live, params: Params) -> bool:
    return live.get("version") == str(params["version"]) and live["state"] == "COMPLETE"


START_DEPLOYMENT = Action(
    id="appconfig/start-deployment",
    executor="aws",
    target_kind="appconfig.configuration",
    klass=ActionClass.RISKY,
    params={
        "version": Param("integer", minimum=1, maximum=1_000_000),
        "strategy": Param("name", pattern=STRATEGY),
    },
    command=_command,
    inverse=_inverse,
    expect=("version",),
    sets=lambda params: {"version": str(params["version"])},
    settled=_served,
    blast_radius=lambda _live, _params: {"configurations": 1},
    permissions=(
        "iam:appconfig:GetDeploymentStrategy",
        "iam:appconfig:GetDeployment",
        "iam:appconfig:GetHostedConfigurationVersion",
        "iam:appconfig:ListDeployments",
        "iam:appconfig:StartDeployment",
    ),
    refuses=_refuses,
    name_pattern=CONFIGURATION,
)

ACTIONS = (START_DEPLOYMENT,)
