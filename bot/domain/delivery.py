"""What one call of a monitoring system says: alerts, changes, or neither, and then why. Parsers build it."""

from collections.abc import Sequence
from typing import NamedTuple

from bot.domain.alert import Alert
from bot.domain.telemetry import Change


class Delivery(NamedTuple):
    """`note` is the sentence for a sender whose call opens nothing (a test, a ping, an event of no interest).

    `sent_at` is the sender's own time of this call and `once` its id, where the body that is proved holds them.
    """

    alerts: Sequence[Alert] = ()
    changes: Sequence[Change] = ()
    note: str = ""
    sent_at: float | None = None
    once: str = ""
