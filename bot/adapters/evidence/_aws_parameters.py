"""SSM parameters of a service: those below the path that bears its name. Their values are never read here."""

from collections.abc import Iterator, Mapping
from typing import Any

from bot.adapters.evidence._newest import newest
from bot.domain.live_parameter import live_parameter
from bot.domain.plan import Target

KIND = "ssm.parameter"
_MOST_PAGES = 10


def find(ssm: Any, region: str, service: str) -> Iterator[tuple[Target, Mapping[str, str]]]:
    """The parameter that changed last; all that changed about then, where that is not one."""
    found = [(str(one["Name"]), live_parameter(one)) for one in _described(ssm, f"/{service}")]
    changed = [(name, live) for name, live in found if int(live["version"]) > 1]
    for name, live in newest(changed, "changed_at"):
        known = {**live, "previous_version": str(int(live["version"]) - 1)}
        yield Target(KIND, name, region, live["uid"], service), known


def _described(ssm: Any, path: str) -> Iterator[Mapping[str, Any]]:
    wanted = [{"Key": "Path", "Option": "Recursive", "Values": [path]}]
    more: dict[str, str] = {}
    for _page in range(_MOST_PAGES):
        answer = ssm.describe_parameters(ParameterFilters=wanted, MaxResults=50, **more)
        yield from answer["Parameters"]
        if not answer.get("NextToken"):
            return
        more = {"NextToken": answer["NextToken"]}
