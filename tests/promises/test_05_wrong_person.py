"""Promise 5: no approval by the wrong person, in the wrong place, or where the group cannot be read."""

import random
from collections.abc import Callable
from itertools import product

import pytest

from bot.adapters.store.sql import SqlStore
from bot.domain.gate import Click, Facts, Refusal, Rule, Verb, refusal_of
from bot.domain.plan import ActionClass, PlanState
from bot.pipeline import approve as stage_module
from bot.pipeline.approve import Outcome
from tests.gate_stage import GROUP, Stage, person, stage
from tests.gate_table import CLASSES, IDENTITIES, ME, PLACES
from tests.unit.pipeline.test_approve import finished

GROUPS = ("a member of it", "not a member", "unreadable")
CASES = list(product(IDENTITIES, CLASSES, PLACES, GROUPS))
REASONS = {
    "none": ("", False),
    "blank": ("  \n ", False),
    "short": ("ok", False),
    "fine": ("errors since the release", True),
    "long": ("x" * 301, False),
}
TYPED = {
    "none": ("", False),
    "another": ("cart", False),
    "other case": ("Basket", False),
    "right": ("basket", True),
}


def _agrees(on: Stage, user: str) -> None:
    """Say yes first, where one yes decides nothing."""
    if on.plans[0].klass is ActionClass.DESTRUCTIVE:
        on.decide(on.click(user, typed_name="basket"))


def _agrees_and_leaves(on: Stage) -> None:
    _agrees(on, "U0SECOND")
    on.chat.groups[GROUP] = tuple(one for one in on.chat.groups[GROUP] if one != "U0SECOND")


def _agrees_and_is_deactivated(on: Stage) -> None:
    _agrees(on, "U0SECOND")
    on.chat.people["U0SECOND"] = person("U0SECOND", deleted=True)


FIRSTS: dict[str, Callable[[Stage], None]] = {
    "nobody": lambda _on: None,
    "the same": lambda on: _agrees(on, "U0FIRST"),
    "whoever asked": lambda on: _agrees(on, "U0LEAD"),
    "an outsider": lambda on: _agrees(on, "U0COLLEAGUE"),
    "one who left the group": _agrees_and_leaves,
    "one deactivated since": _agrees_and_is_deactivated,
    "another": lambda on: _agrees(on, "U0SECOND"),
}


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Overlook every rule about the person."""
    about_people = list(Rule)[list(Rule).index(Rule.USER_UNREADABLE) : list(Rule).index(Rule.INCIDENT_CLOSED)]

    def careless(click: Click, facts: Facts) -> Refusal | None:
        refusal = refusal_of(click, facts)
        return None if refusal and refusal.rule in about_people else refusal

    about_people += [Rule.SECOND_APPROVER]
    monkeypatch.setattr(stage_module, "refusal_of", careless)


@pytest.mark.timeout(1200)
def test_everybody_everywhere(store: SqlStore, promise) -> None:
    tally = promise(5)
    order = random.Random(5)
    for case in order.sample(CASES, tally.size(len(CASES), least=90)):
        who, klass, where, group = case
        listed = (who, where, group) == ("member", "the card", "a member of it")
        on, clicker = scene(store, who, klass, group)
        decided = on.decide(on.click(clicker, **PLACES[where][0]))
        expected = listed and klass is not ActionClass.DESTRUCTIVE
        tally.check(
            (decided.outcome is Outcome.GRANTED) is expected, f"{case}: {decided.outcome} {decided.rule}"
        )
        tally.check(moved(on) is expected, f"{case}: the stored plan does not agree")


@pytest.mark.timeout(1200)
def test_nobody_else_rejects_or_undoes(store: SqlStore, promise) -> None:
    tally = promise(5)
    order = random.Random(55)
    wrong = [
        case for case in CASES if (case[0], case[2], case[3]) != ("member", "the card", "a member of it")
    ]
    for who, klass, where, group in order.sample(wrong, tally.size(len(wrong) // 2, least=40)):
        for verb in (Verb.REJECT, Verb.UNDO):
            on, clicker = scene(store, who, klass, group)
            decided = on.decide(on.click(clicker, verb, **PLACES[where][0]))
            holds = decided.outcome is Outcome.REFUSED and not moved(on)
            tally.check(holds, f"{verb} by {who}, {where}, group {group}: {decided.outcome}")


def test_one_person_is_not_two(store: SqlStore, promise) -> None:
    tally = promise(5)
    for _ in range(tally.size(50, least=3)):
        on = stage(store, klass=ActionClass.DESTRUCTIVE)
        for _ in range(3):
            decided = on.decide(on.click(typed_name="basket"))
            tally.check(decided.outcome is Outcome.NOTED, "one person approved a destructive plan alone")
        on.decide(on.click("U0COLLEAGUE", typed_name="basket"))
        again = on.decide(on.click(typed_name="basket"))
        tally.check(again.outcome is Outcome.NOTED, "an outsider counted as the second person")


CLASS_CASES = [
    *product([ActionClass.SAFE], REASONS, ["none"], ["U0FIRST", "U0LEAD"], ["nobody"]),
    *product([ActionClass.RISKY], REASONS, ["none", "right"], ["U0FIRST", "U0LEAD"], ["nobody"]),
    *product([ActionClass.DESTRUCTIVE], ["none", "fine"], TYPED, ["U0FIRST", "U0LEAD"], FIRSTS),
]


@pytest.mark.timeout(1200)
def test_each_class_asks_for_what_it_must(store: SqlStore, promise) -> None:
    """One click, a written reason, or two people with a typed name, of whom neither asked for the plan."""
    tally = promise(5)
    order = random.Random(555)
    for klass, reason, typed, clicker, first in order.sample(
        CLASS_CASES, tally.size(len(CLASS_CASES), least=60)
    ):
        on = stage(store, klass=klass)
        FIRSTS[first](on)
        click = on.click(clicker, reason=REASONS[reason][0], typed_name=TYPED[typed][0])
        decided = on.decide(click)
        expected = {
            ActionClass.SAFE: True,
            ActionClass.RISKY: REASONS[reason][1],
            ActionClass.DESTRUCTIVE: TYPED[typed][1] and clicker == "U0FIRST" and first == "another",
        }[klass]
        case = f"{klass}, reason {reason}, name {typed}, {clicker}, before: {first}"
        tally.check(
            (decided.outcome is Outcome.GRANTED) is expected, f"{case}: {decided.outcome} {decided.rule}"
        )
        tally.check(moved(on) is expected, f"{case}: the stored plan does not agree")


def test_an_undo_of_destruction_takes_two_people_too(store: SqlStore, promise) -> None:
    tally = promise(5)
    for second in ("U0FIRST", "U0SECOND"):
        on = stage(store, klass=ActionClass.DESTRUCTIVE)
        for user in ("U0FIRST", "U0SECOND"):
            on.decide(on.click(user, typed_name="basket"))
        finished(on, on.plans[0].hash)
        first = on.decide(on.click("U0FIRST", Verb.UNDO))
        tally.check(first.outcome is Outcome.NOTED, f"one person undid a destructive plan: {first.outcome}")
        decided = on.decide(on.click(second, Verb.UNDO))
        wanted = Outcome.UNDO_GRANTED if second == "U0SECOND" else Outcome.NOTED
        tally.check(decided.outcome is wanted, f"undo by U0FIRST, then {second}: {decided.outcome}")


def scene(store: SqlStore, who: str, klass: ActionClass, group: str) -> tuple[Stage, str]:
    """A stage where the account `who` is known under the clicker's id."""
    on = stage(store, klass=klass)
    clicker = "USLACKBOT" if who == "slackbot" else ME
    on.chat.people[clicker] = dict(IDENTITIES[who][0])
    on.chat.groups[GROUP] = ("U0FIRST", clicker) if group == "a member of it" else ("U0FIRST",)
    if group == "unreadable":
        del on.chat.groups[GROUP]
    return on, clicker


def moved(on: Stage) -> bool:
    row = on.store.read(lambda tx: tx.plan(on.plans[0].hash))
    grant = on.store.read(lambda tx: tx.grant(on.plans[0].hash))
    return grant is not None or row is None or row.state is not PlanState.PROPOSED
