"""What holds for the whole catalogue, action by action: complete, bounded, and closed to what must never be opened."""

import itertools
import json
import re
from collections.abc import ItemsView, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from bot.adapters.playbooks.yaml_files import read_folder
from bot.domain.action_facts import (
    example_command,
    example_target,
    fields_set,
    sample_live,
    sample_params,
    units,
    way_back,
)
from bot.domain.action_page import page_name
from bot.domain.action_words.table import WORDS
from bot.domain.actions.table import ACTIONS, LIVE_FIELDS
from bot.domain.catalogue import Action, Params
from bot.domain.permissions import AwsPermission, KubePermission, permission_of
from bot.domain.plan import ActionClass
from tests.contract.executors.beds import BEDS, WITHOUT_PLAYBOOK

ROOT = Path(__file__).resolve().parents[3]
# Whose APIs no action may call: identities, the organisation, money, and sessions beyond its own role.
CLOSED_SERVICES = {
    "iam", "organizations", "account", "sso", "sso-admin", "identitystore", "sts", "kms", "secretsmanager", "billing",
    "budgets", "ce", "cur", "aws-portal", "payments", "invoicing", "purchase-orders", "tax", "savingsplans",
}  # fmt: skip
CLOSED_KUBE = {
    "secrets", "roles", "rolebindings", "clusterroles", "clusterrolebindings", "serviceaccounts", "users", "groups",
    "certificatesigningrequests", "mutatingwebhookconfigurations", "validatingwebhookconfigurations",
}  # fmt: skip
# What opens a door to everybody, or attaches rules that nobody registered.
OPENING = ("0.0.0.0/0", "::/0", "authorize-security-group", "cidr")
EVERY = pytest.mark.parametrize("action", ACTIONS.values(), ids=lambda action: action.id)


@cache
def used_by() -> dict[str, list[str]]:
    """Action -> the shipped playbooks that use it."""
    playbooks, findings = read_folder(ROOT / "playbooks")
    assert findings == []
    return {
        action: [one.id for one in playbooks if action in {step.uses for step in one.steps}]
        for action in ACTIONS
    }


def variants(action: Action) -> Iterator[Params]:
    """Parameters at both ends of every bound, in all combinations."""
    ends: list[list[str | int]] = [
        [param.minimum, param.maximum] if param.kind == "integer" else [name.upper()]
        for name, param in action.params.items()
    ]
    for values in itertools.product(*ends):
        yield dict(zip(action.params, values, strict=True))


@EVERY
def test_it_is_complete(action: Action) -> None:
    """Class, way back or the lack of it, read-back, permission, bed, page, words, and somebody who uses it."""
    assert action.klass in ActionClass
    assert action.permissions
    assert action.target_kind in LIVE_FIELDS
    assert set(action.expect) <= LIVE_FIELDS[action.target_kind]
    assert units(action) or action.read_only
    back = way_back(action)
    assert back is None or action.nothing_to_undo or set(back) == set(action.params)
    assert BEDS[action.id].beds
    assert WORDS[action.id].does.endswith(".")
    assert (ROOT / "docs" / "actions" / page_name(action)).is_file()
    assert used_by()[action.id] or WITHOUT_PLAYBOOK.get(action.id)


@EVERY
def test_its_read_back_depends_on_what_is_live(action: Action) -> None:
    """A constant read-back proves nothing; it must name a live field, which a mapping that records shows."""
    if action.read_only:
        return
    asked: list[str] = []

    class Recording(dict[str, str]):
        """Live fields that note what is read."""

        def __getitem__(self, field: str) -> str:
            asked.append(field)
            return super().__getitem__(field)

        def get(self, field: str, default: str = "") -> str:  # type: ignore[override]  # Strings alone are asked for.
            asked.append(field)
            return super().get(field, default)

        def items(self) -> ItemsView[str, str]:  # type: ignore[override]  # A view of the same kind.
            asked.append("*")
            return super().items()

    fields = {*sample_live(action), *fields_set(action), "total", "observed_generation"}
    action.settled(Recording(dict.fromkeys(fields, "1")), sample_params(action))
    assert asked


@EVERY
def test_an_undo_restores_what_it_set(action: Action) -> None:
    """The inverse, applied, sets the same live fields as the action itself."""
    back = way_back(action)
    if back is None or action.nothing_to_undo:
        return
    numbered = [
        {re.sub("[0-9]+", "N", field) for field in fields}
        for fields in (action.sets(back), fields_set(action))
    ]
    assert numbered[0] == numbered[1]


@EVERY
def test_irreversible_ones_are_last_in_every_playbook_or_stop_there(action: Action) -> None:
    if way_back(action) is not None:
        return
    for playbook in read_folder(ROOT / "playbooks")[0]:
        for step in playbook.steps:
            assert step.uses != action.id or step.irreversible, playbook.id


def test_no_permission_reaches_identities_the_organisation_or_money() -> None:
    tried, broken = 0, []
    for action in ACTIONS.values():
        for text in action.permissions:
            tried += 1
            one = permission_of(text)
            closed = (isinstance(one, AwsPermission) and one.service in CLOSED_SERVICES) or (
                isinstance(one, KubePermission)
                and (
                    one.resource.partition("/")[0] in CLOSED_KUBE or one.group == "rbac.authorization.k8s.io"
                )
            )
            if closed:
                broken.append((action.id, text))
    assert broken == []
    assert tried >= 50


def test_no_command_opens_anything_to_everybody() -> None:
    tried, broken = 0, []
    for action in ACTIONS.values():
        for params in variants(action):
            tried += 1
            text = " ".join(
                (
                    *action.command(example_target(action), params),
                    action.manifest(example_target(action), params),
                )
            )
            broken += [(action.id, mark) for mark in OPENING if mark in text.lower()]
    assert broken == []
    assert tried >= len(ACTIONS)


def test_no_policy_lets_anything_in_by_address() -> None:
    """Network policies say who may come by labels, and never by address ranges or by nothing at all."""
    tried = 0
    for action in ACTIONS.values():
        for params in variants(action):
            manifest = action.manifest(example_target(action), params)
            if not manifest:
                continue
            policy = json.loads(manifest)
            tried += 1
            assert policy["kind"] == "NetworkPolicy"
            assert "ipBlock" not in manifest
            for direction, peers in (("ingress", "from"), ("egress", "to")):
                assert all(rule.get(peers) for rule in policy["spec"].get(direction, [])), action.id
    assert tried


@EVERY
def test_no_command_is_a_shell_line(action: Action) -> None:
    """One program of a closed list, and every other word is no shell's syntax."""
    command = example_command(action)
    assert command[0] in {"kubectl", "aws", "forensics", "postgresql", "jolokia"}
    assert not {"sh", "bash", "-c", "eval", "exec"} & (
        set(command) - {"exec"} if command[0] == "jolokia" else set(command)
    )
    if action.executor == "kubectl" and "--filename=-" not in command:
        assert "--" in command
        assert not [word for word in command[command.index("--") + 1 :] if word.startswith("-")]


@EVERY
def test_its_numbers_are_bounded_and_its_names_are_anchored(action: Action) -> None:
    for name, param in action.params.items():
        if param.kind == "integer":
            assert param.minimum <= param.maximum <= 1_000_000_000, name
        else:
            assert param.pattern, name
            assert ".*" not in param.pattern, name
            assert " " not in param.pattern, name


@EVERY
def test_what_one_click_does_goes_back_or_takes_nothing_away(action: Action) -> None:
    """A safe action has a way back, or leaves nothing to undo, or only adds a copy."""
    if action.klass is ActionClass.SAFE:
        assert (
            action.nothing_to_undo
            or way_back(action) is not None
            or set(units(action)) <= {"volumes", "gigabytes", "instances"}
        )


def test_the_table_has_no_name_twice() -> None:
    names: Mapping[str, int] = {page_name(action): 0 for action in ACTIONS.values()}
    assert len(names) == len(ACTIONS)
