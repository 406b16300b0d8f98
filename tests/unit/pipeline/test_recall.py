"""recall: closed incidents that read like the one at hand, by their post-mortems."""

from bot.adapters.store.sql import SqlStore
from bot.domain.correlation import sorted_out
from bot.domain.evidence import Conclusion, Diagnosis
from bot.domain.incident import IncidentState
from bot.pipeline.declare import declare
from bot.pipeline.recall import recall
from bot.ports import Transaction
from tests.unit.domain.incidents import OPENED
from tests.unit.domain.test_diagnosis import bad_deploy

PAST = {
    "past-1": "A deploy of cart raised its error ratio and api and front failed with it; it was rolled back.",
    "past-2": "The certificate of the mail relay expired and newsletters bounced for a day.",
}


def test_the_incident_that_reads_alike_is_found_and_others_are_not(store: SqlStore) -> None:
    found = bad_deploy().alerts

    def past(tx: Transaction) -> None:
        for name, text in PAST.items():
            declare(tx, sorted_out(found), incident=name, now=OPENED, observe_only=False)
            tx.save_postmortem(name, text, at=OPENED)
            tx.set_state(name, IncidentState.RESOLVED)
        declare(tx, sorted_out(found), incident="now", now=OPENED, observe_only=False)

    store.transact(past)
    told = Diagnosis(Conclusion.NOT_CONFIDENT, (), ())

    def near(tx: Transaction) -> list[str]:
        incident = tx.incident("now")
        assert incident is not None
        return [one.incident for one in recall(tx, incident, told)]

    assert "now" not in store.read(near)
    assert store.read(near)[0] == "past-1"


def test_without_a_past_there_is_nothing_to_recall(store: SqlStore) -> None:
    found = bad_deploy().alerts
    store.transact(lambda tx: declare(tx, sorted_out(found), incident="now", now=OPENED, observe_only=False))

    def near(tx: Transaction) -> int:
        incident = tx.incident("now")
        assert incident is not None
        return len(recall(tx, incident, Diagnosis(Conclusion.NOT_CONFIDENT, (), ())))

    assert store.read(near) == 0
