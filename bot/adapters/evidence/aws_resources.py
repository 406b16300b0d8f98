"""What can be rolled back or scaled on AWS beside ECS, and how it changed: one finder per kind, in the files beside."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bot.adapters.evidence import (
    _aws_appconfig,
    _aws_autoscaling,
    _aws_lambda,
    _aws_load_balancing,
    _aws_parameters,
)
from bot.adapters.evidence._aws_reader import AwsReader, build_reader, reading
from bot.adapters.evidence._cloudtrail_changes import EVENTS, resource_changes
from bot.domain.catalogue import NAME
from bot.domain.errors import Permanent, Retryable
from bot.domain.plan import Target
from bot.domain.telemetry import Readings, missed
from bot.settings import Settings

# How long before the window the state before a change is looked for.
_BEFORE_S = 86_400.0
Found = Iterator[tuple[Target, Mapping[str, str]]]
_SERVICE_OF = {
    _aws_appconfig.KIND: "appconfig",
    _aws_autoscaling.KIND: "autoscaling",
    _aws_lambda.KIND: "lambda",
    _aws_load_balancing.KIND: "elbv2",
    _aws_parameters.KIND: "ssm",
}


class AwsResources:
    """`bot.ports.Inventory` and `bot.ports.EvidenceSource` over one account and region.

    Its clients are all made at once: botocore reads a large model for each, and a job's child has no time for that.
    """

    name = "aws"
    kinds: tuple[str, ...] = tuple(sorted(_SERVICE_OF))

    def __init__(
        self, reader: AwsReader, region: str, prices: Mapping[str, float], appconfig_strategy: str
    ) -> None:
        names = {*_SERVICE_OF.values(), "cloudtrail"}
        self._clients = {name: reader.of(name) for name in sorted(names)}
        self._region = region
        self._prices = prices
        self._strategy = appconfig_strategy

    def find(self, kind: str, service: str) -> list[tuple[Target, Mapping[str, str]]]:
        """What belongs to exactly that service; raises Retryable or Permanent when AWS cannot be read."""
        # A service's name comes from telemetry, so that only a plain one is asked for.
        if kind not in self.kinds or not re.fullmatch(NAME, service):
            return []
        with reading():
            client = self._clients[_SERVICE_OF[kind]]
            return list(self._finders()[kind](client, self._region, service))

    def declared(self, kind: str, role: str) -> list[tuple[Target, Mapping[str, str]]]:
        """Auto Scaling groups with the tag `watchkeeper-role`; raises like `find`."""
        if kind != _aws_autoscaling.KIND:
            return []
        with reading():
            client = self._clients[_SERVICE_OF[kind]]
            return list(_aws_autoscaling.declared(client, self._region, role, self._prices))

    def collect(self, services: Sequence[str], *, start: float, end: float) -> Readings:
        """Changes of parameters, aliases, configurations and groups of the services within the window."""
        try:
            with reading():
                events = [event for name in EVENTS for event in self._events(name, start, end)]
                applications = self._applications() if self._strategy else {}
        except (Permanent, Retryable) as error:
            return Readings(missing=(missed(self.name, error),))
        changes = resource_changes(events, services, applications)
        return Readings(changes=tuple(change for change in changes if start <= change.at <= end))

    def _events(self, name: str, start: float, end: float) -> list[Mapping[str, Any]]:
        answer = self._clients["cloudtrail"].lookup_events(
            LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}],
            StartTime=datetime.fromtimestamp(start - _BEFORE_S, UTC),
            EndTime=datetime.fromtimestamp(end, UTC),
        )
        events: list[Mapping[str, Any]] = answer.get("Events", [])
        return events

    def _applications(self) -> dict[str, str]:
        answer = self._clients["appconfig"].list_applications(MaxResults=50)
        return {one["Id"]: one["Name"] for one in answer["Items"]}

    def _finders(self) -> Mapping[str, Callable[[Any, str, str], Found]]:
        return {
            _aws_appconfig.KIND: lambda client, region, service: _aws_appconfig.find(
                client, region, service, self._strategy
            ),
            _aws_autoscaling.KIND: lambda client, region, service: _aws_autoscaling.find(
                client, region, service, self._prices
            ),
            _aws_lambda.KIND: _aws_lambda.find,
            _aws_load_balancing.KIND: _aws_load_balancing.find,
            _aws_parameters.KIND: _aws_parameters.find,
        }


def build(settings: Settings) -> AwsResources:
    """The reader that the settings describe; raises Permanent naming what is missing."""
    return AwsResources(
        build_reader(settings), settings.aws_region, settings.prices, settings.appconfig_strategy
    )
