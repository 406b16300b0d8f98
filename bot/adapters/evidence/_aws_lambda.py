"""Lambda aliases of a service: those of the function that bears its name."""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from bot.domain.live_alias import live_alias
from bot.domain.plan import Target

KIND = "lambda.alias"
_MOST = 50


def find(functions: Any, region: str, service: str) -> Iterator[tuple[Target, Mapping[str, str]]]:
    """Each alias with its live fields."""
    try:
        aliases = functions.list_aliases(FunctionName=service, MaxItems=_MOST)["Aliases"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "ResourceNotFoundException":
            return
        raise
    numbers = _published(functions, service) if aliases else []
    for alias in aliases:
        live = live_alias(alias)
        older = [one for one in numbers if live["version"].isdigit() and one < int(live["version"])]
        if older:
            live["previous_version"] = str(max(older))
        yield Target(KIND, f"{service}:{alias['Name']}", region, live["uid"], service), live


def _published(functions: Any, service: str) -> list[int]:
    pages = functions.get_paginator("list_versions_by_function").paginate(FunctionName=service)
    versions = [one["Version"] for page in pages for one in page["Versions"]]
    return [int(version) for version in versions if version.isdigit()]
