"""Promise 2: no command, flag, host or target is written by a model or by telemetry.

Hostile answers go through the parser and the checks of citations; then, further than the product lets them, what they
wish for is believed as if the engine had found it; then options are built from every action of the catalogue. An
oracle of its own reads each command word for word. A part of them plays whole incidents on the real store, with an
executor that would run whatever it is allowed to.
"""

import json
import random
import re
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.executors.scripted import ScriptedExecutor, key_of, save_world
from bot.adapters.playbooks import yaml_files
from bot.adapters.reasoner.openai import read_answer
from bot.adapters.store.sql import SqlStore, open_store
from bot.domain import binding
from bot.domain.actions.table import ACTIONS, LIVE_FIELDS, action_of
from bot.domain.catalogue import Action, rederived
from bot.domain.citations import checked, engine_explanation
from bot.domain.correlation import sorted_out
from bot.domain.evidence import (
    CauseClass,
    Conclusion,
    Diagnosis,
    Evidence,
    EvidenceKind,
    EvidenceRole,
    Explanation,
    Hypothesis,
)
from bot.domain.incident import Incident, IncidentState, Severity
from bot.domain.plan import Plan, PlannedStep, PlanState, Target
from bot.domain.records import StoredAlert, Task, TaskKind
from bot.pipeline import propose as propose_module
from bot.pipeline.declare import declare
from bot.pipeline.execute import stage as stage_module
from bot.pipeline.execute.stage import execute
from bot.pipeline.execute.terms import Means
from bot.pipeline.investigate import investigate
from bot.pipeline.propose import Proposed, propose
from bot.ports import Transaction
from bot.settings import Settings
from bot.wiring.executor import Poller
from tests.e2e.command import ROOT
from tests.promises.conftest import Tally
from tests.promises.hostile import SERVICES, Live, Output, Shelf, outputs, shelf
from tests.unit.domain.incidents import OPENED
from tests.unit.domain.test_diagnosis import bad_deploy
from tests.unit.pipeline.execution_scene import KEY, TurnedClock
from tests.unit.pipeline.test_investigate import At, Graph, Told, readings

FULL, FULL_INCIDENTS = 100_000, 1000
_WORD = re.compile(r"[A-Za-z0-9_.-]+")
_LIVE = {
    "replicas": "3",
    "total": "3",
    "updated": "3",
    "ready": "3",
    "generation": "2",
    "observed_generation": "2",
}


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bind the words of the diagnosis where the inventory has no such target, and run without a grant."""

    def believed(playbook: Any, diagnosis: Diagnosis, inventories: Any) -> dict[str, list[Any]]:
        asked = diagnosis.hypotheses[0].service
        (found,) = inventories[0].find(playbook.target.type, SERVICES[0])
        return {"target": [(replace(found[0], name=asked, service=asked), found[1])]}

    monkeypatch.setattr(propose_module, "find_targets", believed)
    monkeypatch.setattr(stage_module, "recheck", lambda _run, **_more: None)
    monkeypatch.setattr(binding, "_IDENTIFIER", re.compile(".*", re.DOTALL))


class Oracle:
    """What a step may hold: constants of the catalogue, things of the inventory, bounded numbers; nothing else."""

    def __init__(self) -> None:
        self._constants = {action.id: _constants(action) for action in ACTIONS.values()}

    def complaint(self, step: PlannedStep, live: Mapping[str, str], target: Target) -> str:
        """What is wrong with the step, or nothing."""
        if step.action not in ACTIONS:
            return f"{step.action!r} is no action"
        action = action_of(step.action)
        if step.target != target:
            return f"{step.target} is not what the inventory gave"
        known = {target.name, target.scope, target.uid, target.service, *live.values()}
        params = [*step.params.items(), *(step.undo_params or {}).items()]
        wrong = [given for given in params if not _allowed(action, *given, known)]
        if wrong:
            return f"{step.action}: {wrong} are neither bounded numbers nor the inventory's"
        if rederived(action, step) != step:
            return f"{step.action}: the command is not the catalogue's"
        words = self._constants[step.action] | _words(*known, *(str(value) for _, value in params))
        said = [*step.command, *(step.undo_command or ()), step.stdin]
        strange = {word for word in _words(*said) - words if word.replace(target.name, "") not in words}
        return f"{step.action}: {sorted(strange)} come from nowhere" if strange else ""


def _allowed(action: Action, name: str, value: str | int, known: set[str]) -> bool:
    spec = action.params.get(name)
    if spec is None:
        return False
    if spec.kind == "integer":
        return type(value) is int and spec.minimum <= value <= spec.maximum
    return isinstance(value, str) and value in known


def _words(*texts: str) -> set[str]:
    return {word for text in texts for word in _WORD.findall(text)}


def _constants(action: Action) -> set[str]:
    """The words of its command on targets that have nothing in common, switched on and switched off."""
    return _shared(action, switch=0) | _shared(action, switch=1)


def _shared(action: Action, *, switch: int) -> set[str]:
    found = []
    for at, mark in enumerate(("alpha", "omega")):
        target = Target(action.target_kind, f"{mark}name", f"{mark}scope", f"{mark}uid", f"{mark}service")
        params: dict[str, str | int] = {}
        for number, (name, spec) in enumerate(action.params.items()):
            whole = switch if spec.maximum == 1 else 1 + at + number
            params[name] = whole if spec.kind == "integer" else f"{mark}word{number}"
        said = (*action.command(target, params), action.manifest(target, params))
        # The name of an object of ours may hold the target's own; what is around it is ours.
        found.append(_words(*said) | _words(*(text.replace(target.name, "") for text in said)))
    return found[0] & found[1]


@pytest.fixture(scope="module")
def whole() -> Shelf:
    return shelf()


def _believed(output: Output, diagnosis: Diagnosis, seeded: random.Random) -> Diagnosis:
    """The diagnosis as a model would have it that could write it."""
    top = Hypothesis(output.service, output.cause, 0.99, (output.words,), (output.service, output.words))
    felt = Evidence(
        "E1", EvidenceKind.METRIC, EvidenceRole.SYMPTOM, output.service, 1.0, output.words, "model",
        quote=output.words, link=output.words,
        value={"signal": seeded.choice(("error_ratio", output.words)), "instance": output.words},
    )  # fmt: skip
    return replace(diagnosis, conclusion=Conclusion.CAUSE_FOUND, hypotheses=(top,), evidence=(felt,))


@pytest.mark.timeout(600)
def test_no_word_of_a_model_gets_into_a_plan(promise: Callable[[int], Tally], whole: Shelf) -> None:
    tally, seeded, oracle = promise(2), random.Random(2), Oracle()
    found: Counter[str] = Counter()
    diagnosis, incident = _diagnosis(), _incident()
    for output in outputs(tally.size(FULL), seeded):
        tally.tried()
        status, sentences = read_answer(output.text)
        kept, _ = checked(sentences, diagnosis)
        found[status] += 1
        found["sentences kept"] += len(kept)
        book = seeded.choice(whole.books)
        inventory = whole.inventory(book, output.words if seeded.random() < 0.2 else "")
        told = replace(incident, title=output.words, explanation=Explanation("model", "ok", kept, 0))
        offered = _offered(told, _believed(output, diagnosis, seeded), [book], inventory)
        for _letter, plan in offered.options:
            found["plans"] += 1
            found[plan.steps[0].action] += 1
            complaint = _complaint(oracle, plan, inventory, output)
            if complaint:
                tally.broken(complaint)
    assert found["plans"] > tally.size(FULL) // 20, found
    print(f"{dict(found)}; never bound: {whole.unbound}")


def _offered(incident: Incident, diagnosis: Diagnosis, books: list[Any], inventory: Live) -> Proposed:
    return propose(
        incident,
        diagnosis,
        playbooks=books,
        inventories=[inventory],
        tenant="main",
        now=1.8e9,
        nonce="nonce",
        observe_only=False,
    )


def _complaint(oracle: Oracle, plan: Plan, inventory: Live, output: Output) -> str:
    written = json.dumps([[*step.command, *(step.undo_command or ()), step.stdin] for step in plan.steps])
    if output.mark in written or any(output.mark in repr(step.target) for step in plan.steps):
        return f"the model's own words are in {written}"
    for step in plan.steps:
        service = next((one for one in SERVICES if one == step.target.service), "")
        objects = inventory.find(step.target.kind, service)
        if not objects:
            return f"{step.target} is not in the inventory"
        target, live = objects[0]
        complaint = oracle.complaint(step, live, target)
        if complaint:
            return complaint
    return ""


def _diagnosis() -> Diagnosis:
    facts = [
        Evidence(
            f"E{at}", EvidenceKind.LOG, EvidenceRole.CAUSE, "cart", 1.0, "cart fails after its deploy", "logs"
        )
        for at in (1, 2)
    ]
    cause = Hypothesis("cart", CauseClass.DEPLOY, 0.95, ("cart changed [E1]",), ("cart",))
    return Diagnosis(Conclusion.CAUSE_FOUND, (cause,), tuple(facts))


def _incident() -> Incident:
    return Incident(
        "inc-1", "main", 1, "Errors", Severity.SEV2, IncidentState.IDENTIFIED, 0, 1, "aa", observe_only=False
    )


class Hijacked:
    """`bot.ports.Reasoner` whose model says one hostile thing, through the product's own parser and checks."""

    name = "hijacked"

    def __init__(self, output: Output) -> None:
        self._output = output

    def explain(self, incident: Incident, diagnosis: Diagnosis) -> Explanation:
        del incident
        status, sentences = read_answer(self._output.text)
        kept, dropped = checked(sentences, diagnosis)
        if not kept:
            return engine_explanation(diagnosis, status, dropped=dropped)
        return Explanation(self.name, status, kept, dropped)


@pytest.mark.timeout(600)
def test_whole_incidents_change_nothing_without_a_grant(
    promise: Callable[[int], Tally], settings: Callable[..., Settings], tmp_path: Path
) -> None:
    tally, seeded = promise(2), random.Random(22)
    shelf_of_one = tmp_path / "playbooks"
    shelf_of_one.mkdir()
    shutil.copy(ROOT / "playbooks" / "rollback-deployment.yaml", shelf_of_one)
    chosen = settings(playbooks_dir=str(shelf_of_one))
    books = yaml_files.build(chosen)
    told = bad_deploy()
    read = readings(told)
    target = Target("k8s.deployment", "cart", "production", "uid-cart", "cart")
    live = {**dict.fromkeys(sorted(LIVE_FIELDS["k8s.deployment"]), "0"), **_LIVE, "uid": target.uid} | {
        "revision": "7", "template_hash": "bbbb7", "previous_revision": "6", "previous_template_hash": "aaaa6",
        "previous_config_sound": "1",
    }  # fmt: skip
    inventory = Live({"cart": (target, live)})
    save_world(tmp_path, {key_of(target): live}, ())
    provider = ScriptedExecutor(tmp_path)
    store = open_store(chosen)
    assert isinstance(store, SqlStore)
    means = Means(
        store=store,
        executors=dict.fromkeys({action.executor for action in ACTIONS.values()}, provider),
        playbooks=books,
        measure=lambda *_given: 0.001,
        clock=At(),
        sleep=TurnedClock().sleep,
        grant_key=KEY,
        mode="supervised",
        holder="me",
    )
    offered = 0
    for number, output in enumerate(outputs(tally.size(FULL_INCIDENTS, least=20), seeded)):
        name = f"inc-{number}"
        alert = told.alerts[0]._replace(fingerprint=f"{number}", summary=output.words, name=output.words[:60])
        _open(store, name, [alert._replace(labels={**alert.labels, "note": output.words})], number)
        change = replace(told.changes[0], title=output.words)
        hurt = replace(read, changes=(change, *read.changes))

        def offers(incident: Incident, diagnosis: Diagnosis) -> Proposed:
            return _offered(incident, diagnosis, list(books.all()), inventory)

        investigate(
            Task(1, TaskKind.INVESTIGATE, name, "declared", 1, 1),
            store=store, sources=[Told(hurt)], topology=Graph(), clock=At(), reasoner=Hijacked(output), propose=offers,
        )  # fmt: skip
        offered += _pushed(store, means, name)
        tally.tried()
        calls = provider.calls()
        if calls:
            tally.broken(f"{calls[-1]['action']} ran with no approval after {output.text[:80]!r}")
            (tmp_path / "calls.jsonl").unlink()
    assert offered >= tally.count // 2, f"only {offered} of {tally.count} incidents offered anything to run"
    store.close()


def _open(store: SqlStore, name: str, alerts: list[Any], number: int) -> None:
    def work(tx: Transaction) -> None:
        declare(tx, sorted_out(alerts), incident=name, now=OPENED + number / 100, observe_only=False)
        tx.save_alerts([StoredAlert(alert, name, "first", 1, 1) for alert in alerts])

    store.transact(work)


def _claim_granted(plan_hash: str, tx: Transaction) -> None:
    tx.move_plan(plan_hash, to=PlanState.GRANTED, frm=(PlanState.PROPOSED,))


def _pushed(store: SqlStore, means: Means, incident: str) -> int:
    """Let the executor look, then claim that the options are granted, as who writes to the database could."""
    Poller(means, threading.Event())._poll()
    plans = store.read(lambda tx: [row.hash for row in tx.plans_of(incident)])
    for plan_hash in plans:
        execute(plan_hash, means)
        store.transact(partial(_claim_granted, plan_hash))
        execute(plan_hash, means)
    return bool(plans)
