"""Did it work? The plan's checks, measured until all of them pass twice running or their time is over."""

from collections.abc import Sequence
from dataclasses import asdict

from bot.domain.event import EventType
from bot.domain.incident import CheckView
from bot.domain.plan import Check
from bot.pipeline.execute.journal import Run

# One good reading may be the gap between two bad ones, or a moment without traffic.
_READINGS = 2
_MOST_NAMED = 3


def verify(run: Run) -> str:
    """Measure until the plan's checks hold or time is over; in a sentence why they did not, empty where they did.

    The verdict is in the log before this returns.
    """
    checks = run.row.plan.checks
    deadline = run.now() + max(check.within_s for check in checks)
    good = 0
    while True:
        views = _measured(run, checks)
        good = good + 1 if all(view.passed for view in views) else 0
        late = run.now() + run.means.verify_interval_s > deadline
        if good >= _READINGS or late:
            break
        run.means.sleep(run.means.verify_interval_s)
    passed = good >= _READINGS
    run.note(EventType.VERIFIED, verified=passed, checks=[asdict(view) for view in views])
    return "" if passed else _why(views)


def _why(views: Sequence[CheckView]) -> str:
    """What could not be read is said apart: people must not look for trouble that nobody measured."""
    unread = [f"{view.signal.replace('_', ' ')} of {view.service}" for view in views if view.value is None]
    if not unread:
        return "The checks did not pass."
    shown = ", ".join(unread[:_MOST_NAMED]) + (" and others" if len(unread) > _MOST_NAMED else "")
    return f"The checks could not be read ({shown}), so that nothing shows that it helped."


def _measured(run: Run, checks: Sequence[Check]) -> list[CheckView]:
    views = []
    for check in checks:
        # Each reading may take seconds, and together they must not cost the lease.
        run.renew()
        value = run.means.measure(check.signal, check.service, run.now())
        bound = check.below_milli / 1000
        views.append(
            CheckView(
                signal=check.signal,
                service=check.service,
                value=value,
                bound=bound,
                passed=value is not None and value < bound,
            )
        )
    return views
