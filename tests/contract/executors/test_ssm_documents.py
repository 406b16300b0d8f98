"""Registered SSM documents: sent and read back on moto, failures and running ones stubbed, others never sent."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from bot.adapters.evidence.ssm import Ssm
from bot.adapters.executors._aws_call import Clients
from bot.adapters.executors._aws_ssm import ManagedInstances
from bot.adapters.executors._surfaces import SurfaceExecutor
from bot.adapters.ssm_look import SsmLook
from bot.domain.actions.ssm_documents import KILL_QUERIES, RUN_GC
from bot.domain.actions.table import LIVE_FIELDS
from bot.domain.catalogue import Action, planned_step
from bot.domain.errors import Permanent, Refused, Undecided
from bot.domain.plan import PlannedStep, Target
from tests.contract.executors.bench import REGION, moto, write_credentials
from tests.contract.executors.network_scenes import client

TOKEN = "p:step:do"
INSTANCE = "i-0a1b2c3d4e5f60718"
DOCUMENTS = {"jvm-gc": "ops-jvm-gc", "kill-queries": "ops-kill-queries"}
TARGET = Target("ssm.instance", INSTANCE, REGION, INSTANCE, "cart")


class Stubbed:
    """The surface over hand-written answers; the look is the real one."""

    def __init__(self) -> None:
        self.ssm = client("http://127.0.0.1:9", "ssm")
        self.stub = Stubber(self.ssm)
        self.look = SsmLook(self.ssm, DOCUMENTS)
        self.executor = SurfaceExecutor("aws", (ManagedInstances(self.ssm, self.look, REGION),))

    def reads(self, *runs: tuple[int, str, int], ping: str = "Online") -> None:
        """Commands of the first document, newest last: (sent at, status, response code)."""
        self.stub.add_response(
            "describe_instance_information",
            {
                "InstanceInformationList": [
                    {"InstanceId": INSTANCE, "PingStatus": ping, "PlatformType": "Linux"}
                ]
            },
        )
        commands = [
            {"CommandId": f"{at:036d}", "RequestedDateTime": datetime.fromtimestamp(at, UTC)}
            for at, _status, _code in runs
        ]
        self.stub.add_response("list_commands", {"Commands": commands})
        for _at, status, code in reversed(runs):
            self.stub.add_response("get_command_invocation", {"Status": status, "ResponseCode": code})
            if (status, code) == ("Success", 0):
                break
        self.stub.add_response("list_commands", {"Commands": []})

    def step(self, action: Action = RUN_GC, field: str = "gc", *runs: tuple[int, str, int]) -> PlannedStep:
        self.reads(*runs)
        live = self.executor.read(TARGET)
        params: dict[str, str | int] = {
            "document": live[f"{field}_document"],
            "after": live[f"{field}_sent_at"],
        }
        return planned_step(action, "run", TARGET, live, params)


def test_a_run_is_sent_once_and_read_back_from_its_invocation() -> None:
    here = Stubbed()
    with here.stub as stub:
        step = here.step(RUN_GC, "gc", (100, "Success", 0))
        assert step.params == {"document": "ops-jvm-gc", "after": "100"}
        here.reads((100, "Success", 0))
        stub.add_response(
            "send_command",
            {"Command": {"CommandId": "c" * 36}},
            {
                "InstanceIds": [INSTANCE],
                "DocumentName": "ops-jvm-gc",
                "TimeoutSeconds": 60,
                "Comment": f"watchkeeper {TOKEN[:16]}",
            },
        )
        here.executor.call(step, token=TOKEN)
        for run, done in (
            ((200, "InProgress", -1), False),
            ((200, "Failed", 1), False),
            ((200, "Success", 0), True),
        ):
            here.reads((100, "Success", 0), run)
            assert here.executor.settled(step, token=TOKEN) is done
        here.reads((100, "Success", 0), (200, "Success", 0))
        with pytest.raises(Refused) as refused:
            here.executor.call(step, token=TOKEN)
        assert refused.value.rule == "run_meanwhile"
        stub.assert_no_pending_responses()


def test_a_success_that_the_process_itself_denies_is_none() -> None:
    here = Stubbed()
    with here.stub:
        step = here.step()
        here.reads((200, "Success", 3))
        assert not here.executor.settled(step, token=TOKEN)


@pytest.mark.parametrize("document", ["AWS-RunShellScript", "ops-kill-queries", "ops-jvm-gc; rm", "", "--x"])
def test_no_other_document_is_ever_sent(document: str) -> None:
    here = Stubbed()
    with here.stub:
        step = here.step()
        params: dict[str, str | int] = {"document": document, "after": "0"}
        crooked = dataclasses.replace(step, params=params, command=RUN_GC.command(TARGET, params))
        here.reads()
        with pytest.raises((Refused, Permanent)):
            here.executor.call(crooked, token=TOKEN)


def test_no_document_of_another_purpose_and_none_without_an_agent() -> None:
    live = {"ping": "Online", "gc_document": "ops-jvm-gc", "gc_sent_at": "0", "gc_done_at": "0"}
    mine = {"document": "ops-jvm-gc", "after": "0"}
    assert RUN_GC.refuses(live, mine) == ""
    assert "not the one registered" in KILL_QUERIES.refuses(live, mine)
    assert "agent" in RUN_GC.refuses({**live, "ping": "ConnectionLost"}, mine)


def test_a_lost_reply_is_undecided() -> None:
    here = Stubbed()
    with here.stub as stub:
        step = here.step()
        here.reads()
        stub.add_client_error("send_command", "InternalServerError", http_status_code=500)
        with pytest.raises(Undecided):
            here.executor.call(step, token=TOKEN)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with moto() as running:
        yield running


def managed(url: str) -> str:
    ec2 = client(url, "ec2")
    made = ec2.run_instances(
        ImageId="ami-12c6146b", MinCount=1, MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "service", "Value": "cart"}]}],
    )  # fmt: skip
    return str(made["Instances"][0]["InstanceId"])


class Known(SsmLook):
    """moto keeps no list of managed instances; everything else is asked of it."""

    def managed(self, key: str, value: str) -> list[Any]:
        return [{"InstanceId": value, "PingStatus": "Online", "PlatformType": "Linux"}]


@pytest.mark.parametrize(("action", "field"), [(RUN_GC, "gc"), (KILL_QUERIES, "kill")])
def test_sent_and_read_back_on_a_server(url: str, tmp_path: Path, action: Action, field: str) -> None:
    instance = managed(url)
    ssm = Clients(write_credentials(tmp_path / "keys"), REGION, url).of("ssm")
    executor = SurfaceExecutor("aws", (ManagedInstances(ssm, Known(ssm, DOCUMENTS), REGION),))
    target = Target("ssm.instance", instance, REGION, instance, "cart")
    live = executor.read(target)
    assert set(live) == {"uid", *LIVE_FIELDS["ssm.instance"]}
    params: dict[str, str | int] = {"document": live[f"{field}_document"], "after": live[f"{field}_sent_at"]}
    step = planned_step(action, "run", target, live, params)
    assert not executor.settled(step, token=TOKEN)
    assert "was sent to" in executor.call(step, token=TOKEN)
    assert executor.settled(step, token=TOKEN)


def test_the_inventory_asks_by_exact_tag() -> None:
    here = Stubbed()
    with here.stub:
        here.reads((100, "Success", 0))
        [(target, live)] = Ssm(here.look, REGION).find("ssm.instance", "cart")
    assert target == TARGET
    assert (live["gc_done_at"], live["kill_done_at"]) == ("100", "0")
    assert Ssm(here.look, REGION).find("ssm.instance", "a b") == []
