"""The ECS reader on the world's AWS: inventory with its history, changes, trouble; and what a history tells."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.evidence import ecs
from bot.adapters.evidence._cloudtrail import changes_of, count_history, records_of, revision_history
from bot.adapters.evidence.ecs import Ecs
from bot.domain.actions.table import LIVE_FIELDS
from bot.domain.errors import Permanent, WatchkeeperError
from bot.domain.telemetry import ChangeKind
from bot.settings import Settings
from tests.world.stage import Stage, running_world

KIND = "ecs.service"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with running_world(tmp_path_factory.mktemp("world"), time_scale=4.0) as running:
        running.start("db-cascade", 5)
        yield running


@pytest.fixture
def reader(world: Stage, settings: Callable[..., Settings]) -> Ecs:
    return build(settings, world.aws, world.folder / "aws" / "reader.credentials")


def build(settings: Callable[..., Settings], endpoint: str, credentials: Path) -> Ecs:
    return ecs.build(
        settings(
            aws_reader_credentials=str(credentials),
            aws_region="eu-west-1",
            aws_endpoint_url=endpoint,
            ecs_cluster="production",
        )
    )


def test_inventory_knows_the_count_before(world: Stage, reader: Ecs) -> None:
    truth = world.truth()
    [(target, live)] = reader.find(KIND, truth["root_cause"])
    assert (target.name, target.scope, target.service) == (
        truth["root_cause"],
        "production",
        truth["root_cause"],
    )
    assert target.uid == live["uid"]
    told_by_history = {"previous_revision", "deployed_at", "previous_ran_s"}
    assert set(live) - {"uid"} == LIVE_FIELDS[KIND] - told_by_history
    assert live["previous_count"] == str(truth["fix"]["count"])
    assert abs(float(live["scaled_at"]) - truth["changed_at"]) <= 1
    assert int(live["desired_count"]) > truth["fix"]["count"]


def test_a_scaling_is_a_change_with_absolute_counts(world: Stage, reader: Ecs) -> None:
    truth, now = world.truth(), time.time()
    [change] = reader.collect([truth["root_cause"]], start=now - 1200, end=now).changes
    assert (change.kind, change.before) == (ChangeKind.SCALE, str(truth["fix"]["count"]))
    assert abs(change.at - truth["changed_at"]) <= 1
    assert change.actor == "release-automation"
    assert reader.collect(["nobody"], start=now - 1200, end=now).changes == ()
    assert reader.collect([truth["root_cause"]], start=now - 60, end=now).changes == ()


@pytest.mark.parametrize("name", ["nobody", "", "a b", "arn:aws:ecs:x", "a/b", "--cluster"])
def test_only_an_exact_plain_name_finds_anything(world: Stage, reader: Ecs, name: str) -> None:
    assert reader.find(KIND, name) == []
    assert reader.find("k8s.deployment", world.truth()["root_cause"]) == []


def test_reading_changes_nothing(world: Stage, reader: Ecs) -> None:
    before = world.records()["aws"]
    reader.find(KIND, world.truth()["root_cause"])
    reader.collect([world.truth()["root_cause"]], start=0, end=time.time())
    assert world.records()["aws"] == before


def test_trouble_is_missing_in_evidence_and_a_verdict_in_the_inventory(
    world: Stage, settings: Callable[..., Settings]
) -> None:
    gone = build(settings, "http://127.0.0.1:9", world.folder / "aws" / "reader.credentials")
    readings = gone.collect(["basket"], start=0, end=1)
    assert [one.source for one in readings.missing] == ["ecs"]
    with pytest.raises(WatchkeeperError, match="AWS cannot be read"):
        gone.find(KIND, "basket")


def test_a_bad_start_is_one_clear_line(tmp_path: Path, settings: Callable[..., Settings]) -> None:
    with pytest.raises(Permanent, match="WATCHKEEPER_AWS_READER_CREDENTIALS, WATCHKEEPER_AWS_REGION"):
        ecs.build(settings())
    with pytest.raises(Permanent, match="gone cannot be read; set WATCHKEEPER_AWS_READER_CREDENTIALS"):
        build(settings, "", tmp_path / "gone")


def event(at: float, call: str, **asked: Any) -> dict[str, Any]:
    error = asked.pop("error", "")
    detail = {"requestParameters": {"cluster": "production", **asked}, "errorCode": error}
    return {"EventTime": at, "EventName": call, "Username": "ci", "CloudTrailEvent": json.dumps(detail)}


HISTORY = [
    event(10, "CreateService", serviceName="cart", desiredCount=4, taskDefinition="cart:1"),
    event(20, "UpdateService", service="cart", desiredCount=6),
    event(25, "UpdateService", service="cart", desiredCount=60, error="AccessDenied"),
    event(
        30,
        "UpdateService",
        service="arn:aws:ecs:eu-west-1:1:service/production/cart",
        taskDefinition="cart:2",
    ),
    event(40, "UpdateService", service="cart", desiredCount=12),
    event(41, "UpdateService", service="cart", desiredCount=12, forceNewDeployment=True),
    event(50, "UpdateService", service="other", desiredCount=1),
    event(60, "UpdateService", service="cart", cluster="staging", desiredCount=1),
    {"EventTime": 70, "CloudTrailEvent": "no json"},
    {"EventTime": 80, "CloudTrailEvent": '{"requestParameters": null}'},
]


def test_a_history_gives_the_last_other_count_and_since_when() -> None:
    records = records_of(reversed(HISTORY), "production")
    assert count_history(records, "cart", 12) == {"previous_count": "6", "scaled_at": "40"}
    # Somebody else's scaler moved it: the trail knows an other count, but not since when.
    assert count_history(records, "cart", 9) == {"previous_count": "12"}
    assert count_history(records, "nobody", 9) == {}
    assert count_history(records_of(HISTORY[:1], "production"), "cart", 4) == {}


def test_a_history_gives_changes_in_order() -> None:
    changes = changes_of(records_of(HISTORY, "production"), ["cart"])
    assert [(change.at, change.kind, change.before, change.after) for change in changes] == [
        (20, ChangeKind.SCALE, "4", "6"),
        (30, ChangeKind.DEPLOY, "cart:1", "cart:2"),
        (40, ChangeKind.SCALE, "6", "12"),
    ]


def test_a_history_gives_the_revision_before_and_how_long_it_ran() -> None:
    records = records_of(HISTORY, "production")
    assert revision_history(records, "cart", "cart:2") == {
        "previous_revision": "cart:1",
        "deployed_at": "30",
        "previous_ran_s": "20",
    }
    # What is live was put there by nobody whom the trail knows.
    assert revision_history(records, "cart", "cart:3") == {}
    assert revision_history(records_of(HISTORY[:2], "production"), "cart", "cart:1") == {}
    again = [*HISTORY[:4], event(33, "UpdateService", service="cart", taskDefinition="cart:2")]
    assert revision_history(records_of(again, "production"), "cart", "cart:2")["deployed_at"] == "30"


def test_a_family_alone_is_the_revision_that_the_answer_tells() -> None:
    told = event(10, "CreateService", serviceName="cart", desiredCount=4, taskDefinition="cart")
    detail = json.loads(told["CloudTrailEvent"])
    detail["responseElements"] = {
        "service": {"taskDefinition": "arn:aws:ecs:eu-west-1:1:task-definition/cart:7"}
    }
    told["CloudTrailEvent"] = json.dumps(detail)
    later = event(900, "UpdateService", service="cart", taskDefinition="cart:8")
    records = records_of([told, later], "production")
    assert revision_history(records, "cart", "cart:8") == {
        "previous_revision": "cart:7",
        "deployed_at": "900",
        "previous_ran_s": "890",
    }
