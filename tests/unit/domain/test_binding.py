"""Binding as a property: whatever the inventory says, a command holds constants, identifiers and bounded numbers."""

import re
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from bot.adapters.playbooks.yaml_files import read_folder
from bot.domain.actions.table import ACTIONS, LIVE_FIELDS, action_of
from bot.domain.binding import bind
from bot.domain.catalogue import NAME
from bot.domain.errors import WatchkeeperError
from bot.domain.plan import Target
from bot.domain.playbook import Playbook
from tests.gate_stage import LIVE, START, target
from tests.unit.domain.sound import CONSTANTS, IDENTIFIERS, NAMES, NUMBERED, PREFIXES, SOUND
from tests.unit.domain.sound_kube import POLICY, json_is_ours

PLAYBOOKS = {one.id: one for one in read_folder(Path(__file__).parents[3] / "playbooks")[0]}
hostile = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["", "0", "1", "7", "50", "51", "-1", "007", "1e3", "٣", "$(reboot)", "a;b", "--all", "x y", "\n"]
    ),
    st.integers(min_value=-5, max_value=10**12).map(str),
)


def ecs(**live: str) -> dict[str, str]:
    plain = {
        "uid": "u-1",
        "status": "ACTIVE",
        "desired_count": "30",
        "running_count": "30",
        "task_definition": "td:1",
        "previous_count": "5",
        "scaled_at": str(int(START) - 300),
        "unit_price": "4900",
        "revision": "cart:8",
        "previous_revision": "cart:7",
        "deployed_at": str(int(START) - 300),
        "previous_ran_s": "86400",
    }
    return {**plain, **live}


def fields(kind: str) -> st.SearchStrategy[dict[str, str]]:
    """A sound object in which up to two fields are replaced or taken away."""
    sound = {**SOUND.get(kind, ecs(desired_count="12", running_count="12"))}
    sound |= LIVE if kind == "k8s.deployment" else {}
    spoilt = st.dictionaries(st.sampled_from(sorted(LIVE_FIELDS[kind])), hostile | st.none(), max_size=2)
    return spoilt.map(
        lambda changed: {name: text for name, text in {**sound, **changed}.items() if text is not None}
    )


@settings(max_examples=400, deadline=None)
@given(data=st.data(), playbook=st.sampled_from(sorted(PLAYBOOKS)))
def test_every_word_of_a_command_is_ours(data: st.DataObject, playbook: str) -> None:
    book = PLAYBOOKS[playbook]
    kind = book.target.type
    live = data.draw(fields(kind))
    name = data.draw(st.sampled_from(NAMES.get(kind, ["basket", "cart"])) | hostile)
    scope = data.draw(st.just("production") | st.just("staging") | hostile)
    found = {
        item.name: [
            (
                Target(item.type, name, scope, f"u-{number}", name),
                live if item.type == kind else SOUND.get(item.type, live),
            )
        ]
        for number, item in enumerate(book.targets)
    }
    try:
        bound = bind(book, found, now=START)
    except WatchkeeperError:
        return
    event(f"{playbook} bound")
    inventory = {
        name,
        *name.split(":"),
        scope,
        *(one[0].uid for targets in found.values() for one in targets),
    }
    inventory |= {value for targets in found.values() for _target, one in targets for value in one.values()}
    for step in bound.steps:
        for word in (*step.command, *(step.undo_command or ())):
            assert allowed(word, inventory, book), word
        assert not step.stdin or json_is_ours(step.stdin, inventory, bounded), step.stdin


def allowed(word: str, inventory: set[str], book: Playbook) -> bool:
    if word in CONSTANTS or word == f"networkpolicy/{POLICY}":
        return True
    if word.startswith("--patch="):
        return json_is_ours(word.removeprefix("--patch="), inventory, bounded)
    prefix = next((prefix for prefix in PREFIXES if word.startswith(prefix)), "")
    value = word.removeprefix(prefix)
    if prefix in NUMBERED:
        number = value.removesuffix("s") if prefix == "--older-than=" else value
        return re.fullmatch(r"-1|[0-9]{1,7}", number) is not None and bounded(int(number))
    # A replica is named after its primary and its number.
    value = re.sub(r"-wk[1-9]$", "", value) if prefix == "--db-instance-identifier=" else value
    # The last word of some commands is the target's name alone, always behind `--`.
    return value in inventory and any(re.fullmatch(form, value) for form in (NAME, *IDENTIFIERS))


def bounded(number: int) -> bool:
    params = [
        param for action in ACTIONS.values() for param in action.params.values() if param.kind == "integer"
    ]
    return any(param.minimum <= number <= param.maximum for param in params)


CART = Target("ecs.service", "cart", "production", "u-1", "cart")


def test_rollback_sets_the_previous_revision_and_knows_its_way_back() -> None:
    bound = bind(PLAYBOOKS["rollback-deployment"], {"target": [(target(), LIVE)]}, now=START)
    step = bound.steps[0]
    assert step.command[-3:] == ("--to-revision=6", "--", "deployment/basket")
    assert step.undo_params == {"to_revision": 7, "to_template": "bbbb7"}
    assert step.expect == {"uid": LIVE["uid"], "revision": "7", "template_hash": "bbbb7"}
    assert bound.blast_radius == {"deployments": 1, "pods": 4}


def test_restore_and_scale_out_set_absolute_counts() -> None:
    restored = bind(PLAYBOOKS["restore-ecs-count"], {"target": [(CART, ecs())]}, now=START)
    assert restored.steps[0].params == {"count": 5}
    assert restored.steps[0].undo_params == {"count": 30}
    assert restored.blast_radius == {"services": 1, "tasks": 25}
    out = bind(
        PLAYBOOKS["scale-out-ecs-service"],
        {"target": [(CART, ecs(desired_count="5", running_count="5"))]},
        now=START,
    )
    assert out.steps[0].params == {"count": 13}
    assert out.blast_radius == {"services": 1, "tasks": 8, "cents_per_hour": 40}


@pytest.mark.parametrize(
    ("playbook", "live", "reason"),
    [
        ("restore-ecs-count", {"previous_count": ""}, "cart has no previous count."),
        ("restore-ecs-count", {"previous_count": "five"}, "cart: its previous_count is not a whole number."),
        (
            "restore-ecs-count",
            {"previous_count": "51"},
            "cart: count would be 51, the playbook allows 1 to 50.",
        ),
        (
            "restore-ecs-count",
            {"previous_count": "0"},
            "cart: count would be 0, the playbook allows 1 to 50.",
        ),
        ("restore-ecs-count", {"status": "DRAINING"}, "it does not hold that the service is active"),
        ("restore-ecs-count", {"desired_count": "5"}, "it does not hold that the last change was a scale-up"),
        ("restore-ecs-count", {"scaled_at": str(int(START) - 7201)}, "that the scale-up is recent"),
        ("restore-ecs-count", {"scaled_at": ""}, "that the scale-up is recent"),
        ("restore-ecs-count", {"desired_count": "46"}, "it would touch 41 tasks, the playbook's cap is 40."),
        ("scale-out-ecs-service", {}, "count would be 75, the playbook allows 2 to 40."),
        (
            "scale-out-ecs-service",
            {"desired_count": "8", "running_count": "8", "unit_price": "0"},
            "what it would cost is unknown; give its price in WATCHKEEPER_PRICES.",
        ),
        (
            "scale-out-ecs-service",
            {"desired_count": "8", "running_count": "8", "unit_price": "41700"},
            "it would touch 501 cents_per_hour, the playbook's cap is 500.",
        ),
        ("restore-task-definition", {"previous_ran_s": "599"}, "is known to have run for ten minutes"),
        ("restore-task-definition", {"previous_ran_s": ""}, "is known to have run for ten minutes"),
        ("restore-task-definition", {"previous_revision": "shop:7"}, "of another family"),
        ("restore-task-definition", {"controller": "CODE_DEPLOY"}, "its deployments belong to CODE_DEPLOY"),
        ("scale-out-ecs-service", {"desired_count": "8"}, "that the running tasks are the desired ones"),
    ],
)
def test_what_does_not_bind_says_why(playbook: str, live: dict[str, str], reason: str) -> None:
    with pytest.raises(WatchkeeperError, match=re.escape(reason)):
        bind(PLAYBOOKS[playbook], {"target": [(CART, ecs(**live))]}, now=START)


@pytest.mark.parametrize(("desired", "fits"), [("45", True), ("46", False)])
def test_cap_boundary(desired: str, fits: bool) -> None:
    if fits:
        assert (
            bind(
                PLAYBOOKS["restore-ecs-count"], {"target": [(CART, ecs(desired_count=desired))]}, now=START
            ).blast_radius["tasks"]
            == 40
        )
        return
    with pytest.raises(WatchkeeperError, match="cap"):
        bind(PLAYBOOKS["restore-ecs-count"], {"target": [(CART, ecs(desired_count=desired))]}, now=START)


def test_constants_are_those_of_the_catalogue() -> None:
    """The lists above are the catalogue's words: a new one must be added here by hand."""
    for action in ACTIONS.values():
        params: dict[str, str | int] = {
            n: p.minimum if p.kind == "integer" else "1" for n, p in action.params.items()
        }
        for word in action_of(action.id).command(Target(action.target_kind, "n", "s", "u", "n"), params):
            assert word in {*CONSTANTS, "n"} or word.startswith((*PREFIXES, "--patch=")), word
