"""The documentation page of an action as Markdown, computed from the catalogue and its words. Pure."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.action_facts import (
    example_command,
    example_target,
    fields_set,
    sample_params,
    units,
    way_back,
)
from bot.domain.action_words.words import Words
from bot.domain.catalogue import Action, Param
from bot.domain.permissions import APART, KubePermission, permission_of
from bot.domain.plan import ActionClass

_CLASSES = {
    ActionClass.SAFE: "safe: one person, one click",
    ActionClass.RISKY: "risky: one person, with a reason",
    ActionClass.DESTRUCTIVE: "destructive: two people, and the target's name typed",
}


@dataclass(frozen=True, slots=True)
class Around:
    """What the catalogue does not know: on what the action is proven, and which playbooks use it."""

    beds: Sequence[str] = ()
    only_stubbed: bool = False
    playbooks: Sequence[str] = ()
    without_playbook: str = ""


def page_name(action: Action) -> str:
    """The file name of its page."""
    return action.id.replace("/", "-") + ".md"


def page(action: Action, words: Words, around: Around) -> str:
    """The whole page; ends with a newline."""
    rows = _rows(action, words, around)
    table = [f"| {name} | {value} |" for name, value in rows if value]
    command = shlex.join(example_command(action))
    lines = [f"# `{action.id}`", "", words.does, "", "| | |", "| --- | --- |", *table, ""]
    lines += ["The command, with example values:", "", "```", command, "```", ""]
    manifest = action.manifest(example_target(action), sample_params(action))
    if manifest:
        lines += ["It reads from standard input:", "", "```", manifest.rstrip("\n"), "```", ""]
    if words.refuses:
        lines += ["It is refused, when proposed and again right before the call, when:", ""]
        lines += [f"- {sentence}" for sentence in words.refuses] + [""]
    lines += ["Risks:", "", *(f"- {sentence}" for sentence in words.risks), ""]
    if around.only_stubbed:
        lines += [
            "**Only a Stubber proves this:** no test server has this call, so the answers of the tests are written by hand.",
            "",
        ]
    return "\n".join(lines)


def _rows(action: Action, words: Words, around: Around) -> list[tuple[str, str]]:
    return [
        ("Acts on", f"`{action.target_kind}`"),
        ("Class", "safe: changes nothing" if action.read_only else _CLASSES[action.klass]),
        ("Executor", f"`{action.executor}`"),
        ("Inputs", "; ".join(_input(name, param) for name, param in action.params.items()) or "none"),
        ("Touches (capped by the playbook)", _listed(units(action)) or "nothing"),
        ("Takes away (capped by `WATCHKEEPER_MAX_REPLICA_PERCENT`)", words.takes),
        ("Undone by", _undo(action)),
        ("Unchanged since the approval", _listed(("uid", *action.expect))),
        ("Dry run", words.dry_run),
        ("Sets", _listed(fields_set(action)) or "nothing"),
        ("Read back", words.read_back),
        ("Permissions", _permissions(action)),
        ("Proven on", ", ".join(around.beds)),
        ("Used by", _listed(around.playbooks) or around.without_playbook),
    ]


def _input(name: str, param: Param) -> str:
    if param.kind == "integer":
        return f"`{name}`: whole number, {param.minimum} to {param.maximum}"
    pattern = param.pattern.replace("|", "\\|")
    return f"`{name}`: identifier from the inventory, `{pattern}`"


def _undo(action: Action) -> str:
    if action.nothing_to_undo:
        return "nothing to undo"
    if way_back(action) is None:
        return "**irreversible**: nothing brings the state from before back"
    return "the same action with the values from before"


def _permissions(action: Action) -> str:
    apart = any(
        isinstance(one, KubePermission) and one.resource == APART
        for one in map(permission_of, action.permissions)
    )
    listed = _listed(sorted(set(action.permissions)))
    return listed + (" (exec is a role of its own, off by default)" if apart else "")


def _listed(texts: Sequence[str]) -> str:
    return ", ".join(f"`{text}`" for text in texts)
