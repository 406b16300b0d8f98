"""Log lines as a source counts them: how often a service wrote lines of each pattern in every step of time.

What is in the lines is public (anybody may have written it); how many there were is all that is judged from here.
"""

from dataclasses import dataclass

from bot.domain.trust import Trust


@dataclass(frozen=True, slots=True)
class LogPattern:
    """Lines of one pattern of one service; each count covers the step that ends at its time. `example` is a line."""

    service: str
    text: str
    times: tuple[float, ...]
    lines: tuple[float, ...]
    example: str = ""
    trust: Trust = Trust.PUBLIC


@dataclass(frozen=True, slots=True)
class LogPatterns:
    """Everything that one source counted; `step_s` is the length of its steps in seconds."""

    step_s: float
    patterns: tuple[LogPattern, ...]
