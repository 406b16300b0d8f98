"""Live fields of a Lambda alias, from the API's own answer; reader and executor must agree on them."""

from collections.abc import Mapping
from typing import Any


def live_alias(alias: Mapping[str, Any]) -> dict[str, str]:
    """The fields that `domain/actions` names for lambda.alias; raises KeyError for an answer that is none."""
    routing = alias.get("RoutingConfig") or {}
    return {
        "uid": str(alias["AliasArn"]),
        "version": str(alias["FunctionVersion"]),
        "weighted": "yes" if routing.get("AdditionalVersionWeights") else "no",
    }
