"""The engine against the simulated world, read through the shipped sources: the cause at rank 1, the right conclusion."""

import os
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.diagnosis.engine import diagnose
from bot.domain.evidence import CauseClass, Conclusion, EvidenceRole
from tests.scenarios.world import World, planned_of

SEEDS = int(os.environ.get("WATCHKEEPER_TEST_SEED_COUNT", "1"))
FIRST = int(os.environ.get("WATCHKEEPER_TEST_FIRST_SEED", random.SystemRandom().randrange(1, 1_000_000)))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    opened = World(Path(tmp_path_factory.mktemp("world")))
    yield opened
    opened.close()


EXPECTED = {
    "bad-deploy": (Conclusion.CAUSE_FOUND, CauseClass.DEPLOY),
    "db-cascade": (Conclusion.CAUSE_FOUND, CauseClass.DATABASE_LOAD),
    "planned-event": (Conclusion.EXPECTED_LOAD, CauseClass.PLANNED),
    "unannounced-launch": (Conclusion.CAUSE_FOUND, CauseClass.CAPACITY),
    "memory-exhaustion": (Conclusion.CAUSE_FOUND, CauseClass.MEMORY),
    "zero-day": (Conclusion.CAUSE_FOUND, CauseClass.SECURITY),
    "poisoned": (Conclusion.CAUSE_FOUND, CauseClass.UNKNOWN),
}


@pytest.mark.parametrize("offset", range(SEEDS))
@pytest.mark.parametrize("scenario", EXPECTED)
def test_the_cause_is_at_rank_1(world: World, scenario: str, offset: int):
    facts = world.start(scenario, FIRST + offset)
    told = world.telemetry(planned=planned_of(facts))
    found = diagnose(told)
    truth = world.truth()
    top = found.hypotheses[0]
    assert (top.service, found.conclusion, top.cause) == (truth["root_cause"], *EXPECTED[scenario]), facts
    assert found.missing == ()
    assert len(found.evidence) >= 4


@pytest.mark.parametrize("offset", range(SEEDS))
def test_a_launch_without_its_entry_is_no_planned_event(world: World, offset: int):
    world.start("planned-event", FIRST + offset)
    found = diagnose(world.telemetry())
    assert (found.conclusion, found.hypotheses[0].cause) == (Conclusion.CAUSE_FOUND, CauseClass.CAPACITY)
    assert found.hypotheses[0].service == world.truth()["root_cause"]


@pytest.mark.parametrize("offset", range(SEEDS))
def test_a_recorded_incident_has_its_cause_at_rank_1(world: World, offset: int):
    world.start("recorded", FIRST + offset)
    found = diagnose(world.telemetry())
    assert found.hypotheses[0].service == world.truth()["root_cause"]
    assert found.conclusion in (Conclusion.CAUSE_FOUND, Conclusion.NOT_CONFIDENT)


def test_a_flooded_database_is_mechanism_and_ruled_out_as_origin(world: World):
    world.start("db-cascade", FIRST)
    found = diagnose(world.telemetry())
    resource = found.hypotheses[0].path[1]
    roles = {item.role for item in found.evidence if item.service == resource}
    assert {EvidenceRole.MECHANISM, EvidenceRole.RULED_OUT} <= roles


def test_with_half_of_the_edges_gone_the_cause_is_still_among_three(world: World):
    world.start("bad-deploy", FIRST)
    told = world.telemetry()
    draw = random.Random(FIRST)
    calls = {
        caller: tuple(callee for callee in callees if draw.random() < 0.5)
        for caller, callees in told.topology.calls.items()
    }
    found = diagnose(replace(told, topology=replace(told.topology, calls=calls)))
    assert world.truth()["root_cause"] in [hypothesis.service for hypothesis in found.hypotheses[:3]]
