"""give up: work that kept failing is ended, and the card says that a human must look."""

from enum import StrEnum

from bot.domain.event import EventType, NewEvent
from bot.domain.evidence import Conclusion, Diagnosis
from bot.domain.evidence_json import ranking_body
from bot.domain.records import MessageKind, Task, TaskKind
from bot.ports import Transaction

ENGINE = "none: the investigation kept failing"


class GivenUp(StrEnum):
    """What giving up came to."""

    SAID = "said"
    NOTHING_TO_SAY = "nothing_to_say"
    NOT_OURS = "not_ours"


def give_up(tx: Transaction, task: Task, now: float) -> GivenUp:
    """End the task; `now` in unix seconds. An investigation that never ended well asks for a human."""
    if not tx.finish_task(task):
        return GivenUp.NOT_OURS
    if task.kind is not TaskKind.INVESTIGATE or tx.incident(task.incident) is None:
        return GivenUp.NOTHING_TO_SAY
    nothing = Diagnosis(Conclusion.NOT_CONFIDENT, (), (), engine=ENGINE)
    tx.append(
        task.incident, [NewEvent(EventType.HYPOTHESES_RANKED, ranking_body(nothing))], at_ms=round(now * 1000)
    )
    tx.want_message(task.incident, MessageKind.CARD, now=now)
    return GivenUp.SAID
