"""Amazon ECS as evidence and as inventory: scalings and deployments from CloudTrail, live services from the API."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bot.adapters.evidence._aws_reader import build_reader, reading
from bot.adapters.evidence._cloudtrail import (
    EcsRecord,
    changes_of,
    count_history,
    records_of,
    revision_history,
)
from bot.domain.catalogue import NAME
from bot.domain.errors import WatchkeeperError
from bot.domain.live_service import live_service, revision_of
from bot.domain.plan import Target
from bot.domain.price import unit_price
from bot.domain.telemetry import Readings, missed
from bot.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_cloudtrail.client import CloudTrailClient
    from mypy_boto3_cloudtrail.literals import LookupAttributeKeyType
    from mypy_boto3_ecs.client import ECSClient

_KIND = "ecs.service"
_CALLS = ("CreateService", "UpdateService")
_MOST_PAGES = 6
_ROLE = "watchkeeper-role"
_AT_ONCE = 10  # DescribeServices takes no more.


class Ecs:
    """`bot.ports.EvidenceSource` and `bot.ports.Inventory` over one cluster; a service's ECS name is its name."""

    name = "ecs"
    kinds: tuple[str, ...] = (_KIND,)

    def __init__(
        self,
        ecs: "ECSClient",
        trail: "CloudTrailClient",
        cluster: str,
        prices: Mapping[str, float] | None = None,
    ) -> None:
        self._ecs = ecs
        self._trail = trail
        self._cluster = cluster
        self._prices = prices or {}

    def find(self, kind: str, service: str) -> list[tuple[Target, Mapping[str, str]]]:
        """The ECS service of exactly that name; raises Retryable or Permanent when AWS cannot be read."""
        if kind != _KIND or not re.fullmatch(NAME, service):
            return []
        with reading():
            answer = self._ecs.describe_services(cluster=self._cluster, services=[service])
            named = [one for one in answer["services"] if one["serviceName"] == service]
            if not named:
                return []
            records = self._records()
            return [self._found(one, records) for one in named]

    def declared(self, kind: str, role: str) -> list[tuple[Target, Mapping[str, str]]]:
        """The services of the cluster that carry the tag `watchkeeper-role`; raises like `find`."""
        if kind != _KIND:
            return []
        wanted = {"key": _ROLE, "value": role}
        with reading():
            pages = self._ecs.get_paginator("list_services").paginate(
                cluster=self._cluster, PaginationConfig={"PageSize": _AT_ONCE}
            )
            tagged = [
                one
                for page in pages
                if page["serviceArns"]
                for one in self._ecs.describe_services(
                    cluster=self._cluster, services=page["serviceArns"], include=["TAGS"]
                )["services"]
                if wanted in one.get("tags", [])
            ]
            records = self._records() if tagged else []
            return [self._found(one, records) for one in tagged]

    def collect(self, services: Sequence[str], *, start: float, end: float) -> Readings:
        """Scalings and deployments of the services within the window."""
        try:
            with reading():
                records = self._records(end=end)
        except WatchkeeperError as error:
            return Readings(missing=(missed(self.name, error),))
        changes = [change for change in changes_of(records, services) if start <= change.at <= end]
        return Readings(changes=tuple(changes))

    def _found(self, service: Any, records: Sequence[EcsRecord]) -> tuple[Target, Mapping[str, str]]:
        name, desired = service["serviceName"], int(service["desiredCount"])
        plain = live_service(service, unit_price(self._prices, _KIND, name))
        revisions = revision_history(records, name, plain["revision"])
        live = {
            **plain,
            **count_history(records, name, desired),
            **(revisions or self._registered_before(plain["revision"])),
        }
        return Target(_KIND, name, self._cluster, live["uid"], name), live

    def _registered_before(self, revision: str) -> dict[str, str]:
        """The newest older active revision of the family: what no record explains has at least been registered."""
        family, _, number = revision.rpartition(":")
        answer = self._ecs.list_task_definitions(
            familyPrefix=family, status="ACTIVE", sort="DESC", maxResults=_AT_ONCE
        )
        names = [revision_of(arn).rpartition(":") for arn in answer["taskDefinitionArns"]]
        older = [int(one) for stem, _, one in names if stem == family and int(one) < int(number)]
        return {"previous_revision": f"{family}:{max(older)}"} if older else {}

    def _records(self, *, end: float | None = None) -> list[EcsRecord]:
        events = [event for call in _CALLS for event in self._events(call, end)]
        return records_of(events, self._cluster)

    def _events(self, call: str, end: float | None) -> Iterator[Mapping[str, Any]]:
        """Newest first, as CloudTrail gives them, at most _MOST_PAGES pages."""
        key: LookupAttributeKeyType = "EventName"
        asked: dict[str, Any] = {"LookupAttributes": [{"AttributeKey": key, "AttributeValue": call}]}
        if end is not None:
            asked["EndTime"] = datetime.fromtimestamp(end, UTC)
        for _page in range(_MOST_PAGES):
            answer = self._trail.lookup_events(**asked)
            yield from answer.get("Events", [])
            if not answer.get("NextToken"):
                return
            asked["NextToken"] = answer["NextToken"]


def build(settings: Settings) -> Ecs:
    """The reader that the settings describe; raises Permanent naming what is missing."""
    settings.require("reading AWS", ["aws_reader_credentials", "aws_region", "ecs_cluster"])
    reader = build_reader(settings)
    return Ecs(reader.of("ecs"), reader.of("cloudtrail"), settings.ecs_cluster, settings.prices)
