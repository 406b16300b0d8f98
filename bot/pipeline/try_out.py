"""try_out: a test alert, which goes the whole way of a real one: intake, correlation, card, and back to resolved."""

import json

from bot.ports import Transaction

KIND = "generic"
SOURCE = "watchkeeper"
SERVICE = "watchkeeper-test"


def send_test(tx: Transaction, *, by: str, now: float, over: bool = False, source: str = SOURCE) -> None:
    """Put a test alert of `source` into the intake, or with `over` its end."""
    said = {
        "id": "test alert",
        "name": "TestAlert",
        "service": SERVICE,
        "severity": "info",
        "status": "resolved" if over else "firing",
        "summary": f"a test alert that {by} sent; nothing is wrong",
        "labels": {"test": "true"},
    }
    tx.add_raw(source, KIND, json.dumps({"alerts": [said]}).encode(), received_at=now)
