"""Planned events from the calendars of the settings, read by the worker whenever RQ's cron says so."""

from collections.abc import Sequence
from pathlib import Path

import httpx
import structlog

from bot.adapters.calendar import ics, yaml_file
from bot.adapters.store.sql import open_store
from bot.domain.errors import Permanent, Retryable, WatchkeeperError
from bot.domain.telemetry import PlannedEvent
from bot.ports import Store, Transaction
from bot.settings import Settings, load
from bot.wiring.parts import SystemClock

TIMEOUT_S = 10.0
MOST_BYTES = 4 * 1024 * 1024

_log = structlog.get_logger()


def look() -> None:
    """Read every calendar once; one that cannot be read keeps no other from being read."""
    settings = load()
    if settings.planned_calendars:
        keep(open_store(settings, migrate=False), settings, now=SystemClock().now())


def keep(store: Store, settings: Settings, *, now: float) -> int:
    """Enter what the calendars plan; how many events those are. What is entered already stays as it is."""
    count = 0
    for place in settings.planned_calendars:
        try:
            found = read(place, now=now)
        except WatchkeeperError as error:
            _log.warning("calendar_unread", place=place, reason=str(error))
            continue
        count += len(found)
        store.transact(lambda tx, found=found: _enter(tx, found, now))  # type: ignore[misc]
    return count


def _enter(tx: Transaction, found: Sequence[PlannedEvent], now: float) -> None:
    known = {event.id: event for event in tx.planned_events(start=0.0, end=now + 400 * 86_400.0)}
    for event in found:
        before = known.get(event.id)
        if before is None or (before.ends_at, before.effect, before.services, before.title) != (
            event.ends_at,
            event.effect,
            event.services,
            event.title,
        ):
            tx.add_planned_event(event)


def read(place: str, *, now: float) -> list[PlannedEvent]:
    """The events of one file or https address; raises Retryable or Permanent."""
    text = _fetched(place) if place.startswith("https://") else _file(place)
    source = place.rpartition("/")[2].partition("?")[0]
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
