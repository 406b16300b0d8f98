"""Writes docs/actions.md and a page per action: `python -m tests.action_docs`. What the tests prove is theirs to say."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from bot.adapters.playbooks.yaml_files import read_folder
from bot.domain.action_page import Around, page, page_name
from bot.domain.action_words.table import WORDS
from bot.domain.actions.table import ACTIONS, LIVE_FIELDS
from bot.domain.catalogue import Action
from bot.domain.playbook import Playbook
from tests.contract.executors.beds import BEDS, WITHOUT_PLAYBOOK

ROOT = Path(__file__).resolve().parents[1]
_INTRO = """# Actions

Everything that Watchkeeper can do, one page each. The catalogue (`bot/domain/actions/`) is the whole vocabulary: an
action that is not in it cannot be proposed, approved or executed. Pages and table are generated from it by
`python -m tests.action_docs`; a test holds them equal.

What proves an action: the *real kube-apiserver* with its controllers; the *simulated cluster* of the demo, through
the real kubectl; *moto*, a test server of AWS; *embedded PostgreSQL*, with live backends; a *Stubber*, where no
server has the call and answers are written by hand. No action was proven on a paid AWS account.

| Action | Does | Class | Proven on |
| --- | --- | --- | --- |
"""

_KINDS = """
## Targets

What a playbook may act on, how an object is known to belong to a service, and the live fields that inputs and
preconditions may read. All fields are strings; the files of `bot/domain/actions/` say what each means.

| Kind | Belongs to a service by | Live fields | Actions |
| --- | --- | --- | --- |
"""
FOUND_BY: Mapping[str, str] = {
    "appconfig.configuration": "the application's name",
    "autoscaling.group": "the tag `service`, else the group's name",
    "ebs.volume": "the tag `service` of the instance that it is attached to",
    "ec2.instance": "the tag `service`",
    "ecs.service": "the service's name",
    "elbv2.rule": "the tag `service` of the rule itself",
    "jvm.service": "its management door in the settings",
    "k8s.deployment": "the label `service`",
    "k8s.flag": "the label `service` of the ConfigMap",
    "k8s.hpa": "the label `service`",
    "k8s.namespace": "being the one where its Deployment is",
    "k8s.node": "being named as a service by the monitoring itself",
    "k8s.pod": "the label `service`",
    "lambda.alias": "the function's name",
    "postgresql.role": "the role's service in the settings",
    "rds.instance": "the tag `service`",
    "ssm.instance": "the tag `service`",
    "ssm.parameter": "the path `/SERVICE/`",
    "waf.ip_set": "the set's service in the settings",
}


def written() -> Mapping[str, str]:
    """Path below docs/ -> text."""
    pages = {
        f"actions/{page_name(action)}": page(action, WORDS[action.id], around(action))
        for action in ACTIONS.values()
    }
    rows = [_row(action) for action in sorted(ACTIONS.values(), key=lambda one: one.id)]
    return {"actions.md": _INTRO + "\n".join(rows) + "\n" + _KINDS + "\n".join(_kinds()) + "\n", **pages}


def _kinds() -> Iterator[str]:
    for kind in sorted(LIVE_FIELDS):
        fields = ", ".join(f"`{field}`" for field in sorted(LIVE_FIELDS[kind]))
        actions = ", ".join(f"`{one.id}`" for one in ACTIONS.values() if one.target_kind == kind)
        yield f"| `{kind}` | {FOUND_BY[kind]} | {fields} | {actions} |"


def around(action: Action) -> Around:
    """What stands around an action: its proofs, and the shipped playbooks that use it."""
    proof = BEDS[action.id]
    return Around(
        beds=[f"{bed}" for bed in proof.beds] + [f"`{proof.test}`"],
        only_stubbed=proof.only_stubbed,
        playbooks=users(action),
        without_playbook=WITHOUT_PLAYBOOK.get(action.id, ""),
    )


def users(action: Action) -> list[str]:
    """Ids of the shipped playbooks that use the action."""
    return [one.id for one in _shipped() if action.id in {step.uses for step in one.steps}]


@cache
def _shipped() -> list[Playbook]:
    return read_folder(ROOT / "playbooks")[0]


def _row(action: Action) -> str:
    proof = BEDS[action.id]
    beds = ", ".join(proof.beds) + (" (**only a Stubber proves this**)" if proof.only_stubbed else "")
    klass = "safe" if action.read_only else action.klass.value
    return f"| [`{action.id}`](actions/{page_name(action)}) | {WORDS[action.id].does} | {klass} | {beds} |"


def main() -> None:
    """Write every page, and delete those of actions that are gone."""
    folder = ROOT / "docs"
    pages = written()
    (folder / "actions").mkdir(exist_ok=True)
    for path in (folder / "actions").glob("*.md"):
        if f"actions/{path.name}" not in pages:
            path.unlink()
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
