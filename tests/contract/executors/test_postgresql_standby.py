"""A real primary with a real standby: who is who, how far behind, and what is refused while it is or is away.

A model asks for the failover all the same, and two people approved it while the primary was calm: nothing happens.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bot.adapters.executors.postgresql import PostgresqlExecutor
from bot.adapters.store.sql import SqlStore
from bot.domain.actions.database import LIMIT_ROLE_CONNECTIONS
from bot.domain.catalogue import planned_step
from bot.domain.errors import Refused
from bot.domain.evidence import Diagnosis
from bot.domain.incident import Incident
from bot.domain.live_db import live_db
from bot.domain.plan import ActionClass, Target
from bot.pipeline.execute.terms import Outcome
from bot.pipeline.propose import Proposed
from tests.contract.executors.postgres import CLIENT, DATABASE, EXECUTOR, READER, Database, database
from tests.postgres import standby_of
from tests.unit.domain.test_diagnosis import bad_deploy
from tests.unit.pipeline.execution_scene import Scene, declare
from tests.unit.pipeline.test_investigate import ID, opened, run
from tests.unit.pipeline.test_loaded_primary import (
    ASKED,
    CALM,
    INCIDENT,
    demanding,
    infrastructure,
    offers,
    plan,
    stage,
)

__all__ = ["opened"]
TARGET = Target("postgresql.role", CLIENT, DATABASE, "", "cart")
INSTANCE = {
    "DbiResourceId": CALM["uid"], "DBInstanceStatus": "available", "Engine": "postgres", "AllocatedStorage": 100,
    "DBInstanceClass": CALM["db_class"], "DBInstanceIdentifier": "cart", "AvailabilityZone": CALM["zone"],
    "MultiAZ": True, "SecondaryAvailabilityZone": CALM["standby_zone"],
}  # fmt: skip
Readings = Mapping[str, Mapping[str, str]]


def told(primary: Database) -> dict[str, str]:
    """The live fields of the instance as they follow from what the primary itself says."""
    said = primary.look(READER).state(DATABASE)
    return live_db(
        INSTANCE, lags_s=[], restarted_at=int(CALM["restarted_at"]), database=said, prices={"unit_price": "1"}
    )


def behind(primary: Database, standby: Database) -> Mapping[str, str]:
    """What the primary says when its standby takes everything and replays none of it."""
    until = time.monotonic() + 90
    primary.do("CREATE TABLE load (x int)")
    while standby.ask("SELECT to_regclass('load') IS NULL") == [(True,)] and time.monotonic() < until:
        time.sleep(0.1)
    standby.ask("SELECT 1 FROM (SELECT pg_wal_replay_pause()) AS paused")
    while True:
        primary.do("INSERT INTO load VALUES (1)")
        live = told(primary)
        if int(live.get("replication_lag_s", "0")) > 6 or time.monotonic() > until:
            return live
        time.sleep(0.3)


@pytest.fixture(scope="module")
def readings() -> Iterator[Readings]:
    """The life of a standby as the product reads it: both at rest, then behind, then gone."""
    with database() as primary:
        found: dict[str, Mapping[str, str]] = {}
        with standby_of(primary.server) as server:
            standby = Database(server)
            for name, one in (("primary", primary), ("standby", standby)):
                found[name] = PostgresqlExecutor(one.look(EXECUTOR)).read(TARGET)
            found["calm"] = told(primary)
            _changes_nothing(standby, found["standby"])
            found["behind"] = behind(primary, standby)
            found["standby behind"] = PostgresqlExecutor(standby.look(EXECUTOR)).read(TARGET)
        found["away"] = told(primary)
        found["primary alone"] = PostgresqlExecutor(primary.look(EXECUTOR)).read(TARGET)
        yield found


def _changes_nothing(standby: Database, live: Mapping[str, str]) -> None:
    """A standby refuses a change of a role: its executor does, and without that the server."""
    step = planned_step(LIMIT_ROLE_CONNECTIONS, "cap", replace(TARGET, uid=live["uid"]), live, {"limit": 5})
    with pytest.raises(Refused, match="a replica cannot change a role"):
        PostgresqlExecutor(standby.look(EXECUTOR)).call(step, token="p:cap:do")
    with contextlib.ExitStack() as stack:
        refused = stack.enter_context(pytest.raises(Refused))
        asked = stack.enter_context(standby.look(EXECUTOR).connected(DATABASE, writes=True))
        asked.execute("SELECT watchkeeper.limit_role_connections(%s, 5)", (CLIENT,))
    assert refused.value.rule == "replica"


def test_primary_and_standby_say_what_they_are(readings: Readings) -> None:
    primary, standby = readings["primary"], readings["standby"]
    assert (primary["database_role"], standby["database_role"]) == ("primary", "replica")
    assert primary["uid"] == standby["uid"]
    assert primary["replication_lag_s"] == standby["replication_lag_s"] == "0"


def test_a_lag_is_read_on_both_sides_and_unknown_while_the_standby_is_away(readings: Readings) -> None:
    assert int(readings["behind"]["replication_lag_s"]) > 6
    assert int(readings["standby behind"]["replication_lag_s"]) > 3
    assert "replication_lag_s" not in readings["away"]
    assert "replication_lag_s" not in readings["primary alone"]


def test_a_calm_pair_is_offered_to_two_people(readings: Readings) -> None:
    proposed = offers(readings["calm"], INCIDENT, infrastructure())
    destructive = [
        made.playbook for _letter, made in proposed.options if made.klass is ActionClass.DESTRUCTIVE
    ]
    assert destructive == ["fail-over-database", "restart-database"]


@pytest.mark.parametrize("state", ["behind", "away"])
def test_a_model_that_asks_for_it_gets_no_option(readings: Readings, opened: SqlStore, state: str) -> None:
    seen: list[Proposed] = []

    def offer(incident: Incident, found: Diagnosis) -> Proposed:
        seen.append(offers(readings[state], incident, found))
        return seen[-1]

    run(opened, bad_deploy(), propose=offer)
    diagnosis = opened.read(lambda tx: tx.incident(ID)).diagnosis  # type: ignore[union-attr]  # It was declared.
    assert diagnosis is not None
    run(opened, bad_deploy(), propose=offer, reasoner=demanding(diagnosis.evidence[0]))
    assert [proposed.options for proposed in seen] == [(), ()]
    right = offers(readings[state], INCIDENT, infrastructure())
    assert {"fail-over-database", "restart-database"} <= {name for name, _why in right.withheld}
    assert opened.read(lambda tx: len(tx.plans_of(ID))) == 0


@pytest.mark.parametrize(("state", "why"), [("behind", "s behind"), ("away", "cannot be read")])
def test_what_was_approved_while_calm_is_refused(
    readings: Readings, store: SqlStore, tmp_path: Path, state: str, why: str
) -> None:
    declare(store)
    for number, (action, params) in enumerate(ASKED):
        scene = Scene(store, tmp_path / str(number))
        result = scene.run(stage(scene, plan(action, params), readings[state]))
        assert result.outcome is Outcome.REFUSED
        assert why in result.reason
        assert not (scene.folder / "calls.jsonl").exists()
