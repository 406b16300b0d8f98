"""Promise 8, with everything real: the whole executor process is killed with SIGKILL while it works with kubectl.

The process group goes at once, the kubectl in it too. Some kills hit between a change and its answer, some answers
are lost without a kill. The simulated cluster's own record says what was done how often; test_08_crash.py kills the
executor's loop many times more, on a scripted provider.
"""

import contextlib
import os
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.adapters.playbooks import yaml_files
from bot.adapters.store.sql import SqlStore, open_store
from bot.domain.actions.kubernetes import ROLLOUT_UNDO, SCALE
from bot.domain.catalogue import planned_step
from bot.domain.errors import WatchkeeperError
from bot.domain.plan import Check, Plan, PlannedStep, PlanState, Target
from bot.domain.playbook import Playbook
from bot.domain.records import PlanRow, StepRow, StepState
from bot.local.cluster.identity import CONTEXT, NAMESPACE
from bot.pipeline.execute import step as step_module
from bot.settings import Settings
from bot.wiring import executor
from tests.contract.kube.cluster import binary
from tests.promises.conftest import Tally
from tests.promises.nursery import Nursery
from tests.promises.one_cluster import OneCluster
from tests.unit.pipeline.execution_scene import approve, declare, plan_of

_FULL, _LEAST = 60, 2
_LONGEST_S = 0.7  # A plan that nobody interrupts takes four times as long.
_AIMED_EVERY = 6  # Each sixth kill waits for a change that is not answered yet, the others for nothing.
_MOST_CLAIMS = (
    9  # A plan that was claimed eleven times is parked for that alone, which is not what is tried here.
)
_GOING = {PlanState.GRANTED, PlanState.RUNNING}
_PLAYBOOK = """
id: three-deployments
version: 1
name: Scale one deployment, roll the next back, scale a third
match:
  causes: [capacity]
inputs:
  target: {type: k8s.deployment, from: incident.suspect}
  second: {type: k8s.deployment, from: declared.second}
  third: {type: k8s.deployment, from: declared.third}
  revision: {type: integer, from: second.previous_revision, min: 1, max: 1000}
  template: {type: name, from: second.previous_template_hash}
  more: {type: integer, from: target.replicas, percent: 150, min: 1, max: 60}
  less: {type: integer, from: third.replicas, percent: 50, min: 1, max: 60}
policy:
  tier: supervised
  approvals: {min: 1, expires: 15m}
  blast-radius: {deployments: 3, pods: 30, cents_per_hour: 100}
steps:
  - {id: more, name: Scale out, uses: kubectl/scale, with: {replicas: "${{ inputs.more }}"}}
  - id: back
    name: Roll back
    uses: kubectl/rollout-undo
    "on": second
    with: {to_revision: "${{ inputs.revision }}", to_template: "${{ inputs.template }}"}
  - {id: less, name: Scale in, uses: kubectl/scale, "on": third, with: {replicas: "${{ inputs.less }}"}}
verify:
  - {signal: error_ratio, of: affected, below: 0.02, within: 1m}
on-failure: rollback
"""


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """What most tools do: a step without an outcome is run again, nothing is read back."""

    def naive(self: step_module._Attempt, _row: StepRow) -> step_module.StepOutcome:
        with contextlib.suppress(WatchkeeperError):
            self._call()
        return self._end(StepState.DONE, "run again")

    monkeypatch.setattr(step_module._Attempt, "recover", naive)


@dataclass
class Ledger:
    """What one part of the run did; printed, so that every figure that is published can be read from a run."""

    kills: int = 0
    unanswered: int = 0
    lost_replies: int = 0
    recovered: int = 0
    changes: int = 0
    ends: Counter[str] = field(default_factory=Counter)


@dataclass
class Bed:
    """Cluster, database, playbook, and the nursery of executor processes."""

    cluster: OneCluster
    store: SqlStore
    playbook: Playbook
    nursery: Nursery
    database: Path
    log: Path
    dice: random.Random

    def end_leases(self) -> None:
        """In place of the 15 s of waiting; what a lease is that long for has been waited for."""
        self.cluster.settle()
        with contextlib.closing(sqlite3.connect(self.database, timeout=10)) as connection, connection:
            connection.execute("UPDATE plans SET lease_until = 0 WHERE state = 'running'")


@pytest.fixture
def bed(tmp_path: Path, settings: Callable[..., Settings], planted: bool) -> Iterator[Bed]:
    dice = random.Random(random.randrange(10**6))
    cluster = OneCluster(tmp_path / "cluster", dice)
    playbooks = tmp_path / "playbooks"
    playbooks.mkdir()
    (playbooks / "three-deployments.yaml").write_text(_PLAYBOOK)
    chosen = settings(
        mode="supervised",
        playbooks_dir=str(playbooks),
        kubectl=binary(),
        kube_executor_config=str(cluster.kubeconfig),
        kube_context=CONTEXT,
        kube_namespace=NAMESPACE,
        prometheus_url=f"http://127.0.0.1:{cluster.metrics_port}",
        verify_interval_s="0.1",
        max_runs_per_action="1000000",
        max_runs_per_service="1000000",
        max_replica_percent="100",
    )
    # What these load, no child has to.
    assert set(executor.executors(chosen)) == {"forensics", "kubectl"}
    log = tmp_path / "executor.log"
    store = open_store(chosen)
    assert isinstance(store, SqlStore)
    (playbook,) = yaml_files.build(chosen).all()
    nursery = Nursery(lambda: executor.run(chosen), log)
    try:
        with cluster.running():
            yield Bed(cluster, store, playbook, nursery, tmp_path / "watchkeeper.sqlite3", log, dice)
    finally:
        nursery.close()
        store.close()


@pytest.mark.timeout(300)
def test_kills_of_the_whole_process(bed: Bed, promise: Callable[[int], Tally]) -> None:
    tally, ledger = promise(8), Ledger()
    wanted = tally.size(_FULL, least=_LEAST)
    began, number = time.monotonic(), 0
    while ledger.kills < wanted:
        number += 1
        plan = approved(bed, number)
        kill_until_over(bed, plan, tally, ledger, wanted)
        judge(bed, plan, tally, ledger)
    ledger.changes, ledger.lost_replies = bed.cluster.changes().total(), bed.cluster.road.lost
    assert "Traceback" not in bed.log.read_text(), bed.log.read_text()[-3000:]
    print(f"the whole process with kubectl, {time.monotonic() - began:.0f} s: {ledger}")


def approved(bed: Bed, number: int) -> Plan:
    """An approved plan of three steps, each on a Deployment of its own.

    Where the fix does not help, one reading says so, and every step has to be undone over more kills.
    """
    now, incident, service = time.time(), f"inc-{number}", f"shop-{number}"
    heals = bed.dice.random() < 0.7
    bed.cluster.services.add(service)
    if not heals:
        bed.cluster.ill.add(service)
    declare(bed.store, at=now, incident=incident, number=number)
    plan = plan_of(
        [bound_step(bed, step_id, number) for step_id in ("more", "back", "less")],
        now=now,
        checks=[Check("error_ratio", service, 20, 30 if heals else 0)],
        incident=incident,
        playbook=bed.playbook.id,
        playbook_digest=bed.playbook.digest,
    )
    approve(bed.store, plan, at=now, key=b"g" * 32)
    return plan


def bound_step(bed: Bed, step_id: str, number: int) -> PlannedStep:
    """The playbook's step on a fresh Deployment."""
    name = f"{step_id}-{number}"
    live = bed.cluster.add(name, 2)
    target = Target("k8s.deployment", name, NAMESPACE, live["uid"], name)
    if step_id != "back":
        return planned_step(SCALE, step_id, target, live, {"replicas": 3 if step_id == "more" else 1})
    wanted: dict[str, str | int] = {"to_revision": 1, "to_template": live["previous_template_hash"]}
    return planned_step(ROLLOUT_UNDO, step_id, target, live, wanted)


def row_of(bed: Bed, plan: Plan) -> PlanRow:
    """What the database says about the plan; its epoch counts the claims."""
    row = bed.store.read(lambda tx: tx.plan(plan.hash))
    assert row is not None
    return row


def state_of(bed: Bed, plan: Plan) -> PlanState:
    """The plan's state, as the database says."""
    return row_of(bed, plan).state


def journal(bed: Bed, plan: Plan) -> list[StepRow]:
    """The plan's rows, one for each step and phase."""
    return list(bed.store.read(lambda tx: tx.steps(plan.hash)))


def entries(bed: Bed, plan: Plan) -> int:
    """How many steps have begun or ended; tells whether an executor got anywhere."""
    rows = journal(bed, plan)
    return len(rows) + sum(row.state is not StepState.INTENDED for row in rows)


def kill_until_over(bed: Bed, plan: Plan, tally: Tally, ledger: Ledger, wanted: int) -> None:
    """Start the executor, kill it, start the next one, until the plan has ended."""
    longest_s = _LONGEST_S
    while (row := row_of(bed, plan)).state in _GOING:
        before = entries(bed, plan)
        aimed = ledger.kills % _AIMED_EVERY == 0
        bed.cluster.road.held_s = (0.3,) if aimed else (0.0, 0.05)
        bed.cluster.road.lost_share = 0.0 if aimed else 0.25
        bed.nursery.start()
        if row.epoch >= _MOST_CLAIMS or ledger.kills >= wanted:
            wait_until_over(bed, plan)
        elif aimed:
            ledger.unanswered += unanswered(bed, plan)
        else:
            time.sleep(bed.dice.uniform(0.0, longest_s))
        status = bed.nursery.kill()
        if not os.WIFSIGNALED(status):
            tally.broken(f"the executor itself ended with {os.WEXITSTATUS(status)}")
            return
        if state_of(bed, plan) is PlanState.RUNNING:
            ledger.kills += 1
            tally.tried()
        bed.end_leases()
        # On a busy machine an executor that lives so short a time gets nowhere.
        longest_s = min(longest_s * 1.5, 5.0) if entries(bed, plan) == before else _LONGEST_S


def wait_until_over(bed: Bed, plan: Plan) -> None:
    """Let the executor bring its plan to the end."""
    end = time.monotonic() + 60
    while state_of(bed, plan) in _GOING:
        assert time.monotonic() < end, "the plan does not come to an end"
        time.sleep(0.05)


def unanswered(bed: Bed, plan: Plan) -> bool:
    """Wait until a change has taken effect, and then a little, while its answer is held back; False if none comes."""
    before, end = bed.cluster.changes(), time.monotonic() + 20
    while bed.cluster.changes() == before:
        if time.monotonic() > end or state_of(bed, plan) not in _GOING:
            return False
        time.sleep(0.02)
    time.sleep(bed.dice.uniform(0.0, 0.1))
    return True


def judge(bed: Bed, plan: Plan, tally: Tally, ledger: Ledger) -> None:
    """The cluster's record against the plan and its journal: nothing twice, nothing missing, nothing unsaid."""
    state, rows, changes = state_of(bed, plan), journal(bed, plan), bed.cluster.changes()
    ledger.ends[state.value] += 1
    ledger.recovered += sum("read back" in row.detail for row in rows)
    right = PlanState.FAILED if plan.checks[0].service in bed.cluster.ill else PlanState.DONE
    if state not in (PlanState.PARKED, right):
        tally.broken(f"a plan that should end {right} ended {state}: {rows}")
    for row in rows:
        if row.state is StepState.INTENDED:
            tally.broken(f"{row.step}:{row.phase} has no outcome, and the plan is {state}")
    for step in plan.steps:
        said = [row.state for row in rows if row.step == step.id]
        done, name = said.count(StepState.DONE), step.target.name
        if not done <= changes[name] <= done + said.count(StepState.PARKED):
            tally.broken(f"{name} was changed {changes[name]} times, its journal says {said}")
        live, wanted = bed.cluster.live(name), reached(step, undone=state is PlanState.FAILED)
        missed = {field: live[field] for field, value in wanted.items() if live[field] != value}
        if state is not PlanState.PARKED and (missed or done != 1 + (state is PlanState.FAILED)):
            tally.broken(f"the plan says {state}, {name} has {missed} and its journal says {said}")


def reached(step: PlannedStep, *, undone: bool) -> dict[str, str]:
    """The fields that tell whether the step, or its undo, took effect."""
    if step.action == SCALE.id:
        return {"replicas": step.expect["replicas"] if undone else str(step.params["replicas"])}
    return {"template_hash": step.expect["template_hash"] if undone else str(step.params["to_template"])}
