"""What one check found: a mark, one line, and the fix."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.errors import WatchkeeperError
from bot.settings import Settings


class Mark(StrEnum):
    """How a check ended; only FAILED makes the doctor's exit code 1."""

    GOOD = "good"
    FAILED = "failed"
    WARNING = "warning"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor. `fix` says what to do, and is empty where nothing is to be done."""

    check: str
    mark: Mark
    text: str
    fix: str = ""


Check = Callable[[Settings], Iterator[Finding]]


def good(check: str, text: str) -> Finding:
    """It holds."""
    return Finding(check, Mark.GOOD, text)


def failed(check: str, text: str, fix: str) -> Finding:
    """It is needed and does not hold."""
    return Finding(check, Mark.FAILED, text, fix)


def warning(check: str, text: str, fix: str) -> Finding:
    """It holds for now, or could not be seen."""
    return Finding(check, Mark.WARNING, text, fix)


def off(check: str, text: str, fix: str) -> Finding:
    """An optional part that is not configured; `fix` says how to switch it on."""
    return Finding(check, Mark.OFF, text, fix)


def judged(check: str, holds: bool, text: str, fix: str) -> Finding:
    """Good when it holds, failed with its fix when not."""
    return good(check, text) if holds else failed(check, text, fix)


def caught(check: str, error: WatchkeeperError, fix: str) -> Finding:
    """A check that ended in an error of ours."""
    return failed(check, str(error), fix)
