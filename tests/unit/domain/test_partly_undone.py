"""A plan with a step that leaves nothing to restore: its undo puts back the rest, and says so by its steps."""

from pathlib import Path

import pytest

from bot.adapters.playbooks.yaml_files import read_folder
from bot.domain.binding import bind
from bot.domain.errors import Permanent, Refused
from bot.domain.plan import Plan, Target
from bot.domain.records import StepRow, StepState
from bot.domain.undo import undo_plan
from tests.unit.domain.sound import SOUND
from tests.unit.pipeline.execution_scene import START

PLAYBOOKS = {one.id: one for one in read_folder(Path(__file__).parents[3] / "playbooks")[0]}


def cascade() -> Plan:
    role = Target("postgresql.role", "cart_app", "orders-db", "u-1", "cart")
    found = {"target": [(role, {**SOUND["postgresql.role"], "connection_limit": "70"})]}
    bound = bind(PLAYBOOKS["cap-database-client"], found, now=START)
    return Plan(
        tenant="main",
        incident="i",
        option="A",
        playbook="cap-database-client",
        playbook_digest="d" * 64,
        title="t",
        klass=bound.klass,
        steps=bound.steps,
        checks=(),
        blast_radius=bound.blast_radius,
        created_ms=0,
        expires_ms=900_000,
        nonce="n",
        on_failure="stop",
    )


def done(plan: Plan, step: str) -> StepRow:
    return StepRow(plan.hash, step, "do", StepState.DONE, "t", {}, "", 0)


def test_the_cap_is_undone_and_the_ended_queries_are_not() -> None:
    plan = cascade()
    assert [step.action for step in plan.steps] == [
        "postgresql/limit-role-connections",
        "postgresql/terminate-query-class",
    ]
    assert (plan.reversible, plan.undoable) == (False, True)
    reverse = undo_plan(plan, [done(plan, "cap"), done(plan, "end")], now_ms=1, nonce="n")
    [step] = reverse.steps
    assert step.command == (
        "postgresql", "alter-role", "--database=orders-db", "--connection-limit=70", "--", "cart_app",
    )  # fmt: skip
    assert step.expect == {"uid": "u-1", "connection_limit": "20"}


def test_ended_queries_alone_leave_nothing_to_undo() -> None:
    plan = cascade()
    with pytest.raises(Permanent, match="nothing"):
        undo_plan(plan, [done(plan, "end")], now_ms=1, nonce="n")


def test_the_whole_cascade_caps_ends_and_adds_capacity_in_one_plan() -> None:
    role = Target("postgresql.role", "cart_app", "orders-db", "u-1", "cart")
    instance = Target("rds.instance", "orders-db", "eu-west-1", "u-2", "orders-db")
    found = {"target": [(role, SOUND["postgresql.role"])], "database": [(instance, SOUND["rds.instance"])]}
    bound = bind(PLAYBOOKS["db-cascade"], found, now=START)
    assert [(step.action, step.undo_params is None) for step in bound.steps] == [
        ("postgresql/limit-role-connections", False),
        ("postgresql/terminate-query-class", True),
        ("rds/add-read-replica", True),
    ]
    assert bound.blast_radius == {"roles": 1, "queries": 40, "databases": 1, "cents_per_hour": 24}
    loaded = {**SOUND["rds.instance"], "replication_lag_s": "400"}
    with pytest.raises(Refused, match="replication is 400 s behind"):
        bind(PLAYBOOKS["db-cascade"], {**found, "database": [(instance, loaded)]}, now=START)
