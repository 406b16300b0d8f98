"""From words to a planned event: a title, a time range and the services that it covers."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bot.domain.telemetry import PlannedEffect

_DAY_S = 86_400.0
_LONGEST_S = 31 * _DAY_S
_TITLE = re.compile(
    r'^(?:(?P<verb>add|maintenance|lower)\s+)?(?:["“”](?P<title>[^"“”]{1,150})["“”])\s*(?P<rest>.*)$',
    re.DOTALL,
)
_CLOCKS = re.compile(r"^(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})$")
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
USAGE = 'Write it like this: event add "Autumn launch" 09:00-23:00 checkout cart (UTC, or two ISO times).'


@dataclass(frozen=True, slots=True)
class EventWords:
    """What was entered; times in unix seconds, no services mean all."""

    title: str
    starts_at: float
    ends_at: float
    services: tuple[str, ...]
    effect: PlannedEffect = PlannedEffect.EXPLAIN


_EFFECTS = {"maintenance": PlannedEffect.SUPPRESS, "lower": PlannedEffect.LOWER}


def event_from(text: str, *, now: float) -> EventWords:
    """Read `add "Title" RANGE [services]`; raises ValueError with a sentence for the person.

    `maintenance` in place of `add` has alerts inside only counted, `lower` has them looked into without alarm.
    """
    found = _TITLE.match(text.strip())
    if found is None:
        raise ValueError(USAGE)
    words = found.group("rest").replace(",", " ").split()
    spoken = 1 if words and _CLOCKS.match(words[0]) else 2
    if len(words) < spoken:
        raise ValueError(USAGE)
    event = event_of(found.group("title"), " ".join(words[:spoken]), " ".join(words[spoken:]), now=now)
    return replace(event, effect=_EFFECTS.get(found.group("verb") or "", PlannedEffect.EXPLAIN))


def event_of(title: str, when: str, services: str, *, now: float) -> EventWords:
    """The three fields of the form; raises ValueError with a sentence for the person."""
    name = " ".join(title.split())
    if not name:
        message = "A planned event needs a title."
        raise ValueError(message)
    starts_at, ends_at = time_range(when.strip(), now)
    if ends_at - starts_at > _LONGEST_S:
        message = "A planned event lasts at most 31 days."
        raise ValueError(message)
    names = tuple(services.replace(",", " ").split())
    wrong = [word for word in names if not _SERVICE.fullmatch(word)]
    if wrong:
        message = f"{wrong[0][:60]!r} is not a service name."
        raise ValueError(message)
    return EventWords(name[:150], starts_at, ends_at, names)


def time_range(when: str, now: float) -> tuple[float, float]:
    """`09:00-23:00` of today (UTC), or two ISO times, in unix seconds; raises ValueError with a sentence."""
    clocks = _CLOCKS.match(when)
    if clocks is not None:
        return _today([int(part) for part in clocks.groups()], now)
    parts = when.replace(" - ", " ").replace("/", " ").split()
    if len(parts) != 2:
        raise ValueError(USAGE)
    starts_at, ends_at = (_iso(part) for part in parts)
    if ends_at <= starts_at:
        message = "The end must be later than the start."
        raise ValueError(message)
    return starts_at, ends_at


def _today(parts: list[int], now: float) -> tuple[float, float]:
    from_hour, from_minute, to_hour, to_minute = parts
    if max(from_hour, to_hour) > 24 or max(from_minute, to_minute) > 59:
        message = "Times are hours and minutes, from 00:00 to 24:00."
        raise ValueError(message)
    midnight = now - now % _DAY_S
    starts_at = midnight + from_hour * 3600 + from_minute * 60
    ends_at = midnight + to_hour * 3600 + to_minute * 60
    if ends_at <= starts_at:
        ends_at += _DAY_S
    # Of yesterday's, today's and tomorrow's range, the first that is not over yet is meant.
    shift = next(shift for shift in (-_DAY_S, 0.0, _DAY_S) if ends_at + shift > now)
    return starts_at + shift, ends_at + shift


def _iso(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"{text[:40]!r} is not an ISO time like 2026-11-27T09:00Z."
        raise ValueError(message) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
