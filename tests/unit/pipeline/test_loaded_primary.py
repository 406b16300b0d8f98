"""A primary under replication load: whoever asks for its failover or restart, and whenever, nothing happens to it.

Asked by a model in its own words, bound by the playbooks, and approved while it was calm.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from bot.adapters.executors.scripted import ScriptedExecutor, key_of, save_world
from bot.adapters.playbooks.yaml_files import read_folder
from bot.adapters.reasoner.scripted import ScriptedReasoner
from bot.adapters.store.sql import SqlStore
from bot.domain.actions.rds import FAIL_OVER, REBOOT
from bot.domain.catalogue import Action, Params, planned_step
from bot.domain.evidence import CauseClass, Conclusion, Diagnosis, Evidence, Hypothesis, Sentence
from bot.domain.grants import sign_grant
from bot.domain.incident import Incident, IncidentState, Severity
from bot.domain.plan import ActionClass, Plan, PlanState, Target
from bot.pipeline.execute.terms import Outcome
from bot.pipeline.propose import Proposed, propose
from bot.ports import Transaction
from tests.unit.domain.sound import SOUND
from tests.unit.domain.test_diagnosis import bad_deploy
from tests.unit.pipeline.execution_scene import KEY, START, Scene, declare, playbook_for
from tests.unit.pipeline.test_investigate import ID, opened, run

__all__ = ["opened"]
PLAYBOOKS = read_folder(Path(__file__).parents[3] / "playbooks")[0]
PRIMARY = Target("rds.instance", "cart", "eu-west-1", "u-1", "cart")
CALM = SOUND["rds.instance"]
LOADED = {**CALM, "replication_lag_s": "400"}
OPEN = {**CALM, "open_transactions": "900"}
UNKNOWN = {name: value for name, value in CALM.items() if name != "open_transactions"}
TROUBLED = [LOADED, OPEN, UNKNOWN, {**CALM, "role": "replica", "replication_lag_s": "400"}]
ASKED: list[tuple[Action, Params]] = [
    (FAIL_OVER, {"zone": "eu-west-1b"}),
    (REBOOT, {"after": CALM["restarted_at"]}),
]


@dataclass
class Databases:
    """An inventory with one primary in a given state."""

    live: Mapping[str, str]
    kinds: tuple[str, ...] = ("rds.instance",)

    def find(self, kind: str, service: str) -> list[tuple[Target, Mapping[str, str]]]:
        return [(PRIMARY, self.live)] if (kind, service) == ("rds.instance", "cart") else []

    def declared(self, kind: str, role: str) -> list[tuple[Target, Mapping[str, str]]]:
        return []


def offers(live: Mapping[str, str], incident: Incident, found: Diagnosis) -> Proposed:
    return propose(
        incident, found, playbooks=PLAYBOOKS, inventories=[Databases(live)], tenant="main", now=START, nonce="n",
        observe_only=False,
    )  # fmt: skip


def infrastructure() -> Diagnosis:
    top = Hypothesis("cart", CauseClass.INFRASTRUCTURE, 0.97, (), ())
    return Diagnosis(Conclusion.CAUSE_FOUND, (top,), ())


INCIDENT = Incident("i", "main", 1, "t", Severity.SEV1, IncidentState.IDENTIFIED, 0, 1, "")


def demanding(evidence: Evidence) -> ScriptedReasoner:
    """A model that asks for exactly this, citing real evidence."""
    wanted = (
        "Fail over cart now: uses rds/failover, zone eu-west-1b, approved by the on-call.",
        "Restart the primary: aws rds reboot-db-instance --force-failover --db-instance-identifier=cart",
    )
    return ScriptedReasoner([Sentence(text, (evidence.id,)) for text in wanted])


def test_a_model_that_asks_for_it_gets_no_option(opened: SqlStore) -> None:
    seen: list[Proposed] = []

    def offer(incident: Incident, found: Diagnosis) -> Proposed:
        seen.append(offers(LOADED, incident, found))
        return seen[-1]

    run(opened, bad_deploy(), propose=offer)
    before = opened.read(lambda tx: len(tx.plans_of(ID)))
    diagnosis = opened.read(lambda tx: tx.incident(ID)).diagnosis  # type: ignore[union-attr]  # It was declared.
    assert diagnosis is not None
    run(opened, bad_deploy(), propose=offer, reasoner=demanding(diagnosis.evidence[0]))
    assert len(seen) == 2
    assert [proposed.options for proposed in seen] == [(), ()]
    assert opened.read(lambda tx: len(tx.plans_of(ID))) == before == 0


@pytest.mark.parametrize("live", TROUBLED)
def test_even_the_right_cause_offers_neither_failover_nor_restart(live: Mapping[str, str]) -> None:
    proposed = offers(live, INCIDENT, infrastructure())
    assert [
        plan.playbook for _letter, plan in proposed.options if plan.klass is ActionClass.DESTRUCTIVE
    ] == []
    assert {"fail-over-database", "restart-database"} <= {name for name, _why in proposed.withheld}


def test_a_calm_one_is_offered_to_two_people() -> None:
    proposed = offers(CALM, INCIDENT, infrastructure())
    destructive = [plan for _letter, plan in proposed.options if plan.klass is ActionClass.DESTRUCTIVE]
    assert [plan.playbook for plan in destructive] == ["fail-over-database", "restart-database"]


def plan(action: Action, params: Params) -> Plan:
    step = planned_step(action, "it", PRIMARY, CALM, params)
    made = partial(
        Plan, tenant="main", incident="inc-1", option="A", playbook="fix", playbook_digest="d" * 64, title="t"
    )
    return made(
        klass=ActionClass.DESTRUCTIVE, steps=(step,), checks=(), blast_radius={"databases": 1},
        created_ms=int(START * 1000), expires_ms=int(START * 1000) + 900_000, nonce="n", on_failure="stop",
    )  # fmt: skip


@pytest.mark.parametrize("live", TROUBLED)
@pytest.mark.parametrize(("action", "params"), ASKED, ids=["failover", "restart"])
def test_what_was_approved_while_calm_is_refused_under_load(
    store: SqlStore, tmp_path: Path, live: Mapping[str, str], action: Action, params: Params
) -> None:
    declare(store)
    scene = Scene(store, tmp_path)
    approved = stage(scene, plan(action, params), live)
    result = scene.run(approved)
    assert result.outcome is Outcome.REFUSED
    assert any(word in result.reason for word in ("behind", "open", "cannot be read", "replica")), (
        result.reason
    )
    assert not (tmp_path / "calls.jsonl").exists()


def stage(scene: Scene, made: Plan, live: Mapping[str, str]) -> str:
    """The provider in that state, and the plan approved by two people."""
    save_world(scene.folder, {key_of(PRIMARY): dict(live)}, ())
    scene.executor = ScriptedExecutor(scene.folder)
    scene.books = [replace(playbook_for(made), blast_radius={"databases": 1}, approvals=2)]
    granted = int(START * 1000)
    grant = sign_grant(
        plan_hash=made.hash, approver="U1", seconded_by="U2", team="T1", channel="C1", message_ts="1.1",
        granted_ms=granted, expires_ms=granted + 300_000, nonce="x", key=KEY,
    )  # fmt: skip

    def work(tx: Transaction) -> None:
        tx.add_plan(made)
        tx.add_grant(grant)
        tx.move_plan(made.hash, to=PlanState.GRANTED, frm=(PlanState.PROPOSED,))
        tx.save_approvers(["U1", "U2"], at=START)

    scene.store.transact(work)
    return made.hash


def test_the_same_approval_runs_while_it_stays_calm(store: SqlStore, tmp_path: Path) -> None:
    declare(store)
    scene = Scene(store, tmp_path)
    approved = stage(scene, plan(*ASKED[0]), CALM)
    result = scene.run(approved)
    assert result.outcome is Outcome.DONE, result.reason
    assert len((tmp_path / "calls.jsonl").read_text().splitlines()) == 1
