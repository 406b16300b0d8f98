"""Everything that a first card asks of the database, done once and undone, before anybody waits for it.

Making a statement costs several times as much as running it, and an incident's first message would pay for all of them.
Nothing is committed and nothing is sent.
"""

from bot.domain.event import EventType, NewEvent
from bot.domain.records import MessageKind
from bot.pipeline.taken_back import taken_back
from bot.ports import Store, Transaction

_NOBODY = "rehearsal"


def rehearse(store: Store, *, now: float) -> None:
    """Run what a post and an edit run; raises Retryable where the database is away."""

    def work(tx: Transaction) -> None:
        card = tx.want_message(_NOBODY, MessageKind.CARD, now=now)
        tx.want_message(_NOBODY, MessageKind.EVIDENCE, now=now)
        for message in tx.due_messages(now=now, limit=1):
            tx.waits_for_another(message, now=now)
        tx.message(_NOBODY, MessageKind.CARD)
        tx.posted_count(_NOBODY)
        tx.take_lease(_NOBODY, holder=_NOBODY, now=now, ttl_s=0.0)
        tx.set_place(_NOBODY, channel="", thread_ts="")
        tx.place_message(card, channel="", thread_ts="")
        tx.doubt_message(card)
        for _ in range(2):  # The first event of a chain is another statement than the next one.
            tx.append(_NOBODY, [NewEvent(EventType.NOTE_ADDED, {"by": "", "text": ""})], at_ms=0)
        tx.incident_row(_NOBODY)
        tx.events(_NOBODY)
        tx.sent_message(card, ts="1.1", revision=1, next_at=now, now=now)
        tx.delay_message(card, next_at=now, reason="")

    taken_back(store, lambda within: within.transact(work))
