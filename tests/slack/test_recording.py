"""What people do at the same time shares commits: nobody's trouble is another's, and a replay finds its twin there."""

import asyncio
import threading

from bot.adapters.store.sql import SqlStore
from bot.slack.recording import DELIVERING, Delivery, Recorder
from tests.slack.clock import HandClock


async def test_many_share_a_commit_and_one_that_cannot_be_kept_spoils_nobodys(store: SqlStore) -> None:
    recorder = Recorder(store, HandClock(), lambda: None)
    held, free = threading.Event(), threading.Event()

    def hold(_tx: object) -> None:
        held.set()
        free.wait(10)

    holding = asyncio.get_running_loop().run_in_executor(None, store.transact, hold)
    await asyncio.to_thread(held.wait, 10)
    acts = [recorder.record(f"click:{at}", "click", {"user": "U1"}) for at in range(20)]
    acts += [recorder.record("click:x", "click", {"user": object()})]
    acts += [recorder.record("click:0", "click", {"user": "U1"})]
    waiting = [asyncio.ensure_future(act) for act in acts]
    await asyncio.sleep(0.05)
    free.set()
    said = await asyncio.gather(*waiting, return_exceptions=True)
    await holding
    assert said[:20] == [True] * 20
    assert isinstance(said[20], TypeError)
    assert said[21] is False
    assert len(store.read(lambda tx: tx.pending_inbox(limit=50))) == 20
    recorder.close()


async def test_a_signature_is_taken_once_even_within_one_commit(store: SqlStore) -> None:
    recorder = Recorder(store, HandClock(), lambda: None)

    async def take(at: int) -> tuple[bool, bool]:
        delivery = Delivery("v0=" + "a" * 64)
        DELIVERING.set(delivery)
        kept = await recorder.record(f"click:{at}", "click", {"user": "U1"})
        again = await recorder.record(f"more:{at}", "click", {"user": "U1"})
        assert kept == again == (not delivery.replayed)
        return kept, delivery.replayed

    said = await asyncio.gather(*(asyncio.create_task(take(at)) for at in range(8)))
    assert sorted(said) == [(False, True)] * 7 + [(True, False)]
    assert len(store.read(lambda tx: tx.pending_inbox(limit=50))) == 2
    recorder.close()
