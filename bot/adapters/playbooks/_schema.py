"""The JSON Schema of a playbook file: what editors complete by and what the loader checks shape by.

`playbooks/playbook.schema.json` is `schema_text()` written out; a test holds the two equal.
"""

import json
from typing import Any

from bot.domain.actions.table import ACTIONS, TARGET_KINDS
from bot.domain.evidence import CauseClass
from bot.domain.playbook import Offer, Tier
from bot.domain.telemetry import Signal

DURATION = r"^[1-9][0-9]{0,4}(s|m|h)$"
NAME = r"^[a-z][a-z0-9_]{0,40}$"
EXPECT = (
    r"^[a-z][a-z0-9_]*\.[a-z_]+ ((==|!=|<=|>=|<|>) ([a-z][a-z0-9_]*\.[a-z][a-z0-9_]*|[A-Za-z0-9._-]+)"
    r"|within [1-9][0-9]{0,4}(s|m|h))$"
)
REFERENCE = r"^\$\{\{ inputs\.[a-z][a-z0-9_]* \}\}$"


def _closed(required: list[str], properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": properties,
        **more,
    }


def _text(**more: Any) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": 120, **more}


def _whole(minimum: int, maximum: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": minimum, "maximum": maximum}


def schema() -> dict[str, Any]:
    """The schema as data."""
    duration = {"type": "string", "pattern": DURATION}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Watchkeeper playbook",
        **_closed(
            ["id", "version", "name", "match", "inputs", "policy", "steps", "verify", "on-failure"],
            {
                "id": _text(pattern=r"^[a-z][a-z0-9-]{2,60}$"),
                "version": _whole(1, 100_000),
                "name": _text(),
                "offer": {"enum": [offer.value for offer in Offer]},
                "match": _match(),
                "inputs": _inputs(),
                "policy": _policy(duration),
                "preconditions": _list(_precondition(), minimum=0, maximum=10),
                "steps": _list(_step(), minimum=1, maximum=8),
                "verify": _list(_check(duration), minimum=0, maximum=5),
                "on-failure": {"enum": ["rollback", "stop"]},
            },
        ),
    }


def schema_text() -> str:
    """The published file, byte for byte."""
    return json.dumps(schema(), indent=2) + "\n"


def _list(item: dict[str, Any], *, minimum: int, maximum: int) -> dict[str, Any]:
    return {"type": "array", "minItems": minimum, "maxItems": maximum, "items": item}


def _match() -> dict[str, Any]:
    causes = _list({"enum": [cause.value for cause in CauseClass]}, minimum=1, maximum=len(CauseClass))
    signals = _list({"enum": [signal.value for signal in Signal]}, minimum=1, maximum=len(Signal))
    return _closed(
        ["causes"],
        {"causes": {**causes, "uniqueItems": True}, "signals": {**signals, "uniqueItems": True}},
    )


def _inputs() -> dict[str, Any]:
    one = _closed(
        ["type", "from"],
        {
            "type": {"enum": ["integer", "name", *TARGET_KINDS]},
            "from": _text(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_-]*$"),
            "most": _whole(1, 10),
            "percent": _whole(1, 400),
            "min": _whole(0, 1_000_000),
            "max": _whole(0, 1_000_000),
        },
    )
    return {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": NAME},
        "additionalProperties": one,
    }


def _policy(duration: dict[str, Any]) -> dict[str, Any]:
    approvals = _closed(["min", "expires"], {"min": _whole(0, 5), "expires": duration})
    caps = {"type": "object", "additionalProperties": _whole(0, 1_000_000)}
    tier = {"enum": [tier.value for tier in Tier]}
    return _closed(
        ["tier", "approvals", "blast-radius"], {"tier": tier, "approvals": approvals, "blast-radius": caps}
    )


def _precondition() -> dict[str, Any]:
    return _closed(["name", "expect"], {"name": _text(), "expect": _text(pattern=EXPECT)})


def _step() -> dict[str, Any]:
    value = {"oneOf": [{"type": "string", "pattern": REFERENCE}, {"type": "integer"}]}
    return _closed(
        ["id", "name", "uses", "with"],
        {
            "id": _text(pattern=NAME),
            "name": _text(),
            "uses": {"type": "string", "examples": sorted(ACTIONS)},
            "with": {"type": "object", "additionalProperties": value},
            "on": _text(pattern=NAME),
            "irreversible": {"type": "boolean"},
        },
    )


def _check(duration: dict[str, Any]) -> dict[str, Any]:
    return _closed(
        ["signal", "below", "within"],
        {
            "signal": {"enum": [signal.value for signal in Signal]},
            "of": {"enum": ["suspect", "affected"]},
            "below": {"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000},
            "within": duration,
        },
    )
