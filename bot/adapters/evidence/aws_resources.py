"""Inventory of what can be rolled back or scaled on AWS beside ECS: one finder per kind, in the files beside this."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bot.adapters.evidence import (
    _aws_appconfig,
    _aws_autoscaling,
    _aws_lambda,
    _aws_load_balancing,
    _aws_parameters,
)
from bot.adapters.evidence._aws_reader import AwsReader, build_reader, reading
from bot.domain.catalogue import NAME
from bot.domain.plan import Target
from bot.settings import Settings

Found = Iterator[tuple[Target, Mapping[str, str]]]
_SERVICE_OF = {
    _aws_appconfig.KIND: "appconfig",
    _aws_autoscaling.KIND: "autoscaling",
    _aws_lambda.KIND: "lambda",
    _aws_load_balancing.KIND: "elbv2",
    _aws_parameters.KIND: "ssm",
}


class AwsResources:
    """`bot.ports.Inventory` over one account and region. A client is made when its kind is first asked for."""

    kinds: tuple[str, ...] = tuple(sorted(_SERVICE_OF))

    def __init__(
        self, reader: AwsReader, region: str, prices: Mapping[str, float], appconfig_strategy: str
    ) -> None:
        self._reader = reader
        self._region = region
        self._prices = prices
        self._strategy = appconfig_strategy
        self._clients: dict[str, Any] = {}

    def find(self, kind: str, service: str) -> list[tuple[Target, Mapping[str, str]]]:
        """What belongs to exactly that service; raises Retryable or Permanent when AWS cannot be read."""
        # A service's name comes from telemetry, so that only a plain one is asked for.
        if kind not in self.kinds or not re.fullmatch(NAME, service):
            return []
        with reading():
            return list(self._finders()[kind](self._client(kind), self._region, service))

    def declared(self, kind: str, role: str) -> list[tuple[Target, Mapping[str, str]]]:
        """Auto Scaling groups with the tag `watchkeeper-role`; raises like `find`."""
        if kind != _aws_autoscaling.KIND:
            return []
        with reading():
            return list(_aws_autoscaling.declared(self._client(kind), self._region, role, self._prices))

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

    def _client(self, kind: str) -> Any:
        if kind not in self._clients:
            self._clients[kind] = self._reader.of(_SERVICE_OF[kind])
        return self._clients[kind]


def build(settings: Settings) -> AwsResources:
    """The reader that the settings describe; raises Permanent naming what is missing."""
    return AwsResources(
        build_reader(settings), settings.aws_region, settings.prices, settings.appconfig_strategy
    )
