"""look_again: note a further investigation where newer readings, or an inventory that answers, may tell more."""

from enum import StrEnum

from bot.domain.evidence import Conclusion
from bot.domain.records import Task, TaskKind
from bot.pipeline.investigate import FURTHER_LOOK, InvestigationOutcome
from bot.ports import Store

UNCERTAIN_S = 12.0
UNREAD_S = 3.0
MOST_LOOKS = 4
# Over a minute and a half: whoever is to decide has nothing to decide on until the inventory answers.
MOST_UNREAD_LOOKS = 8
_SURE = (Conclusion.CAUSE_FOUND, Conclusion.EXPECTED_LOAD)


class Looks(StrEnum):
    """Why there is a further look, or why not."""

    SETTLED = "settled"
    ENOUGH = "enough"
    UNCERTAIN = "uncertain"
    UNREAD = "unread"


def look_again(store: Store, task: Task, outcome: InvestigationOutcome, *, now: float) -> Looks:
    """Add a task that is due later, a bounded number of times; `now` in unix seconds.

    The wait grows with each look. Whoever did not answer is asked sooner than readings are taken anew: people wait for
    options then.
    """
    if outcome.conclusion is None or (outcome.conclusion in _SURE and not outcome.unread):
        return Looks.SETTLED
    number = look_of(task)
    if number >= (MOST_UNREAD_LOOKS if outcome.unread else MOST_LOOKS):
        return Looks.ENOUGH
    due_at = now + number * (UNREAD_S if outcome.unread else UNCERTAIN_S)
    store.transact(
        lambda tx: tx.add_task(
            TaskKind.INVESTIGATE, task.incident, f"{FURTHER_LOOK}{number + 1}", due_at=due_at
        )
    )
    return Looks.UNREAD if outcome.unread else Looks.UNCERTAIN


def look_of(task: Task) -> int:
    """The how many-th look this is, 1 for the first."""
    return int(task.reason.removeprefix(FURTHER_LOOK)) if task.reason.startswith(FURTHER_LOOK) else 1
