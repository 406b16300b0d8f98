"""What the rollbacks on AWS guard themselves, since a test server takes what AWS would not, and keep to themselves."""

import dataclasses
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from bot.adapters.executors._aws_appconfig import Configurations
from bot.domain.actions.appconfig import START_DEPLOYMENT
from bot.domain.actions.ecs import SET_TASK_DEFINITION
from bot.domain.actions.lambda_alias import SET_ALIAS_VERSION
from bot.domain.actions.parameters import RESTORE_PARAMETER
from bot.domain.catalogue import Action, Params, planned_step
from bot.domain.errors import Conflict, Permanent, Refused
from bot.domain.plan import PlannedStep, Target
from tests.contract.executors import aws_scenes
from tests.contract.executors.bench import REGION, Bench, moto

TOKEN = "p:change:do"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with moto() as running:
        yield running


def step_with(bench: Bench, action: Action, params: Params) -> PlannedStep:
    """A step whose inputs somebody got wrong, as a plan could hold it."""
    return dataclasses.replace(
        bench.step(), params=params, command=action.command(bench.target, params), action=action.id
    )


def refusal(bench: Bench, step: PlannedStep) -> str:
    """The rule that both the dry run and the call say no with."""
    before = bench.executor.read(bench.target)
    rules = set()
    for ask in (bench.executor.dry_run, lambda one: bench.executor.call(one, token=TOKEN)):
        with pytest.raises(Refused) as refused:
            ask(step)
        rules.add(refused.value.rule)
    assert bench.executor.read(bench.target) == before
    [rule] = rules
    return rule


@pytest.mark.parametrize(
    "scene", [aws_scenes.lambda_alias, aws_scenes.parameter], ids=["lambda", "parameter"]
)
def test_another_region_or_namesake_is_refused(url: str, tmp_path: Path, scene: Any) -> None:
    bench = scene(url, tmp_path)
    step = bench.step()
    abroad = dataclasses.replace(step.target, scope="us-east-1")
    with pytest.raises(Refused) as refused:
        bench.executor.read(abroad)
    assert refused.value.rule == "outside_region"
    namesake = dataclasses.replace(step, target=dataclasses.replace(step.target, uid="arn:other"))
    assert refusal(bench, namesake) == "target_changed"
    assert not bench.executor.settled(namesake, token=TOKEN)


def test_only_a_registered_active_task_definition_is_deployed(url: str, tmp_path: Path) -> None:
    bench = aws_scenes.ecs_revision(url, tmp_path)
    step = bench.step()
    family = str(step.params["revision"]).rpartition(":")[0]
    aws_scenes.client(url, "ecs").deregister_task_definition(taskDefinition=f"{family}:1")
    assert refusal(bench, step) == "task_definition_inactive"
    with pytest.raises(Permanent):
        bench.executor.call(step_with(bench, SET_TASK_DEFINITION, {"revision": f"{family}:9"}), token=TOKEN)


def test_a_rollout_under_way_is_not_settled(url: str, tmp_path: Path) -> None:
    bench = aws_scenes.ecs_revision(url, tmp_path)
    step = bench.step()
    bench.executor.call(step, token=TOKEN)
    assert bench.executor.read(bench.target)["revision"] == step.params["revision"]
    assert not bench.executor.settled(step, token=TOKEN)
    assert bench.settled(step, TOKEN)


def test_an_alias_that_splits_its_traffic_is_refused(url: str, tmp_path: Path) -> None:
    bench = aws_scenes.lambda_alias(url, tmp_path)
    step = bench.step()
    function, _, alias = bench.target.name.partition(":")
    aws_scenes.client(url, "lambda").update_alias(
        FunctionName=function, Name=alias, RoutingConfig={"AdditionalVersionWeights": {"3": 0.1}}
    )
    assert refusal(bench, step) == "action_refuses"


def test_a_version_that_does_not_exist_is_no_target(url: str, tmp_path: Path) -> None:
    """The test server would take it."""
    bench = aws_scenes.lambda_alias(url, tmp_path)
    with pytest.raises(Permanent):
        bench.executor.call(step_with(bench, SET_ALIAS_VERSION, {"version": 9}), token=TOKEN)
    assert bench.executor.read(bench.target)["version"] == "2"


def test_an_alias_changed_meanwhile_is_a_conflict(url: str, tmp_path: Path) -> None:
    """AWS compares the revision id that the executor read a moment before; the script stands for AWS here."""
    bench = aws_scenes.lambda_alias(url, tmp_path)
    step = bench.step()
    surface = bench.executor._surfaces["lambda.alias"]  # type: ignore[attr-defined]
    real = surface._functions
    function, _, alias = bench.target.name.partition(":")
    told = real.get_alias(FunctionName=function, Name=alias)
    version = real.get_function_configuration(FunctionName=function, Qualifier="1")
    with Stubber(real) as stub:
        stub.add_response("get_alias", without_meta(told))
        stub.add_response("get_function_configuration", without_meta(version))
        stub.add_client_error(
            "update_alias", "PreconditionFailedException", http_status_code=412,
            expected_params={
                "FunctionName": function, "Name": alias, "FunctionVersion": "1", "RevisionId": told["RevisionId"]
            },
        )  # fmt: skip
        with pytest.raises(Conflict):
            bench.executor.call(step, token=TOKEN)


def without_meta(answer: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}


def test_a_value_stands_in_no_plan_answer_or_log(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    bench = aws_scenes.parameter(url, tmp_path)
    ssm, name = aws_scenes.client(url, "ssm"), bench.target.name
    for value in ("hunter-two-hidden", "spoilt-and-hidden"):
        ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)
    step = planned_step(
        RESTORE_PARAMETER, "change", bench.target, bench.executor.read(bench.target), {"to_version": 4}
    )
    said = bench.executor.call(step, token=TOKEN)
    assert ssm.get_parameter(Name=name)["Parameter"]["Value"] == "hunter-two-hidden"
    live = bench.executor.read(bench.target)
    assert (live["version"], live["holds_4"], live["holds_6"]) == ("6", "yes", "yes")
    everything = json.dumps([dataclasses.asdict(step), said, dict(live), caplog.text])
    assert "hidden" not in everything


def test_a_secure_string_is_neither_restored_nor_read(url: str, tmp_path: Path) -> None:
    bench = aws_scenes.parameter(url, tmp_path)
    step = bench.step()
    ssm, name = aws_scenes.client(url, "ssm"), bench.target.name
    ssm.put_parameter(Name=name, Value="s", Type="SecureString", Overwrite=True)
    assert refusal(bench, step) == "action_refuses"
    assert [field for field in bench.executor.read(bench.target) if field.startswith("holds")] == []
    assert ssm.get_parameter(Name=name)["Parameter"]["Version"] == 4


def test_a_version_of_another_type_or_out_of_history_is_refused(url: str, tmp_path: Path) -> None:
    bench = aws_scenes.parameter(url, tmp_path)
    ssm, name = aws_scenes.client(url, "ssm"), bench.target.name
    ssm.put_parameter(Name=name, Value="a,b", Type="StringList", Overwrite=True)
    assert refusal(bench, step_with(bench, RESTORE_PARAMETER, {"to_version": 3})) == "type_changed"
    assert refusal(bench, step_with(bench, RESTORE_PARAMETER, {"to_version": 99})) == "version_gone"


STRATEGY = {"DeploymentDurationInMinutes": 0, "FinalBakeTimeInMinutes": 0}
FLAGS = Target("appconfig.configuration", "cart:production:flags", REGION, "app1/env1/pro1", "cart")
PLACE = {"ApplicationId": "app1", "EnvironmentId": "env1"}
AT = datetime(2030, 1, 1, tzinfo=UTC)


class AppConfig:
    """AWS's own client with a script: the test server knows no deployments, so that only this proves the calls."""

    def __init__(self, url: str) -> None:
        self.client = aws_scenes.client(url, "appconfig")
        self.stub = Stubber(self.client)
        self.surface = Configurations(self.client, REGION, "abc1234")
        self.stub.activate()

    def tell(self, *deployments: tuple[int, str, str, str]) -> None:
        """One read: (number, profile, version, state) each."""
        self.stub.add_response(
            "list_deployments",
            {"Items": [{"DeploymentNumber": one[0], "ConfigurationName": "flags"} for one in deployments]},
            {**PLACE, "MaxResults": 50},
        )
        for number, profile, version, state in deployments:
            self.stub.add_response(
                "get_deployment",
                {
                    "DeploymentNumber": number, "ConfigurationProfileId": profile, "StartedAt": AT,
                    "ConfigurationVersion": version, "State": state,
                },
                {**PLACE, "DeploymentNumber": number},
            )  # fmt: skip

    def check(self, version: int = 4, **strategy: int) -> None:
        """The two reads of a dry run."""
        self.stub.add_response(
            "get_deployment_strategy", {**STRATEGY, **strategy}, {"DeploymentStrategyId": "abc1234"}
        )
        self.stub.add_response(
            "get_hosted_configuration_version",
            {"VersionNumber": version},
            {"ApplicationId": "app1", "ConfigurationProfileId": "pro1", "VersionNumber": version},
        )


@pytest.fixture
def appconfig(url: str) -> Iterator[AppConfig]:
    made = AppConfig(url)
    yield made
    made.stub.assert_no_pending_responses()
    made.stub.deactivate()


PAST = ((7, "pro1", "4", "COMPLETE"), (8, "pro1", "5", "COMPLETE"), (9, "pro2", "9", "COMPLETE"))


def to_version_4(appconfig: AppConfig) -> PlannedStep:
    appconfig.tell(*PAST)
    live = appconfig.surface.read(FLAGS)
    assert (live["version"], live["previous_version"], live["state"]) == ("5", "4", "COMPLETE")
    return planned_step(START_DEPLOYMENT, "change", FLAGS, live, {"version": 4, "strategy": "abc1234"})


def test_a_configuration_is_deployed_and_read_back(appconfig: AppConfig) -> None:
    step = to_version_4(appconfig)
    assert step.undo_params == {"version": 5, "strategy": "abc1234"}
    appconfig.tell(*PAST)
    appconfig.check()
    appconfig.stub.add_response(
        "start_deployment",
        {"DeploymentNumber": 10},
        {
            **PLACE, "ConfigurationProfileId": "pro1", "ConfigurationVersion": "4",
            "DeploymentStrategyId": "abc1234",
        },
    )  # fmt: skip
    assert "deployment 10 of version 4" in appconfig.surface.call(step, token=TOKEN)
    for state, settled in (("DEPLOYING", False), ("COMPLETE", True), ("ROLLED_BACK", False)):
        appconfig.tell(*PAST, (10, "pro1", "4", state))
        assert START_DEPLOYMENT.settled(appconfig.surface.read(FLAGS), step.params) is settled


def test_one_deployment_at_a_time_and_none_that_bakes(appconfig: AppConfig) -> None:
    step = to_version_4(appconfig)
    appconfig.tell(*PAST, (10, "pro1", "6", "BAKING"))
    with pytest.raises(Refused) as refused:
        appconfig.surface.call(step, token=TOKEN)
    assert refused.value.rule == "action_refuses"
    appconfig.tell(*PAST)
    appconfig.check(FinalBakeTimeInMinutes=10)
    with pytest.raises(Refused) as refused:
        appconfig.surface.call(step, token=TOKEN)
    assert refused.value.rule == "slow_strategy"


def test_a_deployment_that_somebody_else_started_is_a_conflict(appconfig: AppConfig) -> None:
    step = to_version_4(appconfig)
    appconfig.tell(*PAST)
    appconfig.check()
    appconfig.stub.add_client_error("start_deployment", "ConflictException", http_status_code=409)
    with pytest.raises(Conflict):
        appconfig.surface.call(step, token=TOKEN)
