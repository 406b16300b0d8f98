"""A managed database from its source to the log: the rule that spoke, the class, and what the card would say."""

from bot.adapters.reasoner.none import NoReasoner
from bot.adapters.store.sql import SqlStore
from bot.blocks import cause
from bot.domain.correlation import sorted_out
from bot.domain.databases import DatabaseMetric
from bot.domain.event import EventType
from bot.domain.records import StoredAlert, Task, TaskKind
from bot.domain.telemetry import Readings
from bot.pipeline.declare import declare
from bot.pipeline.investigate import investigate
from bot.ports import Transaction
from tests.unit.domain.test_managed_database import COUNT, READS, START, STEP, alert, database, step
from tests.unit.pipeline.test_investigate import At, Told, nothing

ID = "incident-1"


def test_the_log_holds_rule_class_and_calibration(store: SqlStore) -> None:
    end = START + STEP * COUNT

    def opened(tx: Transaction) -> None:
        declare(tx, sorted_out([alert()]), incident=ID, now=end, observe_only=False)
        tx.save_alerts([StoredAlert(alert(), ID, "first", 1, 1)])

    store.transact(opened)
    told = Readings(
        databases=(database(cpu=step(20, 96), statements=[READS], without=[DatabaseMetric.SWAP]),)
    )
    outcome = investigate(
        Task(1, TaskKind.INVESTIGATE, ID, "declared", 1, 1),
        store=store,
        sources=[Told(told)],
        topology=None,
        clock=At(end),
        reasoner=NoReasoner(),
        propose=nothing,
    )
    assert (outcome.suspect, outcome.conclusion) == ("main-db", "cause_found")
    events = store.read(lambda tx: tx.events(ID))
    [ranked] = [event.body for event in events if event.type is EventType.HYPOTHESES_RANKED]
    assert ranked["hypotheses"][0]["rules"] == ["db.cpu_full/1"]
    assert ranked["hypotheses"][0]["grounds"][0]["name"] == "rule db.cpu_full/1"
    assert ranked["classification"]["cause"] == "database_load"
    assert ranked["calibration"]
    incident = store.read(lambda tx: tx.incident(ID))
    assert incident is not None
    assert cause.lines(incident)[0].startswith("*`main-db` — database load*")
