"""From words to a freeze: what is frozen, for how long, and why. No time at all means until somebody lifts it."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.domain.event_words import time_range
from bot.domain.freeze import LONGEST_S, MOST_REASON_CHARS

TENANT = "tenant"
USAGE = (
    "Write it like this: freeze 2h, freeze service checkout 22:00-06:00 migration, "
    "freeze 2026-12-24T18:00Z 2026-12-27T06:00Z holidays."
)
_SPAN = re.compile(r"(\d{1,4})(m|h|d)", re.IGNORECASE)
_UNITS = {"m": 60.0, "h": 3600.0, "d": 86_400.0}
_CLOCKS = re.compile(r"\d{1,2}:\d{2}[-–]\d{1,2}:\d{2}")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}.*")
_KINDS = ("service", "action")


@dataclass(frozen=True, slots=True)
class FreezeWords:
    """A scope as switches name it, a window in unix seconds or None for a switch, and the reason as typed."""

    scope: str
    window: tuple[float, float] | None
    reason: str


def freeze_from(text: str, *, now: float, number: int = 0) -> FreezeWords:
    """Read `[service NAME | action ID] [2h | RANGE] [reason]`; `number` names an incident. ValueError says what is wrong."""
    words = text.split()
    scope = f"incident:{number}" if number else TENANT
    if len(words) >= 2 and words[0].lower() in _KINDS:
        scope, words = f"{words[0].lower()}:{words[1][:100]}", words[2:]
    window, words = _window(words, now)
    return FreezeWords(scope, window, " ".join(words)[:MOST_REASON_CHARS])


def window_of(*, lasts: str, starts: str, ends: str, now: float) -> tuple[float, float] | None:
    """The window of a form or of the command line's options; None where none of them is given."""
    if lasts and (starts or ends):
        message = "give either how long it lasts, or its start and end"
        raise ValueError(message)
    if lasts:
        return _checked(now, now + _seconds(lasts))
    if not starts and not ends:
        return None
    return _checked(*time_range(f"{starts or _iso(now)} {ends}", now))


def _window(words: list[str], now: float) -> tuple[tuple[float, float] | None, list[str]]:
    if words and _SPAN.fullmatch(words[0]):
        return _checked(now, now + _seconds(words[0])), words[1:]
    if words and _CLOCKS.fullmatch(words[0]):
        return _checked(*time_range(words[0], now)), words[1:]
    if words and _ISO.fullmatch(words[0]):
        if len(words) < 2:
            raise ValueError(USAGE)
        return _checked(*time_range(" ".join(words[:2]), now)), words[2:]
    return None, words


def _seconds(text: str) -> float:
    found = _SPAN.fullmatch(text.strip())
    if found is None or int(found.group(1)) == 0:
        message = f"{text[:20]!r} is no length of time; write 30m, 2h or 3d."
        raise ValueError(message)
    return int(found.group(1)) * _UNITS[found.group(2).lower()]


def _checked(starts_at: float, ends_at: float) -> tuple[float, float]:
    if ends_at - starts_at > LONGEST_S:
        message = "A freeze lasts at most 31 days."
        raise ValueError(message)
    return starts_at, ends_at


def _iso(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat()
