"""Whether what a playbook would go back to is known to be good: its own checks, over a recorded window of its life.

Where the record has a gap this says so, so that a person looks before approving, and no standing order fires.
"""

from collections.abc import Mapping, Sequence

from bot.domain.catalogue import Live
from bot.domain.playbook import Playbook, VerifyCheck

WINDOW_S = 600.0
"""How long the earlier state must have been live, and the recorded window in seconds before it was replaced."""
_COVERED = 0.8
_PASSING = 0.95
_LEAST_SAMPLES = 5
_REVISIONS = ("previous_revision", "previous_version")

Samples = Sequence[tuple[float, float]]
"""(unix seconds, value in the signal's own unit), ascending."""


def goes_back_to(playbook: Playbook, name: str, live: Live) -> str:
    """The earlier revision or version that the playbook binds from target input `name`; empty where it goes to none."""
    bound = {item.source for item in playbook.inputs}
    for field in _REVISIONS:
        if f"{name}.{field}" in bound and field in live:
            return f"{field.removeprefix('previous_')} {live[field]}"
    return ""


def window_of(live: Live) -> tuple[float, float] | None:
    """The last ten minutes of the earlier state's life in unix seconds, None where no record says when that was."""
    until = live.get("previous_until") or live.get("deployed_at") or "0"
    ran_s = float(live.get("previous_ran_s", "0"))
    return (float(until) - WINDOW_S, float(until)) if float(until) > 0 and ran_s >= WINDOW_S else None


def caution(what: str, checks: Mapping[VerifyCheck, Samples]) -> str:
    """What people must know before they go back to `what`; empty where every check passed on the record."""
    if not checks or not all(_recorded(samples) for samples in checks.values()):
        return f"no health record of {what}: look before you approve"
    for check, samples in checks.items():
        bound = check.below_milli / 1000
        below = sum(value < bound for _at, value in samples)
        if below < _PASSING * len(samples):
            words = check.signal.replace("_", " ")
            return f"{what} had trouble itself ({words} not below {bound:g} before it was replaced): look before you approve"
    return ""


def _recorded(samples: Samples) -> bool:
    return len(samples) >= _LEAST_SAMPLES and samples[-1][0] - samples[0][0] >= _COVERED * WINDOW_S
