"""A task that kept failing ends once, and its incident's card asks for a human."""

from bot.adapters.store.sql import SqlStore
from bot.blocks.cause import headline
from bot.domain.incident import Severity
from bot.domain.records import MessageKind
from bot.pipeline.declare import declare_by_hand
from bot.pipeline.give_up import GivenUp, give_up

NOW = 1_800_000_000.0


def test_the_card_asks_for_a_human(store: SqlStore) -> None:
    declared = store.transact(
        lambda tx: declare_by_hand(
            tx, incident="i", title="t", severity=Severity.SEV3, by="U1", now=NOW, observe_only=False
        )
    )
    task = store.transact(lambda tx: tx.claim_task(declared.task, now=NOW, lease_s=5.0))
    assert task is not None
    before = store.read(lambda tx: tx.message("i", MessageKind.CARD))
    outcomes = [store.transact(lambda tx: give_up(tx, task, NOW)) for _ in range(2)]
    assert outcomes == [GivenUp.SAID, GivenUp.NOT_OURS]
    incident, card = store.read(lambda tx: (tx.incident("i"), tx.message("i", MessageKind.CARD)))
    assert incident is not None
    assert headline(incident) == "cause not clear, a human must look"
    assert before is not None
    assert card is not None
    assert card.wanted == before.wanted + 1
    assert store.read(lambda tx: tx.due_tasks(now=NOW + 99)) == []
