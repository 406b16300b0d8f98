"""What no action of the catalogue may ever do, whatever is asked of it; each denial says how many cases it tried."""

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.adapters.executors import aws
from bot.domain.actions.ec2 import ISOLATE
from bot.domain.actions.table import ACTIONS, LIVE_FIELDS
from bot.domain.actions.waf import BLOCK_ADDRESS
from bot.domain.catalogue import Action, check_params
from bot.domain.errors import Permanent
from bot.domain.permissions import aws_permissions
from bot.domain.plan import ActionClass, Target
from tests.unit.domain.sound import SOUND

BOT = Path(__file__).parents[3] / "bot"
EXECUTORS = BOT / "adapters" / "executors"
# Identity, organisation, money, and the doors of the network: AWS's own service prefixes.
FORBIDDEN = {
    "account", "aws-portal", "billing", "budgets", "ce", "consolidatedbilling", "cur", "freetier", "iam",
    "identitystore", "invoicing", "organizations", "payments", "pricing", "purchase-orders", "sso", "sso-admin",
    "sts", "sustainability", "tax",
}  # fmt: skip
OPENS = re.compile(
    r"(authorize|create|modify|revoke)_?security_?group|create_?network_?acl|replace_?network_?acl|internet_?gateway"
    r"|associate_?address|create_?route|put_?bucket_?(policy|acl)|put_?public_?access|add_?permission",
    re.IGNORECASE,
)
EVERYBODY = ("0.0.0.0/0", "::/0", "::", "*", "0/0", "0.0.0.0/1", "2000::/3")
GROUPS = (
    "sg-0bad0bad0",
    "sg-0123456789abcdef0",
    "default",
    "sg-0a1b2c3f,sg-0bad0bad0",
    "sg-0bad0bad0,sg-0a1b2c3f",
)


@pytest.fixture(autouse=True)
def counted(request: pytest.FixtureRequest) -> Iterator[None]:
    """Print how many cases the denial tried; the test itself fails where it tried none."""
    request.node.tried = 0
    yield
    print(f"denial {request.node.name}: {request.node.tried} tried")


def tried(request: pytest.FixtureRequest, number: int = 1) -> None:
    request.node.tried += number


def test_no_action_calls_identity_organisation_or_billing(request: pytest.FixtureRequest) -> None:
    for action in ACTIONS.values():
        for permission in aws_permissions(action.permissions):
            assert permission.service not in FORBIDDEN, (action.id, permission)
            tried(request)
        for word in action.command(*_sample(action)):
            assert word not in FORBIDDEN, (action.id, word)
            tried(request)
    assert request.node.tried > 100


def test_no_executor_even_makes_a_client_of_them(request: pytest.FixtureRequest) -> None:
    """Read from the source: every name that a client is made of is a plain word outside that list."""
    for path in sorted(EXECUTORS.glob("*.py")):
        for call in _calls(path, "of"):
            [service] = call.args
            if path.name == "_aws_call.py":
                continue
            assert isinstance(service, ast.Constant), f"{path.name}:{call.lineno}"
            assert service.value not in FORBIDDEN - {"sts"}, f"{path.name}:{call.lineno}"
            tried(request)
    assert request.node.tried >= 8, aws.__name__


def test_no_executor_calls_anything_that_opens_a_network(request: pytest.FixtureRequest) -> None:
    for path in sorted(EXECUTORS.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                assert not OPENS.search(node.func.attr), f"{path.name}:{node.lineno} {node.func.attr}"
                tried(request)
    for action in ACTIONS.values():
        for permission in action.permissions:
            assert not OPENS.search(permission), (action.id, permission)
            tried(request)
    assert request.node.tried > 200


def test_no_parameter_of_any_action_takes_everybody(request: pytest.FixtureRequest) -> None:
    for action in ACTIONS.values():
        _target, params = _sample(action)
        for name, place in itertools.product(action.params, EVERYBODY):
            assert not _accepts(action, {**params, name: place}), (action.id, name, place)
            tried(request)
    assert request.node.tried > 100


def test_no_group_but_the_registered_one_is_attached(request: pytest.FixtureRequest) -> None:
    """Only `ec2/isolate-instance` has groups at all, and it takes its own and the former ones."""
    having = [one.id for one in ACTIONS.values() if "groups" in one.params or _names_groups(one)]
    assert having == [ISOLATE.id]
    free = SOUND["ec2.instance"]
    isolated = {**free, "groups": free["quarantine_group"], "previous_groups": "sg-0a1b2c3d,sg-0a1b2c3e"}
    lost = {**isolated, "previous_groups": ""}
    unregistered = {name: value for name, value in free.items() if name != "quarantine_group"}
    for live, wanted in itertools.product((free, isolated, lost, unregistered), GROUPS):
        assert not _accepts(ISOLATE, {"groups": wanted}) or ISOLATE.refuses(live, {"groups": wanted})
        tried(request)
    assert ISOLATE.refuses(free, {"groups": free["quarantine_group"]}) == ""
    assert ISOLATE.refuses(isolated, {"groups": isolated["previous_groups"]}) == ""
    assert request.node.tried == 20


def test_no_range_is_ever_blocked(request: pytest.FixtureRequest) -> None:
    """Every mask but that of one single address, for both families."""
    live = {**SOUND["waf.ip_set"], "protected_ranges": "44.0.0.0/16"}
    for bits in range(33):
        params: dict[str, str | int] = {"address": f"44.128.9.7/{bits}", "blocked": 1}
        assert (_accepts(BLOCK_ADDRESS, params) and not BLOCK_ADDRESS.refuses(live, params)) is (bits == 32)
        tried(request)
    for bits in range(129):
        params = {"address": f"2a05:d018::7/{bits}", "blocked": 1}
        six = {**live, "version": "6"}
        assert (_accepts(BLOCK_ADDRESS, params) and not BLOCK_ADDRESS.refuses(six, params)) is (bits == 128)
        tried(request)
    for last in range(256):
        params = {"address": f"44.0.9.{last}/32", "blocked": 1}
        assert BLOCK_ADDRESS.refuses(live, params)
        tried(request)
    assert request.node.tried == 33 + 129 + 256


def test_what_destroys_is_declared_destructive_and_nothing_deletes(request: pytest.FixtureRequest) -> None:
    deleting = re.compile(r":(Delete|Terminate|Deregister|Destroy|Purge)", re.IGNORECASE)
    for action in ACTIONS.values():
        for permission in action.permissions:
            if permission.startswith("iam:"):
                assert not deleting.search(permission), (action.id, permission)
                tried(request)
    assert ACTIONS["rds/failover"].klass is ActionClass.DESTRUCTIVE
    assert ACTIONS["rds/reboot"].klass is ActionClass.DESTRUCTIVE
    assert request.node.tried > 30


def _sample(action: Action) -> tuple[Target, dict[str, str | int]]:
    params: dict[str, str | int] = {
        name: one.minimum if one.kind == "integer" else "1" for name, one in action.params.items()
    }
    return Target(action.target_kind, "n", "s", "u", "n"), params


def _accepts(action: Action, params: dict[str, str | int]) -> bool:
    try:
        check_params(action, params)
    except Permanent:
        return False
    return True


def _names_groups(action: Action) -> bool:
    fields = LIVE_FIELDS[action.target_kind]
    sets = action.sets(_sample(action)[1])
    return bool({"groups", "security_groups"} & fields & set(sets))


def _calls(path: Path, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and name in (
            getattr(node.func, "attr", ""),
            getattr(node.func, "id", ""),
        ):
            yield node
