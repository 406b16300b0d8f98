"""AppConfig configurations of a service: profiles of the application that bears its name, where they are deployed."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bot.adapters.evidence._newest import newest
from bot.domain.actions.appconfig import CONFIGURATION
from bot.domain.live_configuration import live_configuration
from bot.domain.plan import Target

KIND = "appconfig.configuration"
_MOST = 50


def find(
    appconfig: Any, region: str, service: str, strategy: str
) -> Iterator[tuple[Target, Mapping[str, str]]]:
    """The configuration that was deployed last; all that were about then, where that is not one.

    Without a strategy nothing can be deployed, so that nothing is asked.
    """
    if not strategy:
        return
    named = [one for one in appconfig.list_applications(MaxResults=_MOST)["Items"] if one["Name"] == service]
    found = [one for application in named for one in _configurations(appconfig, application, strategy)]
    for name, live in newest(found, "deployed_at"):
        yield Target(KIND, name, region, live["uid"], service), live


def _configurations(
    appconfig: Any, application: Mapping[str, Any], strategy: str
) -> Iterator[tuple[str, dict[str, str]]]:
    place = {"ApplicationId": application["Id"], "MaxResults": _MOST}
    profiles = appconfig.list_configuration_profiles(**place)["Items"]
    for environment in appconfig.list_environments(**place)["Items"]:
        whole = _deployments(appconfig, application["Id"], environment["Id"])
        for profile in profiles:
            mine = [one for one in whole if one["ConfigurationProfileId"] == profile["Id"]]
            name = f"{application['Name']}:{environment['Name']}:{profile['Name']}"
            uid = f"{application['Id']}/{environment['Id']}/{profile['Id']}"
            if mine and re.fullmatch(CONFIGURATION, name):
                yield name, live_configuration(uid, mine, strategy)


def _deployments(appconfig: Any, application: str, environment: str) -> list[Mapping[str, Any]]:
    place = {"ApplicationId": application, "EnvironmentId": environment}
    listed = appconfig.list_deployments(**place, MaxResults=_MOST)["Items"]
    return [appconfig.get_deployment(**place, DeploymentNumber=one["DeploymentNumber"]) for one in listed]
