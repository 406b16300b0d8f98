"""What forbids changes: a switch, until somebody lifts it, and a freeze window, which ends by itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.domain.scope import scope_words

LONGEST_S = 31 * 86_400.0
MOST_REASON_CHARS = 200


@dataclass(frozen=True, slots=True)
class Switch:
    """A switch that is on: its scope, who turned it and when, in unix seconds."""

    scope: str
    by: str
    at: float


@dataclass(frozen=True, slots=True)
class FreezeWindow:
    """Scope as switches name it, from `starts_at` up to but not including `ends_at`, in unix seconds."""

    id: str
    scope: str
    starts_at: float
    ends_at: float
    reason: str = ""
    by: str = ""

    def covers(self, scopes: Sequence[str], at: float) -> bool:
        """Whether one of `scopes` is frozen by this window at that moment."""
        return self.scope in scopes and self.starts_at <= at < self.ends_at

    def words(self) -> str:
        """Scope, end and reason in one clause; the reason is somebody's text, which renderers escape."""
        end = datetime.fromtimestamp(self.ends_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
        because = f": {self.reason}" if self.reason else ""
        return f"{scope_words(self.scope)} until {end}{because}"
