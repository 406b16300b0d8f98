"""The error family: each class says whether trying again helps and who must act.

Adapters translate foreign exceptions into these at their edge, cause chained. `bot.boundary` is the only reader.
"""


class WatchkeeperError(Exception):
    """Root of the family. The message is one sentence that says what happened and what to do."""


class Retryable(WatchkeeperError):
    """The same call may succeed later without anybody acting; `delay_s` is the least useful wait in seconds."""

    def __init__(self, message: str, *, delay_s: float = 1.0) -> None:
        super().__init__(message)
        self.delay_s = delay_s


class Permanent(WatchkeeperError):
    """Trying again changes nothing; an operator must change configuration, permission or input."""


class Refused(WatchkeeperError):
    """A rule said no. `rule` is the stable name of that rule, shown to the person and kept in the log."""

    def __init__(self, message: str, *, rule: str) -> None:
        super().__init__(message)
        self.rule = rule


class Undecided(WatchkeeperError):
    """A call may or may not have happened and reading back did not tell; a human must look."""


class Conflict(WatchkeeperError):
    """Somebody else moved first (lost compare-and-set, stale resource version); re-read and decide again."""
