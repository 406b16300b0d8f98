"""The store's contract once more while one statement or commit in twenty is lost, and what holds when a commit's
answer is: work that names its key has its effect once, however often its caller comes again.
"""

import contextlib
import random
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text

from bot.adapters.store.sql import keys_of, open_store
from bot.domain.errors import Conflict, Permanent
from bot.domain.event import EventType, NewEvent, first_break
from bot.domain.incident import IncidentState, Severity
from bot.domain.plan import PlanState
from bot.domain.records import IncidentRow, MessageKind, TaskKind
from bot.ports import Transaction
from bot.settings import Settings
from tests.contract.store import test_orders, test_store
from tests.faults.faulty import Dice
from tests.faults.lossy_database import LossyStore
from tests.faults.second_run import once_more
from tests.unit.pipeline.execution_scene import plan_of, scale

# These look at the migrations and at the driver's pool, not at what a store promises.
_ELSEWHERE = (
    "test_migrations_give_exactly_the_schema",
    "test_the_numbered_files_are_alembics_own_chain",
    "test_when_every_connection_is_in_use_trying_again_may_help",
    "test_the_database_refuses_to_edit_history",
)
globals().update(once_more(test_store, without=_ELSEWHERE))
globals().update(once_more(test_orders))


@pytest.fixture
def opened(settings: Callable[..., Settings]) -> Iterator[LossyStore]:
    """Each test has faults of its own, the same ones each time; what failed has not happened."""
    with _lossy(settings(), after=False) as store:
        yield store


@pytest.fixture
def unsure(settings: Callable[..., Settings]) -> Iterator[LossyStore]:
    """As above, but every commit that fails has happened."""
    with _lossy(settings(), after=True) as store:
        yield store
        assert store.again > 10, "too few faults to say anything"


@contextlib.contextmanager
def _lossy(settings: Settings, *, after: bool) -> Iterator[LossyStore]:
    open_store(settings).close()
    dice = Dice(random.Random(5), 0.2 if after else 0.05)
    store = LossyStore(settings.database_url, keys_of(settings), dice, after=after)
    yield store
    store.close()


def count(store: LossyStore, table: str) -> int:
    with store.engine.connect() as connection:
        return int(connection.execute(text(f"SELECT COUNT(*) FROM {table}")).scalar_one())


def test_what_a_delivery_names_is_kept_once(unsure: LossyStore) -> None:
    """A caller that is not answered comes again; raw bodies that carry no name come twice, and are told apart later."""
    first, kept = 0, 0
    for number in range(40):
        first += unsure.transact(lambda tx, key=f"d{number}": tx.first_delivery("s", key, at=1.0))
        kept += unsure.transact(lambda tx, key=f"k{number}": tx.record_inbox(key, "click", {}, at=1.0))
    assert (count(unsure, "deliveries"), count(unsure, "inbox")) == (40, 40)
    assert first < 40
    assert kept < 40


def test_moves_are_made_once_and_a_second_try_says_so(unsure: LossyStore) -> None:
    made = 0
    for number in range(30):
        plan = plan_of([scale(f"s{number}")])
        with contextlib.suppress(
            Permanent
        ):  # What is already there cannot be added, which its caller is told.
            unsure.transact(lambda tx, plan=plan: tx.add_plan(plan))
        made += unsure.transact(
            lambda tx, plan=plan: tx.move_plan(plan.hash, to=PlanState.REJECTED, frm=(PlanState.PROPOSED,))
        )
        row = unsure.read(lambda tx, plan=plan: tx.plan(plan.hash))
        assert row is not None
        assert row.state is PlanState.REJECTED
    assert count(unsure, "plans") == 30
    assert made < 30


def test_a_claim_whose_answer_is_lost_is_nobodys_until_its_lease_ends(unsure: LossyStore) -> None:
    lost = 0
    for number in range(30):
        task = unsure.transact(
            lambda tx, name=f"i{number}": tx.add_task(TaskKind.REVIEW, name, "r", due_at=1.0)
        )
        first = unsure.transact(lambda tx, task=task: tx.claim_task(task, now=2.0, lease_s=5.0))
        assert unsure.transact(lambda tx, task=task: tx.claim_task(task, now=3.0, lease_s=5.0)) is None
        lost += first is None
        again = unsure.transact(lambda tx, task=task: tx.claim_task(task, now=99.0, lease_s=5.0))
        if first is not None:
            assert not unsure.transact(lambda tx, claim=first: tx.finish_task(claim)) or again is None
    assert lost


def test_wishes_for_one_message_stay_one_message(unsure: LossyStore) -> None:
    for _ in range(30):
        unsure.transact(lambda tx: tx.want_message("i", MessageKind.CARD, now=1.0))
    (message,) = unsure.read(lambda tx: tx.due_messages(now=2.0, limit=9))
    assert message.wanted >= 30
    unsure.transact(
        lambda tx: tx.sent_message(message.id, ts="1.1", revision=message.wanted, next_at=4.0, now=2.0)
    )
    assert unsure.read(lambda tx: tx.due_messages(now=9.0, limit=9)) == []


def test_an_incident_is_inserted_once_and_the_chain_stays_whole(unsure: LossyStore) -> None:
    for number in range(20):
        row = IncidentRow(
            f"i{number}", number, f"k{number}", IncidentState.INVESTIGATING, Severity.SEV2, "t", 1.0, 1.0, ("a",)
        )  # fmt: skip
        with contextlib.suppress(Conflict):
            unsure.transact(lambda tx, row=row: _declare(tx, row))
    assert count(unsure, "incidents") == 20
    for number in range(20):
        events, head = unsure.read(lambda tx, name=f"i{number}": (tx.events(name), tx.head(name)))
        assert [event.seq for event in events] == [1]
        assert first_break(b"a" * 32, ((e.seq, e.record, e.mac) for e in events), head) is None


def _declare(tx: Transaction, row: IncidentRow) -> None:
    tx.insert_incident(row)
    tx.append(row.id, [NewEvent(EventType.NOTE_ADDED, {"by": "somebody", "text": "x"})], at_ms=1)
