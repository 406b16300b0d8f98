"""Did it work? The plan's checks, measured until all of them pass twice running or their time is over."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from bot.domain.event import EventType
from bot.domain.incident import CheckView
from bot.domain.plan import Check
from bot.pipeline.execute.journal import Run

# One good reading may be the gap between two bad ones, or a moment without traffic.
_READINGS = 2
# A reading that could not be had says nothing; after so many of them running, neither does what was read before.
_MOST_UNREAD = 2
# To undo what may have helped is worth less than to ask for so much longer, where nothing that was read was bad.
GRACE_S = 30.0
_MOST_NAMED = 3


@dataclass(slots=True)
class _Seen:
    """What the readings of one check were so far; `view` is the last that could be read, until it is too old."""

    view: CheckView
    good: int = 0
    unread: int = 0

    def add(self, view: CheckView) -> None:
        """One more reading."""
        if view.value is None:
            self.unread += 1
            if self.unread > _MOST_UNREAD:
                self.view, self.good = view, 0
            return
        self.view, self.unread = view, 0
        self.good = self.good + 1 if view.passed else 0


def verify(run: Run) -> str:
    """Measure until the plan's checks hold or time is over; in a sentence why they did not, empty where they did.

    The verdict is in the log before this returns.
    """
    checks = run.row.plan.checks
    deadline = run.now() + max(check.within_s for check in checks)
    seen = [_Seen(_view(check, None)) for check in checks]
    while True:
        for one, view in zip(seen, _measured(run, checks), strict=True):
            one.add(view)
        passed = all(one.good >= _READINGS for one in seen)
        if passed or run.now() + run.means.verify_interval_s > deadline + _grace_s(seen):
            break
        run.means.sleep(run.means.verify_interval_s)
    views = [one.view for one in seen]
    run.note(EventType.VERIFIED, verified=passed, checks=[asdict(view) for view in views])
    return "" if passed else _why(views)


def _grace_s(seen: Sequence[_Seen]) -> float:
    """Longer while what is missing is only readings; nothing where one is bad, or none was ever had."""
    bad = any(one.view.value is not None and not one.view.passed for one in seen)
    return 0.0 if bad or all(one.view.value is None for one in seen) else GRACE_S


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
        views.append(_view(check, run.means.measure(check.signal, check.service, run.now())))
    return views


def _view(check: Check, value: float | None) -> CheckView:
    bound = check.below_milli / 1000
    return CheckView(
        signal=check.signal,
        service=check.service,
        value=value,
        bound=bound,
        passed=value is not None and value < bound,
    )
