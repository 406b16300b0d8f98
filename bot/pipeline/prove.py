"""prove: read from the recorded metrics whether the revision that a playbook goes back to was healthy. Judges nothing else."""

from collections.abc import Callable, Mapping

from bot.domain.binding import Found
from bot.domain.errors import WatchkeeperError
from bot.domain.known_good import Samples, caution, goes_back_to, window_of
from bot.domain.playbook import Playbook

History = Callable[[str, str, float, float], Samples]
"""(signal, service, start, end in unix seconds) -> recorded samples; may raise Retryable or Permanent."""


def prove(playbook: Playbook, found: Mapping[str, Found], history: History) -> tuple[str, ...]:
    """One caution per target whose earlier revision is not known to have been good; empty when all of them are."""
    cautions = []
    for name, targets in found.items():
        for target, live in targets:
            what = goes_back_to(playbook, name, live)
            if what:
                window = window_of(live)
                checks = {
                    check: _samples(history, check.signal, target.service, *window) if window else ()
                    for check in playbook.verify
                }
                cautions.append(caution(what, checks))
    return tuple(dict.fromkeys(one for one in cautions if one))


def nothing_recorded(_signal: str, _service: str, _start: float, _end: float) -> Samples:
    """The history of who has no metrics."""
    return ()


def _samples(history: History, signal: str, service: str, start: float, end: float) -> Samples:
    try:
        return history(signal, service, start, end)
    except WatchkeeperError:  # What cannot be read is no record, and the caution says so.
        return ()
