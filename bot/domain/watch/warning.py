"""An early warning as an alert of our own source, in the generic format that intake knows; and its end."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from bot.domain.alert import Alert
from bot.domain.redaction import redact
from bot.domain.watch.verdict import Warned

SOURCE = "watchkeeper:watch"
KIND = "generic"
NAME = "UnusualBehaviour"
MOST_QUOTES = 3
MOST_CHARS = 300


def firing(warned: Sequence[Warned]) -> bytes:
    """The payload that opens or joins incidents."""
    return _payload([_item(one) for one in warned])


def ended(alerts: Sequence[Alert], why: str) -> bytes:
    """The payload that ends earlier warnings."""
    items = [
        {
            "name": one.name,
            "service": one.service,
            "status": "resolved",
            "summary": why,
            "id": _identity(one.service),
        }
        for one in alerts
    ]
    return _payload(items)


def _item(warned: Warned) -> dict[str, Any]:
    quotes = list(dict.fromkeys(one.quote for one in warned.findings if one.quote))[:MOST_QUOTES]
    labels = {f"seen_{place}": redact(quote)[:MOST_CHARS] for place, quote in enumerate(quotes, start=1)}
    labels["detectors"] = ", ".join(sorted({one.kind.value for one in warned.findings}))
    labels["strength"] = f"{warned.strength:.2f}"
    return {
        "name": NAME,
        "service": warned.service,
        "severity": "warning",
        "summary": f"No alert yet: {warned.reason}"[: 2 * MOST_CHARS],
        "starts_at": datetime.fromtimestamp(warned.since_at, UTC).isoformat(),
        "labels": labels,
        "id": _identity(warned.service),
    }


def _identity(service: str) -> str:
    return f"watch:{service}"


def _payload(items: list[dict[str, Any]]) -> bytes:
    return json.dumps({"alerts": items}).encode()
