"""Security from behaviour alone: what was never seen before, on how many instances, against which baseline."""

import random

import pytest

from bot.domain.diagnosis.engine import diagnose
from bot.domain.evidence import CauseClass, Conclusion, EvidenceKind
from bot.domain.telemetry import Behaviour, BehaviourKind, Change, ChangeKind, Signal
from tests.unit.domain.incidents import NOW, ONSET, alerts, series, system, telemetry
from tests.unit.domain.test_diagnosis import BAD_CART

PODS = ("stock-a", "stock-b", "stock-c", "stock-d")
P, C = BehaviourKind.PROCESS, BehaviourKind.CONNECTION


def usual(service: str = "stock") -> list[Behaviour]:
    """What each instance has done for half an hour: a server, its health check, its database."""
    found = []
    for at, pod in enumerate(PODS):
        found += [
            Behaviour(service, pod, P, "/usr/bin/server", "init", NOW - 2000 + at),
            Behaviour(service, pod, P, "/usr/bin/health", "/usr/bin/server", NOW - 1900 + at),
            Behaviour(service, pod, C, "10.0.3.7:5432", "/usr/bin/server", NOW - 1990 + at),
        ]
    return found


def struck(pods: tuple[str, ...], *, calls: bool = True, service: str = "stock") -> list[Behaviour]:
    found = []
    for at, pod in enumerate(pods):
        found.append(Behaviour(service, pod, P, "/tmp/.cache/upd", "/usr/bin/server", ONSET + at))
        if calls:
            found.append(Behaviour(service, pod, C, "203.0.113.9:4444", "/tmp/.cache/upd", ONSET + 1 + at))
    return found


def test_a_new_process_that_calls_out_on_three_instances_is_a_security_cause():
    found = diagnose(
        telemetry(series=system({}), alerts=alerts("stock"), behaviours=(*usual(), *struck(PODS[:3])))
    )
    top = found.hypotheses[0]
    assert (found.conclusion, top.service, top.cause) == (
        Conclusion.CAUSE_FOUND, "stock", CauseClass.SECURITY,
    )  # fmt: skip
    named = [item.value["instance"] for item in found.evidence if item.kind is EvidenceKind.BEHAVIOUR]
    assert named == list(PODS[:3])
    assert "3 of its instances" in top.because[0]
    assert "/tmp/.cache/upd" not in " ".join([*top.because, *(item.text for item in found.evidence)])


def test_it_outranks_an_ordinary_fault_elsewhere():
    found = diagnose(
        telemetry(
            series=system(BAD_CART),
            alerts=alerts("cart", "api", "front"),
            behaviours=(*usual(), *struck(PODS[:3])),
        )
    )
    assert (found.hypotheses[0].service, found.hypotheses[0].cause) == ("stock", CauseClass.SECURITY)


def test_the_order_of_the_readings_does_not_matter():
    seen = [*usual(), *struck(PODS[:3])]
    first = diagnose(telemetry(series=system({}), alerts=alerts("stock"), behaviours=tuple(seen)))
    random.Random(4).shuffle(seen)
    assert diagnose(telemetry(series=system({}), alerts=alerts("stock"), behaviours=tuple(seen))) == first


@pytest.mark.parametrize(
    "behaviours",
    [
        tuple(usual()),
        tuple(struck(PODS[:3])),  # No baseline: nothing can be judged.
        (*usual(), Behaviour("stock", "stock-e", P, "/usr/bin/server", "init", ONSET)),  # A replacement pod.
        (*usual(), Behaviour("stock", "stock-e", C, "10.0.9.9:5432", "/usr/bin/server", ONSET)),
        (*usual(), *struck(PODS[:1], calls=False)),  # An operator's shell in one pod.
    ],
    ids=["usual", "no baseline", "same process elsewhere", "inside address moved", "one process alone"],
)
def test_ordinary_behaviour_is_no_intrusion(behaviours: tuple[Behaviour, ...]):
    found = diagnose(telemetry(series=system({}), alerts=alerts("stock"), behaviours=behaviours))
    assert CauseClass.SECURITY not in {hypothesis.cause for hypothesis in found.hypotheses}


def test_one_instance_is_a_suspicion_and_no_certainty():
    found = diagnose(
        telemetry(series=system({}), alerts=alerts("stock"), behaviours=(*usual(), *struck(PODS[:1])))
    )
    assert found.conclusion is Conclusion.NOT_CONFIDENT
    assert found.hypotheses[0].cause is CauseClass.SECURITY


def test_a_release_explains_what_is_new():
    release = Change("stock", ChangeKind.DEPLOY, ONSET - 30, "release 2.1", "revision 4", "revision 5")
    found = diagnose(
        telemetry(
            series=system({}),
            alerts=alerts("stock"),
            changes=(release,),
            behaviours=(*usual(), *struck(PODS)),
        )
    )
    assert found.hypotheses[0].cause is not CauseClass.SECURITY
    assert any("Against it: a release" in sentence for sentence in found.hypotheses[0].because)


def test_memory_that_fills_without_a_change_is_a_cause_of_its_own():
    full = series("cart", Signal.MEMORY, 0.55, 0.96)
    found = diagnose(telemetry(series=(*system(BAD_CART), full), alerts=alerts("cart", "api")))
    assert (found.hypotheses[0].service, found.hypotheses[0].cause) == ("cart", CauseClass.MEMORY)
