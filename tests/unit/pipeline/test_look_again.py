"""look_again: an unsure diagnosis and an inventory that did not answer are looked at again, a bounded number of times."""

import pytest

from bot.adapters.store.sql import SqlStore
from bot.domain.evidence import Conclusion
from bot.domain.records import Task, TaskKind
from bot.pipeline.investigate import Investigated, InvestigationOutcome
from bot.pipeline.look_again import MOST_LOOKS, MOST_UNREAD_LOOKS, Looks, look_again
from tests.gate_stage import START, stage


def looked(
    store: SqlStore, reason: str, conclusion: Conclusion | None, *, unread: bool
) -> tuple[Looks, list[int]]:
    task = Task(1, TaskKind.INVESTIGATE, stage(store).incident, reason, 1, 1)
    outcome = InvestigationOutcome(Investigated.DONE, conclusion, "basket", 0.9, 0, "", unread)
    before = due_at(store, START + 60)
    why = look_again(store, task, outcome, now=START)
    return why, [within for within in range(60) if due_at(store, START + within) - before][:1]


def due_at(store: SqlStore, moment: float) -> set[int]:
    return set(store.read(lambda tx: list(tx.due_tasks(now=moment))))


@pytest.mark.parametrize(
    ("conclusion", "unread", "expected"),
    [
        (Conclusion.CAUSE_FOUND, False, (Looks.SETTLED, [])),
        (Conclusion.CAUSE_FOUND, True, (Looks.UNREAD, [3])),
        (Conclusion.NOT_CONFIDENT, False, (Looks.UNCERTAIN, [12])),
        (Conclusion.EXPECTED_LOAD, False, (Looks.SETTLED, [])),
        (None, False, (Looks.SETTLED, [])),
    ],
)
def test_who_is_looked_at_again_and_when(
    store: SqlStore, conclusion: Conclusion | None, unread: bool, expected: tuple[Looks, list[int]]
) -> None:
    assert looked(store, "opened", conclusion, unread=unread) == expected


def test_it_ends_and_waits_longer_each_time(store: SqlStore) -> None:
    assert looked(store, "look 3", Conclusion.CAUSE_FOUND, unread=True) == (Looks.UNREAD, [9])
    assert looked(store, f"look {MOST_LOOKS}", Conclusion.NOT_CONFIDENT, unread=False)[0] is Looks.ENOUGH
    assert looked(store, f"look {MOST_LOOKS}", Conclusion.CAUSE_FOUND, unread=True) == (Looks.UNREAD, [12])
    last = looked(store, f"look {MOST_UNREAD_LOOKS}", Conclusion.CAUSE_FOUND, unread=True)
    assert last == (Looks.ENOUGH, [])
