"""Promise 6: nothing executes but what was shown; a stored plan that differs in one value is refused by its hash."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from bot.adapters.store.sql import SqlStore
from bot.domain import gate
from bot.domain.canonical import canonical
from bot.domain.event import EventType, NewEvent
from bot.domain.gate import Rule
from bot.domain.incident import Incident
from bot.domain.plan import PlanState
from bot.pipeline import approve as stage_module
from tests.gate_stage import Stage, stage

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
    """Believe whatever the row holds."""
    monkeypatch.setattr(gate, "intact", lambda _row, _shown: True)
    monkeypatch.setattr(stage_module, "shows", lambda _content, _hash: True)


@pytest.mark.timeout(600)
def test_each_value_of_the_stored_plan(store: SqlStore, promise) -> None:
    tally = promise(6)
    for place in list(leaves(json.loads(content_of(stage(store))))):
        on = stage(store)
        changed = changed_at(json.loads(content_of(on)), place)
        write(on, canonical(changed))
        tally.check(refused(on), f"{place} was changed and the plan was still approved")


@pytest.mark.timeout(600)
def test_forged_bytes(store: SqlStore, promise) -> None:
    tally = promise(6)
    for number, forge in enumerate(FORGERIES):
        on = stage(store)
        write(on, forge(content_of(on)))
        tally.check(refused(on), f"forged bytes {number} were approved")


@pytest.mark.timeout(600)
def test_another_plan_under_the_shown_name(store: SqlStore, promise) -> None:
    """The whole row of another option, with its own true content, answers to the name that was shown."""
    tally = promise(6)
    for _ in range(tally.size(100, least=5)):
        on = stage(store, letters="AB")
        other = canonical(on.plans[1].to_json())
        write(on, other)
        tally.check(refused(on), "another plan was approved under the shown hash")


def test_another_plan_on_the_card(store: SqlStore, promise) -> None:
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
