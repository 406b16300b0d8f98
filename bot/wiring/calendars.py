"""Planned events from the calendars of the settings, read by the worker whenever RQ's cron says so."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import structlog

from bot.adapters.calendar import ics, yaml_file
from bot.domain.errors import Permanent, Retryable, WatchkeeperError
from bot.domain.event import TENANT_CHAIN
from bot.domain.telemetry import PlannedEvent
from bot.pipeline.planned import added
from bot.ports import Store, Transaction
from bot.settings import Settings, load
from bot.wiring.kept_store import kept_store
from bot.wiring.parts import SystemClock

TIMEOUT_S = 10.0
MOST_BYTES = 4 * 1024 * 1024

_log = structlog.get_logger()


def look() -> None:
    """Read every calendar once; one that cannot be read keeps no other from being read."""
    settings = load()
    if settings.planned_calendars:
        keep(kept_store(), settings, now=SystemClock().now())


def keep(store: Store, settings: Settings, *, now: float) -> int:
    """Enter what the calendars plan; how many events those are. What is entered already stays as it is.

    What an earlier reading entered and its calendar no longer holds is over, so that it quietens nothing any more.
    """
    read_from: dict[str, list[PlannedEvent]] = {}
    in_part: set[str] = set()
    for place in settings.planned_calendars:
        source = _source(place)
        try:
            found = read(place, now=now)
        except WatchkeeperError as error:
            _log.warning("calendar_unread", place=_shown(place), reason=str(error))
            in_part.add(source)
            continue
        if len(found) >= ics.MOST:
            in_part.add(source)
        read_from.setdefault(source, []).extend(found)
    every = [event for found in read_from.values() for event in found]
    # Calendars at different places may have one name, as shared ones often do: nothing is taken back by half of them.
    whole = {f"calendar {source}"[:100] for source in read_from.keys() - in_part}
    if read_from:
        store.transact(lambda tx: _enter(tx, every, whole, now))
    return len(every)


def _source(place: str) -> str:
    return place.rpartition("/")[2].partition("?")[0]


def _shown(place: str) -> str:
    """The place for a log: a private calendar's address is its secret."""
    return f"{httpx.URL(place).host}, {_source(place)}" if place.startswith("https://") else place


def _enter(tx: Transaction, found: Sequence[PlannedEvent], whole: Collection[str], now: float) -> None:
    # Of the same event in two calendars of one name the later one stands, so that they do not take turns.
    planned = {event.id: event for event in found}
    latest = max((event.starts_at for event in found), default=now)
    end = max(now + 400 * 86_400.0, latest)
    known = {event.id: event for event in tx.planned_events(start=0.0, end=end)}
    wanted = list(planned.values())
    wanted += [
        replace(event, ends_at=min(event.ends_at, max(event.starts_at, now)))
        for event in known.values()
        if event.id not in planned and event.entered_by in whole and event.ends_at > now
    ]
    changed = [event for event in wanted if event.id not in known or _said(event) != _said(known[event.id])]
    for event in changed:
        tx.add_planned_event(event)
    # What quietens alarms stands in the log, whoever planned it.
    if changed:
        words = [added(event, by=event.entered_by) for event in changed]
        tx.append(TENANT_CHAIN, words, at_ms=round(now * 1000))


def _said(event: PlannedEvent) -> tuple[object, ...]:
    return event.ends_at, event.effect, event.services, event.title


def read(place: str, *, now: float) -> list[PlannedEvent]:
    """The events of one file or https address; raises Retryable or Permanent."""
    text = _fetched(place) if place.startswith("https://") else _file(place)
    source = _source(place)
    if source.lower().endswith((".yaml", ".yml")):
        return yaml_file.planned(text, source=source, now=now)
    return ics.planned(text, source=source, now=now)


def _file(place: str) -> str:
    try:
        return Path(place).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"calendar {place}: {error}"
        raise Permanent(message) from error


def _fetched(place: str) -> str:
    try:
        answer = httpx.get(place, timeout=TIMEOUT_S, follow_redirects=False, trust_env=False)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        message = f"calendar {httpx.URL(place).host}: {type(error).__name__}"
        raise Retryable(message) from error
    if len(answer.content) > MOST_BYTES:
        message = f"calendar {httpx.URL(place).host}: larger than {MOST_BYTES} bytes"
        raise Permanent(message)
    return answer.text
