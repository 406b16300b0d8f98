"""Playbook files: the shipped ones are sound, and each rule has a bad file whose finding names file and line."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.adapters.playbooks import _lint
from bot.adapters.playbooks._schema import schema_text
from bot.adapters.playbooks.yaml_files import build, read_folder
from bot.cli.playbooks import app
from bot.domain.actions.kubernetes import ROLLOUT_UNDO
from bot.domain.actions.table import ACTIONS
from bot.domain.errors import Permanent
from bot.domain.evidence import CauseClass
from bot.domain.playbook import Offer
from bot.settings import Settings

SHIPPED = Path(__file__).parents[3] / "playbooks"
GOOD = """\
id: undo-it
version: 1
name: Undo it
match:
  causes: [deploy]
inputs:
  target: {type: k8s.deployment, from: incident.suspect}
  revision: {type: integer, from: target.previous_revision, min: 1, max: 100}
  template: {type: name, from: target.previous_template_hash}
policy:
  tier: supervised
  approvals: {min: 1, expires: 15m}
  blast-radius: {deployments: 1, pods: 30}
preconditions:
  - {name: it differs, expect: target.revision != inputs.revision}
steps:
  - id: undo
    name: Undo
    uses: kubectl/rollout-undo
    with: {to_revision: "${{ inputs.revision }}", to_template: "${{ inputs.template }}"}
verify:
  - {signal: error_ratio, below: 0.02, within: 10m}
on-failure: rollback
"""
# What is replaced in the good file, by what, and the line and rule of the finding.
BAD: list[tuple[str, str, int, str]] = [
    ("version: 1", "version: 1\nversion: 2", 3, "duplicate-key"),
    ("name: Undo it", "name: on", 3, "unquoted-boolean"),
    ("name: Undo it", "name: Yes", 3, "unquoted-boolean"),
    ("name: Undo it", "name: 2024-01-01", 3, "scalar"),
    ("version: 1", "version: 010", 2, "scalar"),
    ("version: 1", "version: 1:30", 2, "scalar"),
    ("name: Undo it", "yes: Undo it", 3, "key"),
    ("name: Undo it", "on: Undo it", 3, "unknown-key"),
    ("match:", "match: &m", 4, "alias"),
    ("name: Undo it", "name: !!str Undo it", 3, "tag"),
    ("name: Undo it", "name: [Undo", 4, "yaml"),
    ("name: Undo it", "name: Undo it\nowner: me", 4, "unknown-key"),
    ("min: 1, max: 100}", "min: 1, max: 100, mid: 3}", 8, "unknown-key"),
    ("version: 1", 'version: "1"', 2, "type"),
    ("[deploy]", "[sunspots]", 5, "enum"),
    ("expires: 15m", "expires: 15 minutes", 12, "pattern"),
    ("target.revision != inputs.revision", "target.revision ~ inputs.revision", 15, "pattern"),
    ('"${{ inputs.revision }}"', '"{{ inputs.revision }}; reboot"', 20, "oneOf"),
    ('"${{ inputs.revision }}"', '"x${{ inputs.revision }}"', 20, "oneOf"),
    ("on-failure: rollback\n", "", 1, "required"),
    ("error_ratio", "happiness", 22, "enum"),
    ("id: undo-it", "id: undo-that", 1, "id"),
    ("kubectl/rollout-undo", "kubectl/delete", 19, "unknown-action"),
    ("kubectl/rollout-undo", "ecs/set-desired-count", 19, "target"),
    ("type: k8s.deployment", "type: name", 6, "target"),
    ("from: target.previous_revision", "from: target.owner", 8, "input-source"),
    ("from: target.previous_revision", "from: incident.suspect", 8, "input-source"),
    ("min: 1, max: 100}", "min: 1}", 8, "bounds"),
    ("min: 1, max: 100}", "min: 9, max: 1}", 8, "bounds"),
    ("min: 1, max: 100}", "min: 0, max: 100}", 20, "bounds"),
    ("from: target.previous_template_hash}", "from: target.previous_template_hash, max: 3}", 9, "bounds"),
    (', to_template: "${{ inputs.template }}"', "", 20, "parameter"),
    ("{to_revision:", "{force: 1, to_revision:", 20, "parameter"),
    ("${{ inputs.revision }}", "${{ inputs.version }}", 20, "undeclared-input"),
    ("${{ inputs.revision }}", "${{ inputs.template }}", 20, "bounds"),
    ('"${{ inputs.revision }}"', "0", 20, "bounds"),
    ("!= inputs.revision", "!= inputs.version", 15, "undeclared-input"),
    ("target.revision != inputs", "target.owner != inputs", 15, "precondition"),
    ("    with:", "    irreversible: true\n    with:", 24, "irreversible"),
    ("verify:\n  - {signal: error_ratio, below: 0.02, within: 10m}", "verify: []", 21, "verify"),
    ("within: 10m", "within: 5s", 22, "bounds"),
    ("within: 10m", "within: 2h", 22, "bounds"),
    ("min: 1, expires", "min: 0, expires", 12, "approvals"),
    ("min: 1, expires", "min: 2, expires", 12, "approvals"),
    ("expires: 15m", "expires: 30m", 12, "bounds"),
    ("{deployments: 1, pods: 30}", "{deployments: 1}", 13, "blast-radius"),
    ("{deployments: 1, pods: 30}", "{deployments: 1, pods: 30, nodes: 1}", 13, "blast-radius"),
    ("[deploy]", "[deploy, planned]", 5, "unreachable-match"),
    ("[deploy]", "[unknown]", 5, "unreachable-match"),
]


def findings_of(folder: Path, text: str, name: str = "undo-it.yaml") -> list[tuple[str, int, str]]:
    (folder / name).write_text(text)
    return [(finding.path, finding.line, finding.rule) for finding in read_folder(folder)[1]]


def test_shipped_playbooks_are_sound_and_their_schema_is_published(settings: Callable[..., Settings]) -> None:
    found = {one.id: one for one in build(settings(playbooks_dir=str(SHIPPED))).all()}
    assert sorted(found) == sorted(path.stem for path in SHIPPED.glob("*.yaml"))
    assert found["forensic-package"].offer is Offer.COMPANION
    assert CauseClass.SECURITY in found["forensic-package"].causes
    assert (SHIPPED / "playbook.schema.json").read_text() == schema_text()


def test_the_good_file_is_good(tmp_path: Path) -> None:
    assert findings_of(tmp_path, GOOD) == []


@pytest.mark.parametrize(("old", "new", "line", "rule"), BAD)
def test_each_rule_names_file_and_line(tmp_path: Path, old: str, new: str, line: int, rule: str) -> None:
    assert old in GOOD
    found = findings_of(tmp_path, GOOD.replace(old, new, 1))
    assert (f"{tmp_path}/undo-it.yaml", line, rule) in found


def test_a_step_without_inverse_must_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lasting = replace(ROLLOUT_UNDO, inverse=lambda _live, _params: None)
    monkeypatch.setattr(_lint, "ACTIONS", {**ACTIONS, lasting.id: lasting})
    assert findings_of(tmp_path, GOOD) == [(f"{tmp_path}/undo-it.yaml", 17, "irreversible")]
    said = GOOD.replace("    with:", "    irreversible: true\n    with:").replace(
        "on-failure: rollback", "on-failure: stop"
    )
    assert findings_of(tmp_path, said) == []


def test_a_playbook_that_another_one_stands_in_for(tmp_path: Path) -> None:
    (tmp_path / "undo-it.yaml").write_text(GOOD)
    found = findings_of(tmp_path, GOOD.replace("id: undo-it", "id: undo-twin"), "undo-twin.yaml")
    assert found == [(f"{tmp_path}/undo-twin.yaml", 4, "unreachable-match")]


def test_a_bad_folder_stops_the_start(tmp_path: Path, settings: Callable[..., Settings]) -> None:
    with pytest.raises(Permanent, match="no playbook in"):
        build(settings(playbooks_dir=str(tmp_path)))
    (tmp_path / "undo-it.yaml").write_text(GOOD.replace("version: 1", "version: one"))
    with pytest.raises(Permanent, match=r"undo-it\.yaml:2: version: 'one' is not of type 'integer'"):
        build(settings(playbooks_dir=str(tmp_path)))
    (tmp_path / "undo-it.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(Permanent, match=r"undo-it\.yaml:1: is not UTF-8"):
        build(settings(playbooks_dir=str(tmp_path)))
    with pytest.raises(Permanent, match="is no folder"):
        build(settings(playbooks_dir=str(tmp_path / "gone")))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a\n- b\n",
        "just text",
        "a: &a [*a]",
        "{" * 300,
        "a: " + "[" * 600 + "]" * 600,
        "a: 1\n---\nb: 2\n",
        "\x00",
    ],
)
def test_hostile_files_are_findings_not_crashes(tmp_path: Path, text: str) -> None:
    assert findings_of(tmp_path, text)


def test_command_line(tmp_path: Path) -> None:
    runner = CliRunner()
    (tmp_path / "undo-it.yaml").write_text(GOOD)
    good = runner.invoke(app, ["lint", "--folder", str(tmp_path)])
    assert (good.exit_code, good.stdout) == (0, "1 playbooks, no findings\n")
    (tmp_path / "undo-it.yaml").write_text(GOOD.replace("kubectl/rollout-undo", "kubectl/delete"))
    bad = runner.invoke(app, ["lint", "--folder", str(tmp_path)])
    assert bad.exit_code == 1
    assert f"{tmp_path}/undo-it.yaml:19: unknown action 'kubectl/delete'" in bad.stdout
