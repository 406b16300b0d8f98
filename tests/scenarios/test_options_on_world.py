"""From the engine's cause to options on the simulated world: option A is the true fix, and a launch gets none."""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.evidence import ecs, kubernetes
from bot.adapters.playbooks.yaml_files import read_folder
from bot.domain.diagnosis.engine import diagnose
from bot.domain.incident import Incident, IncidentState, Severity
from bot.domain.plan import Plan
from bot.pipeline.propose import Proposed, propose
from tests.scenarios.world import World, planned_of

SEEDS = int(os.environ.get("WATCHKEEPER_TEST_SEED_COUNT", "1"))
FIRST = int(os.environ.get("WATCHKEEPER_TEST_FIRST_SEED", random.SystemRandom().randrange(1, 1_000_000)))
PLAYBOOKS = read_folder(Path(__file__).parents[2] / "playbooks")[0]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    opened = World(Path(tmp_path_factory.mktemp("world")))
    yield opened
    opened.close()


def offered(world: World, scenario: str, seed: int) -> Proposed:
    facts = world.start(scenario, seed)
    told = world.telemetry(planned=planned_of(facts))
    incident = Incident("i", "main", 1, "t", Severity.SEV1, IncidentState.IDENTIFIED, 0, 1, "")
    return propose(
        incident,
        diagnose(told),
        playbooks=PLAYBOOKS,
        inventories=[kubernetes.build(world.settings), ecs.build(world.settings)],
        tenant="main",
        now=told.now,
        nonce="n",
        observe_only=False,
        verify_cap_s=15,
    )


def does(plan: Plan, fix: dict[str, Any]) -> bool:
    """Whether the plan is the fix, or more of it where more tasks are asked for."""
    [step] = plan.steps
    if step.target.service != fix["service"]:
        return False
    if fix["action"] == "rollout-undo":
        return (step.action, step.params["to_revision"]) == ("kubectl/rollout-undo", fix["to_revision"])
    if plan.playbook in ("scale-out-ecs-service", "add-ecs-tasks"):
        return int(step.params["count"]) >= fix["count"]
    return (step.action, step.params["count"]) == ("ecs/set-desired-count", fix["count"])


@pytest.mark.parametrize("offset", range(SEEDS))
@pytest.mark.parametrize("scenario", ["bad-deploy", "db-cascade", "unannounced-launch", "memory-exhaustion"])
def test_option_a_is_the_true_fix(world: World, scenario: str, offset: int) -> None:
    proposed = offered(world, scenario, FIRST + offset)
    letter, plan = proposed.options[0]
    assert letter == "A", proposed.withheld
    assert does(plan, world.truth()["fix"]), (scenario, FIRST + offset, plan, world.truth())
    assert {plan.steps[0].target.service} <= {check.service for check in plan.checks}
    assert all(check.within_s <= 15 for check in plan.checks)


@pytest.mark.parametrize("offset", range(SEEDS))
def test_an_announced_launch_gets_no_remedy(world: World, offset: int) -> None:
    proposed = offered(world, "planned-event", FIRST + offset)
    assert proposed.options == ()


@pytest.mark.parametrize("offset", range(SEEDS))
def test_orders_in_the_evidence_are_no_options(world: World, offset: int) -> None:
    proposed = offered(world, "poisoned", FIRST + offset)
    assert proposed.options == (), proposed.options


@pytest.mark.parametrize("offset", range(SEEDS))
def test_a_recorded_incident_has_nothing_to_act_upon(world: World, offset: int) -> None:
    proposed = offered(world, "recorded", FIRST + offset)
    assert proposed.options == (), proposed.options
