"""propose: which conclusion gets which options, in which order, and why others are withheld."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.playbooks.yaml_files import read_folder
from bot.adapters.store.sql import SqlStore
from bot.domain.canonical import without_floats
from bot.domain.caps import Caps
from bot.domain.errors import Retryable
from bot.domain.evidence import (
    CauseClass,
    Conclusion,
    Diagnosis,
    Evidence,
    EvidenceKind,
    EvidenceRole,
    Hypothesis,
)
from bot.domain.incident import Incident, OptionView
from bot.domain.plan import Plan, PlanState, Target, plan_from_json
from bot.domain.playbook import Playbook, Tier
from bot.pipeline.propose import Proposed, propose, record_proposal
from tests.gate_stage import LIVE, START, rollback_plan, stage, target

PLAYBOOKS = read_folder(Path(__file__).parents[3] / "playbooks")[0]
ECS = {
    "uid": "arn:cart@1",
    "status": "ACTIVE",
    "desired_count": "30",
    "running_count": "30",
    "task_definition": "cart:1",
    "previous_count": "5",
    "scaled_at": str(int(START) - 300),
    "unit_price": "4900",
}


@dataclass
class Shelf:
    """An inventory that holds what it was given, or is away."""

    held: Mapping[tuple[str, str], Sequence[tuple[Target, Mapping[str, str]]]] = field(default_factory=dict)
    kinds: tuple[str, ...] = ("k8s.deployment", "ecs.service")
    away: bool = False

    def find(self, kind: str, service: str) -> list[tuple[Target, Mapping[str, str]]]:
        if self.away:
            message = "the cluster cannot be reached"
            raise Retryable(message)
        return list(self.held.get((kind, service), ()))


DEPLOYMENT = ("k8s.deployment", "basket"), [(target(), LIVE)]
SERVICE = ("ecs.service", "cart"), [(Target("ecs.service", "cart", "prod", "arn:cart@1", "cart"), ECS)]
SHELF = Shelf(dict([DEPLOYMENT, SERVICE]))


def metric(number: int, service: str, signal: str, role: EvidenceRole = EvidenceRole.SYMPTOM) -> Evidence:
    return Evidence(
        f"E{number}", EvidenceKind.METRIC, role, service, START, "moved", "metrics", value={"signal": signal}
    )


def diagnosis(
    cause: CauseClass,
    service: str = "basket",
    conclusion: Conclusion = Conclusion.CAUSE_FOUND,
    evidence: tuple[Evidence, ...] = (),
) -> Diagnosis:
    other = Hypothesis("elsewhere", CauseClass.DEPLOY, 0.2, (), ())
    return Diagnosis(conclusion, (Hypothesis(service, cause, 0.9, (), ()), other), evidence)


def incident(store: SqlStore, *, letters: str = "") -> Incident:
    on = stage(store, letters=letters)
    found = store.read(lambda tx: tx.incident(on.incident))
    assert found is not None
    return found


def offer(to: Incident, found: Diagnosis, **changes: Any) -> Proposed:
    given = {
        "playbooks": PLAYBOOKS,
        "inventories": [SHELF],
        "tenant": "main",
        "now": START,
        "nonce": "n",
        "observe_only": False,
        "verify_cap_s": 15,
        **changes,
    }
    return propose(to, found, **given)


def names(proposed: Proposed) -> list[tuple[str, str]]:
    return [(letter, plan.playbook) for letter, plan in proposed.options]


def test_a_bad_deploy_gets_its_rollback_then_the_forensic_package(store: SqlStore) -> None:
    proposed = offer(incident(store), diagnosis(CauseClass.DEPLOY))
    assert names(proposed) == [("A", "rollback-deployment"), ("B", "forensic-package")]
    plan = proposed.options[0][1]
    assert plan.expires_ms - plan.created_ms == 900_000
    assert plan.title.startswith(
        "Roll back the Kubernetes deployment to its previous revision: basket (no health record"
    )
    assert [(check.service, check.within_s, check.below_milli) for check in plan.checks] == [
        ("basket", 15, 20)
    ]
    assert without_floats(plan.to_json())
    assert plan_from_json(plan.to_json()).hash == plan.hash
    assert proposed.options[1][1].blast_radius == {}


def test_security_puts_the_forensic_package_first(store: SqlStore) -> None:
    found = diagnosis(CauseClass.SECURITY)
    assert names(offer(incident(store), found)) == [("A", "forensic-package")]
    unsure = replace(found, conclusion=Conclusion.NOT_CONFIDENT)
    assert names(offer(incident(store), unsure)) == [("A", "forensic-package")]


def test_a_flooded_database_gets_the_previous_count(store: SqlStore) -> None:
    proposed = offer(incident(store), diagnosis(CauseClass.DATABASE_LOAD, "cart"))
    assert names(proposed) == [("A", "restore-ecs-count")]
    assert proposed.options[0][1].steps[0].command[-1] == "--desired-count=5"
    withheld = dict(proposed.withheld)
    assert withheld["forensic-package"] == "No k8s.deployment of cart in the live inventory."


def test_missing_capacity_gets_more_tasks(store: SqlStore) -> None:
    shelf = Shelf({SERVICE[0]: [(SERVICE[1][0][0], {**ECS, "desired_count": "6", "running_count": "6"})]})
    proposed = offer(incident(store), diagnosis(CauseClass.CAPACITY, "cart"), inventories=[shelf])
    assert proposed.options[0][1].steps[0].command[-1] == "--desired-count=15"


@pytest.mark.parametrize(
    "conclusion", [Conclusion.NOT_CONFIDENT, Conclusion.NO_INCIDENT, Conclusion.EXPECTED_LOAD]
)
@pytest.mark.parametrize("cause", [cause for cause in CauseClass if cause is not CauseClass.SECURITY])
@pytest.mark.parametrize("service", ["basket", "cart"])
def test_nothing_else_is_ever_acted_upon(
    store: SqlStore, conclusion: Conclusion, cause: CauseClass, service: str
) -> None:
    proposed = offer(incident(store), diagnosis(cause, service, conclusion))
    assert proposed.options == ()
    expected = (
        "The load is expected" if conclusion is Conclusion.EXPECTED_LOAD else "The cause is not certain"
    )
    assert all(reason.startswith(expected) for _playbook, reason in proposed.withheld)


def test_reasons_that_tell_something_come_before_targets_that_are_not_there(store: SqlStore) -> None:
    late = {**ECS, "scaled_at": str(int(START) - 9000)}
    shelf = Shelf({SERVICE[0]: [(SERVICE[1][0][0], late)]})
    proposed = offer(incident(store), diagnosis(CauseClass.DATABASE_LOAD, "cart"), inventories=[shelf])
    reasons = [reason for _playbook, reason in proposed.withheld]
    assert "that the scale-up is recent" in reasons[0]
    assert all("in the live inventory" in reason for reason in reasons[1:])
    assert len(reasons) > 2


def test_planned_and_unknown_causes_get_nothing(store: SqlStore) -> None:
    for cause in (CauseClass.PLANNED, CauseClass.UNKNOWN):
        assert offer(incident(store), diagnosis(cause)) == Proposed((), ())
    assert offer(incident(store), Diagnosis(Conclusion.CAUSE_FOUND, (), ())) == Proposed((), ())


@pytest.mark.parametrize(
    ("shelf", "reason"),
    [
        (Shelf(), "No k8s.deployment of basket in the live inventory."),
        (Shelf(away=True), "the cluster cannot be reached"),
        (Shelf({DEPLOYMENT[0]: [*DEPLOYMENT[1], *DEPLOYMENT[1]]}), "Not one but 2 k8s.deployment of basket"),
        (Shelf({DEPLOYMENT[0]: [(target("basket-2"), LIVE)]}), "No k8s.deployment of basket"),
        (
            Shelf({DEPLOYMENT[0]: [(target(), {**LIVE, "replicas": "31"})]}),
            "would touch 31 pods, the playbook's cap is 30",
        ),
        (
            Shelf({DEPLOYMENT[0]: [(target(), {**LIVE, "previous_revision": ""})]}),
            "basket has no previous revision.",
        ),
        (
            Shelf({DEPLOYMENT[0]: [(target(), {**LIVE, "previous_template_hash": "bbbb7"})]}),
            "the older revision differs",
        ),
    ],
)
def test_what_cannot_be_bound_is_withheld_with_its_reason(store: SqlStore, shelf: Shelf, reason: str) -> None:
    proposed = offer(incident(store), diagnosis(CauseClass.DEPLOY), inventories=[shelf])
    assert "rollback-deployment" not in [plan.playbook for _letter, plan in proposed.options]
    assert reason in dict(proposed.withheld)["rollback-deployment"]
    assert proposed.unread is shelf.away


def test_checks_cover_whoever_showed_the_symptom(store: SqlStore) -> None:
    evidence = (
        metric(1, "front", "error_ratio"),
        metric(2, "basket", "error_ratio", EvidenceRole.CAUSE),
        metric(3, "slow", "latency_seconds"),
        metric(4, "bystander", "error_ratio", EvidenceRole.RULED_OUT),
        metric(5, "front", "error_ratio"),
        *(metric(10 + number, f"svc-{number}", "error_ratio") for number in range(9)),
    )
    plan = offer(incident(store), diagnosis(CauseClass.DEPLOY, evidence=evidence)).options[0][1]
    services = [check.service for check in plan.checks]
    assert services == ["basket", "front", "svc-0", "svc-1", "svc-2", "svc-3", "svc-4"]


def test_at_most_three_options_and_observe_tier(store: SqlStore) -> None:
    rollback = next(one for one in PLAYBOOKS if one.id == "rollback-deployment")
    many: list[Playbook] = [replace(rollback, id=f"rollback-{number}") for number in range(4)]
    proposed = offer(incident(store), diagnosis(CauseClass.DEPLOY), playbooks=many)
    assert [letter for letter, _plan in proposed.options] == ["A", "B", "C"]
    assert proposed.withheld == (("rollback-3", "3 options are shown already."),)
    reading = [replace(rollback, tier=Tier.OBSERVE)]
    withheld = offer(incident(store), diagnosis(CauseClass.DEPLOY), playbooks=reading)
    assert withheld.withheld == (
        ("rollback-deployment", "Its tier is observe: it is for reading, run it by hand."),
    )
    assert offer(incident(store), diagnosis(CauseClass.DEPLOY), playbooks=reading, observe_only=True).options


def test_a_busy_target_waits_and_letters_go_on(store: SqlStore) -> None:
    here = incident(store)
    earlier = rollback_plan(here.id, now=START)
    for state, offered in (
        (PlanState.RUNNING, []),
        (PlanState.DONE, [("B", "rollback-deployment"), ("C", "forensic-package")]),
    ):
        taken = replace(here, options=(OptionView("A", earlier.hash, earlier.to_json(), state),))
        proposed = offer(taken, diagnosis(CauseClass.DEPLOY))
        assert names(proposed) == offered
    running = replace(here, options=(OptionView("A", earlier.hash, earlier.to_json(), PlanState.RUNNING),))
    assert (
        "Option A is running on basket."
        in dict(offer(running, diagnosis(CauseClass.DEPLOY)).withheld).values()
    )


@pytest.mark.parametrize(
    ("state", "minutes", "letters", "why"),
    [
        (PlanState.RUNNING, 0, ["B"], "Option A is running on basket."),
        (PlanState.DONE, 5, ["B"], "Option A did it less than half an hour ago."),
        (PlanState.DONE, 31, ["B", "C"], ""),
        (PlanState.FAILED, 5, ["B", "C"], ""),
    ],
)
def test_a_package_that_is_taken_or_fresh_is_not_offered_again_and_holds_nothing_up(
    store: SqlStore, state: PlanState, minutes: int, letters: list[str], why: str
) -> None:
    here = incident(store)
    package = dict(offer(here, diagnosis(CauseClass.SECURITY)).options)["A"]
    assert package.playbook == "forensic-package"
    ended_ms = round((START - 60 * minutes) * 1000)
    taken = replace(
        here, options=(OptionView("A", package.hash, package.to_json(), state, ended_ms=ended_ms),)
    )
    proposed = offer(taken, diagnosis(CauseClass.DEPLOY))
    assert names(proposed) == list(zip(letters, ("rollback-deployment", "forensic-package"), strict=False))
    assert dict(proposed.withheld).get("forensic-package", "") == why


def test_recording_replaces_what_nobody_decided(store: SqlStore) -> None:
    on = stage(store, letters="AB")
    on.decide(on.click())
    here = store.read(lambda tx: tx.incident(on.incident))
    assert here is not None
    plan: Plan = replace(rollback_plan(on.incident, now=START), option="C")
    store.transact(
        lambda tx: record_proposal(tx, on.incident, Proposed((("C", plan),), (("x", "y"),)), now=START)
    )
    rows = {row.hash: row.state for row in store.read(lambda tx: tx.plans_of(on.incident))}
    assert rows == {
        on.plans[0].hash: PlanState.GRANTED,
        on.plans[1].hash: PlanState.EXPIRED,
        plan.hash: PlanState.PROPOSED,
    }
    folded = store.read(lambda tx: tx.incident(on.incident))
    assert folded is not None
    assert [(option.letter, option.state) for option in folded.options] == [
        ("A", PlanState.GRANTED),
        ("C", PlanState.PROPOSED),
    ]
    assert folded.withheld == (("x", "y"),)


def test_what_the_executors_caps_would_refuse_is_not_offered(store: SqlStore) -> None:
    """30 tasks back to 5 take 84 of a hundred away."""
    found = diagnosis(CauseClass.DATABASE_LOAD, "cart")
    to = incident(store)
    at_bound, above = (offer(to, found, caps=Caps(replica_percent=most)) for most in (84, 83))
    assert ("A", "restore-ecs-count") in names(at_bound)
    assert "restore-ecs-count" not in [name for _letter, name in names(above)]
    assert dict(above.withheld)["restore-ecs-count"] == (
        "The executor would refuse it: it takes away 84 % of what cart has, at most 83 % are allowed."
    )
