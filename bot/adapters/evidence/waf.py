"""Inventory of WAF IP sets, with the client address that the operators' own rule sampled most of late."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.adapters.evidence._aws_reader import build_reader, reading
from bot.domain.live_ip_set import candidate_of, live_ip_set
from bot.domain.plan import Target
from bot.settings import Settings, WafIpSet

_KIND = "waf.ip_set"
_WINDOW = timedelta(minutes=15)
_MOST = 500
Found = list[tuple[Target, Mapping[str, str]]]


class IpSets:
    """`bot.ports.Inventory` over {service: its registered IP set}."""

    kinds: tuple[str, ...] = (_KIND,)

    def __init__(self, wafv2: Any, sets: Mapping[str, WafIpSet], protected: Collection[str]) -> None:
        self._wafv2 = wafv2
        self._sets = sets
        self._protected = protected

    def find(self, kind: str, service: str) -> Found:
        """The IP set of that service; raises Retryable or Permanent when AWS cannot be read."""
        one = self._sets.get(service)
        if kind != _KIND or one is None:
            return []
        with reading():
            found = self._wafv2.get_ip_set(Name=one.name, Scope=one.scope, Id=one.id)["IPSet"]
            sampled = self._sampled(one)
        live = live_ip_set(found, self._protected)
        target = Target(_KIND, one.name, one.scope, live["uid"], service)
        return [(target, {**live, **candidate_of(sampled, live)})]

    def declared(self, kind: str, role: str) -> Found:
        """None: the settings name them by service."""
        return []

    def _sampled(self, one: WafIpSet) -> Sequence[Mapping[str, Any]]:
        end = datetime.now(UTC)
        answer = self._wafv2.get_sampled_requests(
            WebAclArn=one.web_acl,
            RuleMetricName=one.rule,
            Scope=one.scope,
            TimeWindow={"StartTime": end - _WINDOW, "EndTime": end},
            MaxItems=_MOST,
        )
        sampled: Sequence[Mapping[str, Any]] = answer.get("SampledRequests", [])
        return sampled


def build(settings: Settings) -> IpSets:
    """The reader that the settings describe; raises Permanent naming what is missing."""
    reader = build_reader(settings)
    return IpSets(reader.of("wafv2"), settings.waf_ip_sets, settings.protected_ranges)
