"""The made-up storm that the correlator folds at its start leaves no row, and steps aside for real work."""

from bot.adapters.store.sql import SqlStore
from bot.domain.topology import Topology
from bot.pipeline.correlate import Correlation
from bot.wiring.parts import SystemClock, new_id
from bot.wiring.warm_correlator import warm_correlator
from tests.unit.wiring.test_warm import rows


class NotAsked:
    """A graph that nobody may ask: the made-up storm has its own."""

    def topology(self, *, now: float, fresh: bool = False) -> Topology:
        raise AssertionError


def parts(store: SqlStore) -> Correlation:
    return Correlation(store, {}, NotAsked(), SystemClock(), "warm", new_id, False)


def test_nothing_of_it_stays(store: SqlStore) -> None:
    before = rows(store)
    compiled = len(store.engine._compiled_cache or ())
    warm_correlator(parts(store))
    assert rows(store) == before
    assert not store.read(lambda tx: tx.open_incidents())
    assert len(store.engine._compiled_cache or ()) > compiled + 10, "it ran what a storm runs"


def test_payloads_that_wait_are_left_to_the_first_pass(store: SqlStore) -> None:
    store.transact(lambda tx: tx.add_raw("prod", "alertmanager", b"{}", received_at=1.0))
    compiled = len(store.engine._compiled_cache or ())
    warm_correlator(parts(store))
    [waiting] = store.read(lambda tx: tx.pending_raw(limit=9))
    assert (waiting.source, waiting.tries) == ("prod", 0)
    assert len(store.engine._compiled_cache or ()) <= compiled + 3
