"""What every parser holds an alert to, whatever its system: sizes, NULs, and times that are numbers.

A sender that goes over a limit is told so and nothing is repaired; what passes here fits every column of the store.
"""

import math
from datetime import UTC, datetime

from bot.domain.alert import Alert
from bot.domain.errors import Permanent

MOST_LABELS = 500
MOST_LABEL_CHARS = 16 * 1024
MOST_NAME_CHARS = 500
MOST_TEXT_CHARS = 256 * 1024
_ESCAPED_NUL = b"\\u0000"


def seconds(moment: datetime) -> float:
    """Unix seconds; a time without a zone is UTC, since the host's zone is no fact about the sender."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def may_hold_nul(body: bytes) -> bool:
    """Whether the body holds an escaped NUL; one character is missed far faster than a word, and most hold no escape."""
    return b"\\" in body and _ESCAPED_NUL in body


def within_limits(alerts: list[Alert], body: bytes) -> list[Alert]:
    """The alerts as they are; raises Permanent naming the first limit that one of them is over."""
    look_for_nul = may_hold_nul(body)
    for alert in alerts:
        problem = _problem(alert) or (_nul(alert) if look_for_nul else "")
        if problem:
            message = f"an alert is refused: {problem}"
            raise Permanent(message)
    return alerts


def _problem(alert: Alert) -> str:
    if len(alert.labels) > MOST_LABELS:
        return f"{len(alert.labels)} labels, at most {MOST_LABELS} are taken"
    if max(map(len, alert.labels.values()), default=0) > MOST_LABEL_CHARS:
        return f"a label is longer than {MOST_LABEL_CHARS} characters"
    if max(len(alert.name), len(alert.service)) > MOST_NAME_CHARS:
        return f"its name or its service is longer than {MOST_NAME_CHARS} characters"
    if len(alert.summary) + len(alert.link) > MOST_TEXT_CHARS:
        return f"its texts are longer than {MOST_TEXT_CHARS} characters"
    return "" if math.isfinite(alert.starts_at) else "its start is no point in time"


def _nul(alert: Alert) -> str:
    texts = (alert.name, alert.service, alert.summary, alert.link, *alert.labels, *alert.labels.values())
    return "it holds a NUL character" if any("\x00" in text for text in texts) else ""
