"""Planned events from an iCalendar text, with recurrences, for the days around now.

A category MAINTENANCE makes the event suppress alerts, LOWER takes their alarm away; any other event only explains.
A line `services: a, b` in the description limits it to these services. An occurrence that was moved or called off by an
entry of its own (RECURRENCE-ID) is planned as that entry says.
"""

import contextlib
import re
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time, timedelta

from dateutil.rrule import rrulestr  # type: ignore[import-untyped]  # it ships no types
from icalendar import Calendar, Component

from bot.domain.canonical import digest
from bot.domain.errors import Permanent
from bot.domain.telemetry import PlannedEffect, PlannedEvent

PAST = timedelta(days=2)
AHEAD = timedelta(days=31)
MOST = 500
_SERVICES = re.compile(r"(?im)^\s*services?\s*:\s*(.+)$")
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def planned(text: str, *, source: str, now: float) -> list[PlannedEvent]:
    """Every event that touches the days around `now`; raises Permanent where the text is no calendar."""
    try:
        calendar = Calendar.from_ical(text)
    except (ValueError, IndexError, TypeError) as error:
        message = f"calendar {source}: not iCalendar ({error})"
        raise Permanent(message) from error
    moment = datetime.fromtimestamp(now, UTC)
    entries = calendar.walk("VEVENT")
    moved = {(str(entry.get("UID", "")), at) for entry in entries for at in _stands_for(entry)}
    found: list[PlannedEvent] = []
    for entry in entries:
        found.extend(_occurrences(entry, source, moment, moved))
    return found[:MOST]


def _stands_for(entry: Component) -> Iterator[datetime]:
    """The time of the one occurrence in whose place this entry stands, where it is such an entry."""
    with contextlib.suppress(KeyError, ValueError, TypeError, AttributeError):
        yield _moment(entry.decoded("RECURRENCE-ID"))


def _occurrences(
    entry: Component, source: str, now: datetime, moved: Collection[tuple[str, datetime]]
) -> Iterator[PlannedEvent]:
    uid, replaces = str(entry.get("UID", "")), "RECURRENCE-ID" in entry
    try:
        start = _moment(entry.decoded("DTSTART"))
        length = _length(entry, start)
        starts = _starts(entry, start, length, now)
    except (KeyError, ValueError, TypeError, AttributeError):
        return  # An entry without a readable time plans nothing.
    cancelled = str(entry.get("STATUS", "")).upper() == "CANCELLED"
    described = _SERVICES.search(str(entry.get("DESCRIPTION", "")))
    words = described.group(1).replace(",", " ").split() if described else []
    services = tuple(word for word in words if _SERVICE.fullmatch(word))
    for begins in starts:
        if not replaces and (uid, begins) in moved:
            continue
        ends = begins if cancelled else begins + length
        yield PlannedEvent(
            digest([source, uid, str(begins.timestamp())])[:16],
            " ".join(str(entry.get("SUMMARY", "planned work")).split())[:150],
            begins.timestamp(),
            ends.timestamp(),
            services,
            entered_by=f"calendar {source}"[:100],
            entered_at=now.timestamp(),
            effect=_effect(entry),
        )


def _starts(entry: Component, start: datetime, length: timedelta, now: datetime) -> list[datetime]:
    earliest, latest = now - PAST - length, now + AHEAD
    rule = entry.get("RRULE")
    if rule is None:
        return [start] if earliest <= start <= latest else []
    rules = rrulestr(rule.to_ical().decode(), dtstart=start)
    given = entry.get("EXDATE") or []
    lists = given if isinstance(given, list) else [given]
    left_out = {_moment(one.dt) for dates in lists for one in dates.dts}
    return [one for one in rules.between(earliest, latest, inc=True)[:MOST] if one not in left_out]


def _length(entry: Component, start: datetime) -> timedelta:
    if "DTEND" in entry:
        return max(timedelta(0), _moment(entry.decoded("DTEND")) - start)
    if "DURATION" in entry:
        length = entry.decoded("DURATION")
        return length if isinstance(length, timedelta) else timedelta(0)
    whole_day = not isinstance(entry.decoded("DTSTART"), datetime)
    return timedelta(days=1) if whole_day else timedelta(0)


def _moment(given: date | datetime) -> datetime:
    """A time without a zone is read as UTC; a date begins at midnight."""
    full = given if isinstance(given, datetime) else datetime.combine(given, time(), UTC)
    return full if full.tzinfo else full.replace(tzinfo=UTC)


def _effect(entry: Component) -> PlannedEffect:
    given = entry.get("CATEGORIES") or []
    lists = given if isinstance(given, list) else [given]
    words = {str(word).strip().upper() for one in lists for word in getattr(one, "cats", [one])}
    if "MAINTENANCE" in words:
        return PlannedEffect.SUPPRESS
    return PlannedEffect.LOWER if "LOWER" in words else PlannedEffect.EXPLAIN
