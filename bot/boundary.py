"""guarded(unit): the only broad except, at the edge of each unit of work (job, sweep, outbox pass, listener)."""

from collections.abc import Callable
from typing import TypeVar

import structlog

from bot.domain.errors import Permanent, Retryable, WatchkeeperError

T = TypeVar("T")

_log = structlog.get_logger()


def guarded(name: str, unit: Callable[[], T]) -> T | None:
    """Run `unit`; whatever goes wrong is logged with its kind and does not end the process. None means failed."""
    try:
        return unit()
    except Retryable as error:
        _log.warning("unit_will_be_retried", unit=name, reason=str(error), delay_s=error.delay_s)
    except Permanent as error:
        _log.error("unit_needs_an_operator", unit=name, reason=str(error))
    except WatchkeeperError as error:
        _log.warning("unit_was_refused", unit=name, kind=type(error).__name__, reason=str(error))
    except Exception:
        _log.exception("unit_failed", unit=name)
    return None
