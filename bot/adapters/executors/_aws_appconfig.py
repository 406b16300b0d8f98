"""Surface: AppConfig profiles in their environments, with the one deployment strategy that operators named."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.adapters.executors._aws_call import calling, check_accepted, check_place, check_same
from bot.domain.actions.appconfig import START_DEPLOYMENT
from bot.domain.catalogue import Action
from bot.domain.errors import Permanent, Refused
from bot.domain.live_configuration import live_configuration
from bot.domain.plan import PlannedStep, Target

# Reading stops at this many deployments of the environment that are of other profiles.
_MOST_READ = 40


class Configurations:
    """`Surface` over AppConfig configurations."""

    kind = "appconfig.configuration"
    actions: Sequence[Action] = (START_DEPLOYMENT,)

    def __init__(self, appconfig: Any, region: str, strategy: str) -> None:
        self._appconfig = appconfig
        self._region = region
        self._strategy = strategy

    def read(self, target: Target) -> Mapping[str, str]:
        check_place(target, self._region)
        application, environment, profile = _ids(target)
        name = target.name.rpartition(":")[2]
        place = {"ApplicationId": application, "EnvironmentId": environment}
        with calling(writes=False):
            listed = self._appconfig.list_deployments(**place, MaxResults=50)["Items"]
            told = [one for one in listed if one["ConfigurationName"] == name][:_MOST_READ]
            # Two profiles may bear one name, and only the whole deployment says which one it was.
            whole = [
                self._appconfig.get_deployment(**place, DeploymentNumber=one["DeploymentNumber"])
                for one in told
            ]
        mine = [one for one in whole if one["ConfigurationProfileId"] == profile]
        return live_configuration(target.uid, mine, self._strategy)

    def dry_run(self, step: PlannedStep) -> None:
        """AppConfig has no dry run; these are its checks and ours."""
        live = self.read(step.target)
        check_same(live, step.target)
        check_accepted(START_DEPLOYMENT, live, step)
        application, _environment, profile = _ids(step.target)
        with calling(writes=False):
            strategy = self._appconfig.get_deployment_strategy(DeploymentStrategyId=self._strategy)
            # Only whether it exists: what it says is not kept.
            self._appconfig.get_hosted_configuration_version(
                ApplicationId=application,
                ConfigurationProfileId=profile,
                VersionNumber=int(step.params["version"]),
            )
        minutes = strategy["DeploymentDurationInMinutes"] + strategy["FinalBakeTimeInMinutes"]
        if minutes:
            message = f"strategy {self._strategy} takes {minutes} minutes, in which nothing could be undone"
            raise Refused(message, rule="slow_strategy")

    def call(self, step: PlannedStep, *, token: str) -> str:
        self.dry_run(step)
        application, environment, profile = _ids(step.target)
        with calling(writes=True):
            answer = self._appconfig.start_deployment(
                ApplicationId=application,
                EnvironmentId=environment,
                ConfigurationProfileId=profile,
                ConfigurationVersion=str(step.params["version"]),
                DeploymentStrategyId=str(step.params["strategy"]),
            )
        return f"deployment {answer['DeploymentNumber']} of version {step.params['version']} started"


def _ids(target: Target) -> tuple[str, str, str]:
    parts = target.uid.split("/")
    if len(parts) != 3:
        message = f"{target.uid} is no application, environment and profile"
        raise Permanent(message)
    return parts[0], parts[1], parts[2]
