"""Promise 6: nothing executes but what was shown; a stored plan that differs in one value is refused by its hash."""

import contextlib
import copy
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bot.adapters.executors.scripted import key_of, save_world
from bot.adapters.store.sql import SqlStore
from bot.domain.actions.table import action_of
from bot.domain.canonical import canonical
from bot.domain.errors import Permanent
from bot.domain.event import EventType, NewEvent
from bot.domain.gate import Rule
from bot.domain.gate_rules import place as place_rules
from bot.domain.incident import Incident
from bot.domain.plan import Plan, PlanState
from bot.domain.playbook import VerifyCheck
from bot.pipeline import gather
from bot.pipeline.execute import recheck
from bot.pipeline.execute import step as step_module
from tests.gate_stage import Stage, stage
from tests.promises.conftest import Tally
from tests.unit.pipeline.execution_scene import Scene, declare, live_of, plan_of, scale

Steps = tuple[str | int, ...]
FORGERIES: list[Callable[[bytes], bytes]] = [
    lambda raw: raw + b" ",
    lambda raw: b'{"nonce":"other",' + raw[1:],
    lambda raw: raw.replace(b"basket", b"baske\\u0442"),
    lambda raw: raw.replace(b"basket", b"bas\\u200bket"),
    lambda raw: raw.replace(b"basket", b"\\u202ebasket"),
    lambda raw: raw[:-1],
    lambda _raw: b"[]",
    lambda _raw: b"",
    lambda raw: json.dumps(json.loads(raw), indent=1).encode(),
    lambda raw: raw[:-1] + b',"extra":1}',
]


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Believe whatever the row, the playbook and the target hold."""
    monkeypatch.setattr(place_rules, "intact", lambda _row, _shown: True)
    monkeypatch.setattr(gather, "shows", lambda _content, _hash: True)
    for name in ("_content", "_playbook", "_steps"):
        monkeypatch.setattr(recheck, name, lambda run, *_given: run.row.plan)
    monkeypatch.setattr(step_module._Attempt, "_unchanged", lambda *_given: None)


@pytest.mark.timeout(600)
def test_each_value_of_the_stored_plan(store: SqlStore, promise: Callable[[int], Tally]) -> None:
    tally = promise(6)
    for place in list(leaves(json.loads(content_of(stage(store))))):
        on = stage(store)
        changed = changed_at(json.loads(content_of(on)), place)
        write(on, canonical(changed))
        tally.check(refused(on), f"{place} was changed and the plan was still approved")


@pytest.mark.timeout(600)
def test_forged_bytes(store: SqlStore, promise: Callable[[int], Tally]) -> None:
    tally = promise(6)
    for number, forge in enumerate(FORGERIES):
        on = stage(store)
        write(on, forge(content_of(on)))
        tally.check(refused(on), f"forged bytes {number} were approved")


@pytest.mark.timeout(600)
def test_another_plan_under_the_shown_name(store: SqlStore, promise: Callable[[int], Tally]) -> None:
    """The whole row of another option, with its own true content, answers to the name that was shown."""
    tally = promise(6)
    for _ in range(tally.size(100, least=5)):
        on = stage(store, letters="AB")
        other = canonical(on.plans[1].to_json())
        write(on, other)
        tally.check(refused(on), "another plan was approved under the shown hash")


def test_another_plan_on_the_card(store: SqlStore, promise: Callable[[int], Tally]) -> None:
    """The log, which the card is rendered from, tells of another title than the plan that is stored."""
    tally = promise(6)
    for _ in range(tally.size(100, least=5)):
        on = stage(store)
        content = content_of(on)
        tally.check(
            canonical(incident_of(on).options[0].plan) == content, "the card shows other bytes than stored"
        )
        option = {
            "letter": "A",
            "plan_hash": on.plans[0].hash,
            "plan": {**json.loads(content), "title": "Harmless"},
        }
        tell(on, NewEvent(EventType.OPTIONS_PROPOSED, {"options": [option], "withheld": []}))
        tally.check(refused(on), "a card with another plan was approved")


def tell(on: Stage, event: NewEvent) -> None:
    on.store.transact(lambda tx: tx.append(on.incident, [event], at_ms=1))


def incident_of(on: Stage) -> Incident:
    incident = on.store.read(lambda tx: tx.incident(on.incident))
    assert incident is not None
    return incident


def content_of(on: Stage) -> bytes:
    row = on.store.read(lambda tx: tx.plan(on.plans[0].hash))
    assert row is not None
    return row.content


def write(on: Stage, content: bytes) -> None:
    """What somebody with the database can do."""
    assert isinstance(on.store, SqlStore)
    with on.store.engine.connect() as connection, connection.begin():
        statement = text("UPDATE plans SET content = :content WHERE hash = :hash")
        done = connection.execute(statement, {"content": content, "hash": on.plans[0].hash})
        assert done.rowcount == 1


def refused(on: Stage) -> bool:
    """The click on the shown card is refused by the hash rule and leaves no trace of a grant."""
    decided = on.decide(on.click())
    grant = on.store.read(lambda tx: tx.grant(on.plans[0].hash))
    query = text("SELECT state FROM plans WHERE hash = :hash")
    assert isinstance(on.store, SqlStore)
    with on.store.engine.connect() as connection:
        state = connection.execute(query, {"hash": on.plans[0].hash}).scalar_one()
    return decided.rule == Rule.PLAN_CHANGED and grant is None and state == PlanState.PROPOSED.value


def leaves(value: Any, place: Steps = ()) -> Iterator[Steps]:
    if isinstance(value, dict):
        for key in value:
            yield from leaves(value[key], (*place, key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from leaves(item, (*place, index))
    else:
        yield place


def changed_at(data: dict[str, Any], place: Steps) -> dict[str, Any]:
    changed = copy.deepcopy(data)
    holder: Any = changed
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = other_than(place, holder[place[-1]])
    return changed


def other_than(place: Steps, old: Any) -> Any:
    if place == ("klass",):
        return "safe"
    if isinstance(old, int):
        return old + 1
    return f"{old}x" if isinstance(old, str) else ["x"]


def test_each_field_after_the_approval(
    store: SqlStore, tmp_path: Path, promise: Callable[[int], Tally]
) -> None:
    """What was approved is changed before it runs: each value of the stored plan, of its playbook, of its target."""
    tally = promise(6)
    numbers = itertools.count(1)
    first = approved(store, tmp_path, next(numbers))
    for place in leaves(json.loads(first.content())):
        on = approved(store, tmp_path, next(numbers))
        on.rewrite(canonical(changed_at(json.loads(on.content()), place)))
        tally.check(not on.runs(), f"{place} of the plan was changed after the approval and it ran")
    for field, value in PLAYBOOK_FIELDS.items():
        on = approved(store, tmp_path, next(numbers))
        on.scene.books = [replace(on.scene.books[0], **{field: value})]
        tally.check(not on.runs(), f"{field} of the playbook was changed after the approval and it ran")
    on = approved(store, tmp_path, next(numbers))
    on.scene.books = []
    tally.check(not on.runs(), "the playbook was gone and it ran")
    for name in dict.fromkeys(("uid", *action_of(first.plan.steps[0].action).expect)):
        on = approved(store, tmp_path, next(numbers))
        target = on.plan.steps[0].target
        live = {**live_of(target), name: f"{live_of(target)[name]}0"}
        save_world(on.scene.folder, {key_of(target): live}, ())
        tally.check(not on.runs(), f"{name} of the target was changed after the approval and it ran")
    control = approved(store, tmp_path, next(numbers))
    tally.check(control.runs(), "an unchanged plan did not run")


PLAYBOOK_FIELDS: dict[str, Any] = {
    "id": "another",
    "digest": "e" * 64,
    "blast_radius": {"services": 1, "tasks": 0},
    "steps": (),
    "verify": (VerifyCheck("error_ratio", 999, 15),),
    "on_failure": "stop",
}


@dataclass
class Approved:
    """An approved plan in a scene of its own."""

    scene: Scene
    plan: Plan
    plan_hash: str

    def content(self) -> bytes:
        row = self.scene.store.read(lambda tx: tx.plan(self.plan_hash))
        assert row is not None
        return row.content

    def rewrite(self, content: bytes) -> None:
        with self.scene.store.engine.begin() as connection:
            statement = text("UPDATE plans SET content = :content WHERE hash = :hash")
            connection.execute(statement, {"content": content, "hash": self.plan_hash})

    def runs(self) -> bool:
        """Whether the provider was told to do anything."""
        with self.scene.store.engine.begin() as connection:
            # Each trial is alone in its hour, so that no cap of runs an hour answers in place of the rule under test.
            connection.execute(text("DELETE FROM executions"))
        with contextlib.suppress(Permanent):
            self.scene.run(self.plan_hash)
        return bool(self.scene.calls())


def approved(store: SqlStore, folder: Path, number: int) -> Approved:
    incident = f"after-{number}"
    declare(store, incident=incident, number=number)
    scene = Scene(store, folder / f"after-{number}")
    plan = plan_of([scale(f"cart-{number}")], incident=incident)
    return Approved(scene, plan, scene.stage(plan))
