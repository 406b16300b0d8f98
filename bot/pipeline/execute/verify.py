"""Did it work? The plan's checks, measured until all of them pass twice running or their time is over."""

from collections.abc import Sequence
from dataclasses import asdict

from bot.domain.event import EventType
from bot.domain.incident import CheckView
from bot.domain.plan import Check
from bot.pipeline.execute.journal import Run

# One good reading may be the gap between two bad ones, or a moment without traffic.
_READINGS = 2


def verify(run: Run) -> bool:
    """Measure until the plan's checks hold or time is over; the verdict is in the log before this returns."""
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
    return passed


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
