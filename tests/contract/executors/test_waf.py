"""Blocking an address: only a single, public, unprotected one that WAF itself sampled; the list on moto, samples stubbed."""

import dataclasses
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from bot.adapters.evidence.waf import IpSets as Inventory
from bot.adapters.executors._aws_waf import IpSets
from bot.adapters.executors._surfaces import SurfaceExecutor
from bot.domain.actions.table import LIVE_FIELDS
from bot.domain.actions.waf import BLOCK_ADDRESS
from bot.domain.catalogue import planned_step
from bot.domain.errors import Conflict, Permanent, Refused
from bot.domain.live_ip_set import candidate_of, why_not
from bot.domain.plan import PlannedStep, Target
from bot.settings import WafIpSet
from tests.contract.executors.bench import moto
from tests.contract.executors.network_scenes import client, own_client, shared_client

TOKEN = "p:step:do"
ADDRESS = "44.128.9.7/32"
OFFICE = "44.0.0.0/16"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with moto() as running:
        yield running


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@dataclasses.dataclass
class Scene:
    """One IP set, and the executor that may write it."""

    waf: Any
    known: WafIpSet
    target: Target
    executor: SurfaceExecutor

    def held(self) -> list[str]:
        found = self.waf.get_ip_set(Name=self.known.name, Scope=self.known.scope, Id=self.known.id)
        return sorted(found["IPSet"]["Addresses"])

    def step(self, address: str = ADDRESS) -> PlannedStep:
        live = self.executor.read(self.target)
        return planned_step(BLOCK_ADDRESS, "block", self.target, live, {"address": address, "blocked": 1})


@pytest.fixture
def scene(url: str, keys: Path) -> Scene:
    waf = shared_client(url, "wafv2")
    name = f"blocked-{uuid.uuid4().hex[:6]}"
    made = waf.create_ip_set(Name=name, Scope="REGIONAL", IPAddressVersion="IPV4", Addresses=["44.5.5.5/32"])
    known = WafIpSet(
        name=name,
        id=made["Summary"]["Id"],
        web_acl="arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/shop/1",
        rule="abuse",
    )
    ours = own_client(url, keys, "wafv2")
    executor = SurfaceExecutor("aws", (IpSets(ours, (known,), (OFFICE,)),))
    target = Target("waf.ip_set", name, "REGIONAL", made["Summary"]["ARN"], "shop")
    return Scene(waf, known, target, executor)


def back(step: PlannedStep) -> PlannedStep:
    assert step.undo_params is not None
    assert step.undo_command is not None
    return dataclasses.replace(step, params=step.undo_params, command=step.undo_command)


def test_an_address_is_blocked_and_let_through_again(scene: Scene) -> None:
    step = scene.step()
    scene.executor.dry_run(step)
    assert not scene.executor.settled(step, token=TOKEN)
    assert scene.executor.call(step, token=TOKEN) == f"{ADDRESS} is blocked by {scene.known.name}"
    assert scene.executor.settled(step, token=TOKEN)
    assert scene.held() == [ADDRESS, "44.5.5.5/32"]
    scene.executor.call(step, token=TOKEN)
    assert scene.held() == [ADDRESS, "44.5.5.5/32"]
    undo = back(step)
    scene.executor.call(undo, token=TOKEN)
    assert scene.executor.settled(undo, token=TOKEN)
    assert scene.held() == ["44.5.5.5/32"]


def test_what_was_blocked_before_stays_blocked_after_the_undo(scene: Scene) -> None:
    step = scene.step("44.5.5.5/32")
    assert step.undo_params == {"address": "44.5.5.5/32", "blocked": 1}


# What may never be blocked: ranges, everybody, our own and private places, and what is no address.
NEVER = [
    "0.0.0.0/0", "::/0", "44.128.9.0/24", "44.128.9.7/31", "2a00:1::/64", "44.0.3.4/32", "10.0.0.1/32",
    "192.168.1.1/32", "172.16.0.1/32", "127.0.0.1/32", "169.254.169.254/32", "100.64.0.1/32", "224.0.0.1/32",
    "255.255.255.255/32", "0.0.0.0/32", "::1/128", "fe80::1/128", "fd00::1/128", "2001:db8::1/128",
    "2a00:1450::1/128", "44.128.9.7", "44.128.9.999/32", "44.128.9.7/32,0.0.0.0/0", "--all", "",
]  # fmt: skip


@pytest.mark.parametrize("address", NEVER)
def test_what_may_never_be_blocked(scene: Scene, address: str) -> None:
    before = scene.held()
    assert why_not(address, scene.executor.read(scene.target))
    step = scene.step()
    params: dict[str, str | int] = {"address": address, "blocked": 1}
    crooked = dataclasses.replace(step, params=params, command=BLOCK_ADDRESS.command(step.target, params))
    with pytest.raises((Refused, Permanent)):
        scene.executor.call(crooked, token=TOKEN)
    assert scene.held() == before


def test_another_set_or_another_command_is_refused(scene: Scene) -> None:
    step = scene.step()
    for crooked in (
        dataclasses.replace(step, target=dataclasses.replace(step.target, name="other")),
        dataclasses.replace(step, target=dataclasses.replace(step.target, uid="arn:other")),
        dataclasses.replace(step, command=(*step.command, "--no")),
    ):
        with pytest.raises((Refused, Permanent)):
            scene.executor.call(crooked, token=TOKEN)


def test_somebody_elses_change_in_between_is_a_conflict(scene: Scene) -> None:
    stubbed = client("http://127.0.0.1:9", "wafv2")
    executor = SurfaceExecutor("aws", (IpSets(stubbed, (scene.known,), ()),))
    step = scene.step()
    answer = scene.waf.get_ip_set(Name=scene.known.name, Scope=scene.known.scope, Id=scene.known.id)
    answer.pop("ResponseMetadata")
    with Stubber(stubbed) as stub:
        stub.add_response("get_ip_set", answer)
        stub.add_client_error("update_ip_set", "WAFOptimisticLockException", http_status_code=400)
        with pytest.raises(Conflict):
            executor.call(step, token=TOKEN)


def sampled(*clients: tuple[str, int]) -> list[dict[str, Any]]:
    return [{"Request": {"ClientIP": one}, "Weight": weight} for one, weight in clients]


def test_the_inventory_binds_the_client_that_wafs_own_rule_sampled_most(scene: Scene) -> None:
    stubbed = client("http://127.0.0.1:9", "wafv2")
    reader = Inventory(stubbed, {"shop": scene.known}, (OFFICE,))
    answer = scene.waf.get_ip_set(Name=scene.known.name, Scope=scene.known.scope, Id=scene.known.id)
    answer.pop("ResponseMetadata")
    requests = sampled(("44.0.9.9", 90), ("10.1.1.1", 80), ("44.128.9.7", 30), ("44.128.9.8", 2))
    with Stubber(stubbed) as stub:
        stub.add_response("get_ip_set", answer)
        stub.add_response(
            "get_sampled_requests",
            {"SampledRequests": requests},
            {
                "WebAclArn": scene.known.web_acl,
                "RuleMetricName": "abuse",
                "Scope": "REGIONAL",
                "TimeWindow": ANY,
                "MaxItems": 500,
            },
        )
        [(target, live)] = reader.find("waf.ip_set", "shop")
    assert target == scene.target
    assert set(live) == {"uid", *LIVE_FIELDS["waf.ip_set"]}
    assert (live["candidate"], live["candidate_requests"]) == (ADDRESS, "30")
    assert reader.find("waf.ip_set", "other") == reader.find("ec2.instance", "shop") == []


@pytest.mark.parametrize("clients", [[], [("10.0.0.1", 9)], [("not an address", 9)], [("44.0.1.1", 9)]])
def test_no_candidate_is_made_up(scene: Scene, clients: list[tuple[str, int]]) -> None:
    assert candidate_of(sampled(*clients), scene.executor.read(scene.target)) == {}
