"""dedupe: what an alert is to us (new, repeat, resolved, fired again), by fingerprint; a counter, not a message."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from bot.domain.alert import Alert, AlertStatus
from bot.domain.records import StoredAlert

LATE_S = 3600.0  # Senders repeat what could not be delivered for about so long.


class Seen(StrEnum):
    """What one delivery of an alert means."""

    NEW = "new"
    REPEAT = "repeat"
    RESOLVED = "resolved"
    FIRED_AGAIN = "fired_again"
    RESOLVED_UNSEEN = "resolved_unseen"
    OLDER_THAN_KNOWN = "older_than_known"


_UNKNOWN = {AlertStatus.FIRING: Seen.NEW, AlertStatus.RESOLVED: Seen.RESOLVED_UNSEEN}


class DedupeOutcome(NamedTuple):
    """The newest state of one fingerprint in this batch, with what it means; `stored` is None when it is new."""

    reason: Seen
    alert: Alert
    times_seen: int
    stored: StoredAlert | None = None


def dedupe(
    alerts: Iterable[Alert], stored: Mapping[str, StoredAlert], open_incidents: frozenset[str]
) -> list[DedupeOutcome]:
    """Fold a batch by fingerprint and compare with what is stored; the order inside the batch does not matter.

    A known alert whose incident is closed counts as new, since it must find a new home; a late copy of what was said
    before it ended does not.
    """
    newest: dict[str, Alert] = {}
    again: dict[str, int] = {}
    for alert in alerts:
        if alert.fingerprint not in newest:
            newest[alert.fingerprint] = alert
            continue
        again[alert.fingerprint] = again.get(alert.fingerprint, 0) + 1
        if _order(alert) > _order(newest[alert.fingerprint]):
            newest[alert.fingerprint] = alert
    return [
        _judge(alert, 1 + again.get(fingerprint, 0), stored[fingerprint], open_incidents)
        if fingerprint in stored
        else DedupeOutcome(_UNKNOWN[alert.status], alert, 1 + again.get(fingerprint, 0))
        for fingerprint, alert in newest.items()
    ]


def _order(alert: Alert) -> tuple[float, bool, float]:
    return (alert.starts_at, alert.status is AlertStatus.RESOLVED, alert.received_at)


def _late(alert: Alert, known: Alert) -> bool:
    """Whether this is a copy of what was said before the alert ended; much later it is taken for a new firing."""
    return _order(alert) < _order(known) and alert.received_at - known.received_at <= LATE_S


def _judge(alert: Alert, times: int, stored: StoredAlert, open_incidents: frozenset[str]) -> DedupeOutcome:
    firing = alert.status is AlertStatus.FIRING
    if firing and stored.incident not in open_incidents and not _late(alert, stored.alert):
        return DedupeOutcome(Seen.NEW, alert, times)
    times += stored.times_seen
    if _order(alert) < _order(stored.alert):
        return DedupeOutcome(Seen.OLDER_THAN_KNOWN, stored.alert, times, stored)
    if not firing:
        return DedupeOutcome(Seen.RESOLVED, alert._replace(starts_at=stored.alert.starts_at), times, stored)
    was_firing = stored.alert.status is AlertStatus.FIRING
    return DedupeOutcome(Seen.REPEAT if was_firing else Seen.FIRED_AGAIN, alert, times, stored)
